import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { hashOf } from '../files/hash.ts'
import { openRegularFile } from '../files/open-regular-file.ts'
import { type Manifest, readManifestValue } from '../manifest/manifest.ts'
import { ConfigError, type Issue } from '../text/issue.ts'
import { differencesOf, readStatement, signatureName, statementName } from './statement.ts'

export const manifestName = 'manifest.json'

/**
 * A bundle in memory. Each file is read once, so that what was verified is what is installed, whatever happens to the
 * folder meanwhile.
 */
export interface LoadedBundle {
  readonly dir: string
  readonly manifest: Manifest
  /** The content of each file by name, the manifest included: those of the manifest, with its hashes. */
  readonly files: ReadonlyMap<string, string>
  /** `null`: it has no such file. Neither is checked here. */
  readonly statement: string | null
  readonly signature: string | null
  /** What else the folder has, sorted. Hidden files are never part of a bundle, and do not count. */
  readonly others: readonly string[]
}

/** Of all files together, and of the signature: far above what `anyward plan` and `anyward sign` write. */
const mostBytes = 64 * 2 ** 20
const mostSignedBytes = 2 ** 20

/** Reads a bundle and checks the hashes of its files. Its folder may belong to another user. Throws ConfigError. */
export function loadBundle(dir: string): Promise<LoadedBundle> {
  return assemble(dir, {
    read: (name, most, hint) => readFileOf(join(dir, name), most, hint),
    list: () => readdir(dir),
  })
}

/** The same, of files by name that another machine has sent. @param place where they are there, for messages */
export function loadReceived(place: string, files: ReadonlyMap<string, string>): Promise<LoadedBundle> {
  return assemble(place, {
    read: async (name) => files.get(name) ?? null,
    list: async () => [...files.keys()],
  })
}

interface Source {
  readonly read: (name: string, most: number, hint: string) => Promise<string | null>
  readonly list: () => Promise<readonly string[]>
}

async function assemble(dir: string, { read, list }: Source): Promise<LoadedBundle> {
  const require = async (name: string, most: number, hint: string) => {
    const content = await read(name, most, hint)
    if (content === null) throw new ConfigError([issueAt(join(dir, name), '', 'is missing', hint)])
    return content
  }
  const text = await require(manifestName, mostBytes, nameFolder)
  const manifest = parseManifest(join(dir, manifestName), text)
  const files = new Map<string, string>()
  const issues: Issue[] = []
  let bytes = text.length
  for (const [name, hash] of Object.entries(manifest.files)) {
    const content = await require(name, mostBytes - bytes, planAgain)
    bytes += content.length
    if (hashOf(content) === hash) files.set(name, content)
    else issues.push(issueAt(join(dir, name), '', 'does not match its hash in the manifest', planAgain))
  }
  if (issues.length > 0) throw new ConfigError(issues)
  files.set(manifestName, text)
  const statement = await read(statementName, mostSignedBytes, planAgain)
  const signature = await read(signatureName, mostSignedBytes, planAgain)
  const known = new Set([...files.keys(), statementName, signatureName])
  const others = (await list()).filter((name) => !known.has(name) && !name.startsWith('.')).sort()
  return { dir, manifest, files, statement, signature, others }
}

/** What another machine needs of it, by name: its files, and its signature if it has one. */
export function filesToCopy({ files, statement, signature }: LoadedBundle): Map<string, string> {
  const all = new Map(files)
  if (statement !== null) all.set(statementName, statement)
  if (signature !== null) all.set(signatureName, signature)
  return all
}

/** The same, for its manifest. */
export async function readBundle(dir: string): Promise<Manifest> {
  return (await loadBundle(dir)).manifest
}

/** Reads a file of a bundle; `null`: there is none. Throws ConfigError. */
export async function readFileOf(path: string, most: number, hint: string): Promise<string | null> {
  const refuse = (problem: string, cause?: unknown) =>
    new ConfigError([issueAt(path, '', problem, hint)], { cause })
  const file = await openRegularFile(path).catch((cause: NodeJS.ErrnoException) => {
    // A link of another user, or a special file.
    if (cause.code === undefined) throw refuse(cause.message.replace(`${path} `, ''), cause)
    throw refuse(describeUnreadable(cause), cause)
  })
  if (file === null) return null
  try {
    const { size } = await file.handle.stat()
    if (size > most) throw refuse('is too large')
    return await file.handle.readFile('utf8')
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause
    throw refuse(describeUnreadable(cause as NodeJS.ErrnoException), cause)
  } finally {
    await file.handle.close()
  }
}

/** Reads the manifest alone: a withdrawal needs no other file of the bundle. Throws ConfigError. */
export async function readManifest(dir: string): Promise<Manifest> {
  const file = join(dir, manifestName)
  return parseManifest(file, await readText(file))
}

/** The names of a signature in a folder that is not of a bundle with these hashes: `plan` removes it. */
export function findStaleSignature(dir: string, hashes: Readonly<Record<string, string>>): string[] {
  const names = [statementName, signatureName].filter((name) => existsSync(join(dir, name)))
  if (names.length === 0) return []
  const statement = readStatement(readTextOrNull(join(dir, statementName)) ?? '')
  return names.length === 2 && statement !== null && differencesOf(statement, hashes).length === 0
    ? []
    : names
}

/**
 * Identifies a bundle: the SHA-256 of its manifest, which has the hash of each other file. On a node,
 * `sha256sum manifest.json` prints the same.
 */
export function digestOf({ files }: Pick<LoadedBundle, 'files'>): string {
  return hashOf(files.get(manifestName)!)
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

const nameFolder = 'name the folder of one node: OUT/<site>/<node>'
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

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    const problem = describeUnreadable(cause as NodeJS.ErrnoException)
    throw new ConfigError([issueAt(file, '', problem, nameFolder)], { cause })
  }
}

function describeUnreadable({ code }: NodeJS.ErrnoException): string {
  if (code === 'ENOENT') return 'is missing'
  return code === 'EACCES' ? 'cannot be read by this user' : `cannot be read (${code})`
}

/** A problem of a file of a bundle; `path`: of a field in it. */
export function issueAt(file: string, path: string, message: string, hint: string): Issue {
  return { severity: 'error', file, line: 1, column: 1, path, message, hint }
}
