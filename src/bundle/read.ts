import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type Manifest, manifestSchema } from '../planner/manifest.ts'
import { ConfigError, type Issue } from '../sites/issue.ts'
import { hashOf } from './atomic-file.ts'

export const manifestName = 'manifest.json'

/** Reads a bundle's manifest and checks that its files are those it was written with. Throws ConfigError. */
export async function readBundle(dir: string): Promise<Manifest> {
  const file = join(dir, manifestName)
  const manifest = await readManifest(dir)
  const issues: Issue[] = []
  for (const [path, hash] of Object.entries(manifest.files)) {
    const content = await readOrExplain(join(dir, path), file)
    if (hashOf(content) !== hash) {
      issues.push(
        issueAt(join(dir, path), '', 'is not the file that the manifest was written with', planAgain),
      )
    }
  }
  if (issues.length > 0) throw new ConfigError(issues)
  return manifest
}

/** The manifest alone: a withdrawal needs nothing else of a bundle, and asks nothing else of it. Throws ConfigError. */
export async function readManifest(dir: string): Promise<Manifest> {
  const file = join(dir, manifestName)
  return parseManifest(file, await readOrExplain(file, file))
}

interface EarlierBundle {
  /** `null` where there is none, or one that was not written as it stands there. */
  readonly manifest: Manifest | null
  /** What is in the folder of the files named, by their names. */
  readonly files: ReadonlyMap<string, string>
}

/** What the last plan left in a node's folder, to compare the next one with. Never throws: no bundle is fine. */
export async function readEarlierBundle(dir: string, names: readonly string[]): Promise<EarlierBundle> {
  const manifest = await readBundle(dir).catch(() => null)
  const files = new Map<string, string>()
  for (const name of new Set([...names, ...Object.keys(manifest?.files ?? {})])) {
    const content = await readFile(join(dir, name), 'utf8').catch(() => null)
    if (content !== null) files.set(name, content)
  }
  return { manifest, files }
}

export interface BundlePlace {
  readonly site: string
  readonly node: string
  readonly dir: string
}

/** The bundles below a folder of `plan --out`, sorted. */
export async function listBundles(out: string): Promise<BundlePlace[]> {
  const places = []
  for (const site of await listFolders(out)) {
    for (const node of await listFolders(join(out, site))) {
      const dir = join(out, site, node)
      if (await isFile(join(dir, manifestName))) places.push({ site, node, dir })
    }
  }
  return places
}

async function listFolders(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { withFileTypes: true }).catch(() => [])
  return entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort()
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null))?.isFile() === true
}

const planAgain = 'run `anyward plan` again and copy the whole folder'

function parseManifest(file: string, text: string): Manifest {
  let data: unknown
  try {
    data = JSON.parse(text)
  } catch (cause) {
    const problem = text.trimEnd().endsWith('}') ? 'is not JSON' : 'ends too early: it is not whole'
    throw new ConfigError([issueAt(file, '', problem, planAgain)], { cause })
  }
  const result = manifestSchema.safeParse(data)
  if (result.success) return result.data
  throw new ConfigError(
    result.error.issues.map((issue) => issueAt(file, issue.path.join('.'), issue.message, planAgain)),
  )
}

async function readOrExplain(path: string, manifest: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code
    const problem =
      code === 'ENOENT'
        ? 'is missing'
        : code === 'EACCES'
          ? 'may not be read by this user'
          : `can not be read (${code})`
    const hint = path === manifest ? 'name the folder of one node: OUT/<site>/<node>' : planAgain
    throw new ConfigError([issueAt(path, '', problem, hint)], { cause })
  }
}

function issueAt(file: string, path: string, message: string, hint: string): Issue {
  return { severity: 'error', file, line: 1, column: 1, path, message, hint }
}
