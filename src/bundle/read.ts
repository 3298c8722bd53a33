import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { hashOf } from '../files/hash.ts'
import { type Manifest, readManifestText, readManifestValue } from '../manifest/manifest.ts'
import { ConfigError, type Issue } from '../text/issue.ts'

export const manifestName = 'manifest.json'

/** Reads a bundle's manifest and checks the hashes of its files. Throws ConfigError. */
export async function readBundle(dir: string): Promise<Manifest> {
  const file = join(dir, manifestName)
  const manifest = await readManifest(dir)
  const issues: Issue[] = []
  for (const [path, hash] of Object.entries(manifest.files)) {
    const content = await readOrExplain(join(dir, path), file)
    if (hashOf(content) !== hash) {
      issues.push(issueAt(join(dir, path), '', 'does not match its hash in the manifest', planAgain))
    }
  }
  if (issues.length > 0) throw new ConfigError(issues)
  return manifest
}

/** Reads the manifest alone: a withdrawal needs no other file of the bundle. Throws ConfigError. */
export async function readManifest(dir: string): Promise<Manifest> {
  const file = join(dir, manifestName)
  return parseManifest(file, await readOrExplain(file, file))
}

/**
 * Identifies a bundle: the SHA-256 of its manifest, which has the hash of each other file. `null` if the folder does not
 * contain this bundle, or no longer. On a node, `sha256sum manifest.json` prints the same.
 */
export async function bundleDigest(dir: string, manifest: Manifest): Promise<string | null> {
  const text = await readFile(join(dir, manifestName), 'utf8').catch(() => '')
  return JSON.stringify(readManifestText(text)) === JSON.stringify(manifest) ? hashOf(text) : null
}

interface EarlierBundle {
  /** `null` if there is no manifest, or one that was changed after it was written. */
  readonly manifest: Manifest | null
  /** Contents of the files in the folder by name, of the new bundle and of the earlier one. */
  readonly files: ReadonlyMap<string, string>
}

/**
 * Reads the last plan's bundle from a node's folder, to compare the new bundle with. Never throws: no bundle is a
 * valid result.
 * Each file is read once, and a manifest with the text of the new one is not parsed again.
 */
export function readEarlierBundle(
  dir: string,
  next: { readonly contents: ReadonlyMap<string, string>; readonly manifest: Manifest },
): EarlierBundle {
  const files = new Map<string, string>()
  // Faster than one failed read for each file.
  if (!existsSync(dir)) return { manifest: null, files }
  const read = (name: string) => {
    const content = readTextOrNull(join(dir, name))
    if (content !== null) files.set(name, content)
  }
  for (const name of next.contents.keys()) read(name)
  const text = files.get(manifestName)
  if (text === undefined) return { manifest: null, files }
  const isSame = text === next.contents.get(manifestName)
  const manifest = isSame ? next.manifest : parseManifestOrNull(text)
  if (manifest === null) return { manifest, files }
  const others = Object.keys(manifest.files).filter((name) => !next.contents.has(name))
  for (const name of others) read(name)
  const isWhole = Object.entries(manifest.files).every(([name, hash]) => {
    const content = files.get(name)
    if (content === undefined) return false
    return (isSame && content === next.contents.get(name)) || hashOf(content) === hash
  })
  if (isWhole) return { manifest, files }
  for (const name of others) files.delete(name)
  return { manifest: null, files }
}

function parseManifestOrNull(text: string): Manifest | null {
  try {
    return parseManifest(manifestName, text)
  } catch {
    return null
  }
}

/** Synchronous: for thousands of small files, the waits between them take longer than the work. */
function readTextOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}

export interface BundlePlace {
  readonly site: string
  readonly node: string
  readonly dir: string
}

/** The bundles below a folder of `plan --out`, sorted. */
export function listBundles(out: string): BundlePlace[] {
  const places = []
  for (const site of listFolders(out)) {
    for (const node of listFolders(join(out, site))) {
      const dir = join(out, site, node)
      if (isFile(join(dir, manifestName))) places.push({ site, node, dir })
    }
  }
  return places
}

function listFolders(dir: string): string[] {
  try {
    return readdirSync(dir, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
      .sort()
  } catch {
    return []
  }
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true
}

const planAgain = 'run `anyward plan` again and copy the whole folder'

function parseManifest(file: string, text: string): Manifest {
  let data: unknown
  try {
    data = JSON.parse(text)
  } catch (cause) {
    const problem = text.trimEnd().endsWith('}') ? 'is not JSON' : 'is truncated'
    throw new ConfigError([issueAt(file, '', problem, planAgain)], { cause })
  }
  const read = readManifestValue(data)
  if (read.ok) return read.value
  throw new ConfigError(read.problems.map(({ path, message }) => issueAt(file, path, message, planAgain)))
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
          ? 'cannot be read by this user'
          : `cannot be read (${code})`
    const hint = path === manifest ? 'name the folder of one node: OUT/<site>/<node>' : planAgain
    throw new ConfigError([issueAt(path, '', problem, hint)], { cause })
  }
}

function issueAt(file: string, path: string, message: string, hint: string): Issue {
  return { severity: 'error', file, line: 1, column: 1, path, message, hint }
}
