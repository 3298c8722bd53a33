import { hashOf } from '../files/hash.ts'
import { fileName, name } from '../manifest/values.ts'
import { type Infer, map, pattern, readJson, record, whole, word } from '../text/shape.ts'

/** What the planner signs for a node. */
export const statementName = 'statement.json'
/** The name that `ssh-keygen -Y sign` gives it. */
export const signatureName = `${statementName}.sig`

const statement = record({
  format: word(1),
  site: name,
  node: name,
  /** A later bundle of the node has a higher one. */
  serial: whole(1, Number.MAX_SAFE_INTEGER),
  /** SHA-256 of every other file of the bundle, the manifest included. */
  files: map(fileName, pattern(/^[0-9a-f]{64}$/, 'is not a SHA-256 in hex', 64), 200),
})

export type Statement = Infer<typeof statement>

export function renderStatement({ files, ...rest }: Statement): string {
  const sorted = Object.fromEntries(Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1)))
  return `${JSON.stringify({ ...rest, files: sorted }, null, 2)}\n`
}

/** `null` if the text is no statement. */
export function readStatement(text: string): Statement | null {
  return readJson(statement, text)
}

export function hashesOf(files: ReadonlyMap<string, string>): Record<string, string> {
  return Object.fromEntries([...files].map(([path, content]) => [path, hashOf(content)]))
}

/** The names of files that are not as the statement says, or that only one of the two has, sorted. */
export function differencesOf({ files }: Statement, hashes: Readonly<Record<string, string>>): string[] {
  return [...new Set([...Object.keys(files), ...Object.keys(hashes)])]
    .filter((path) => files[path] !== hashes[path])
    .sort()
}

/**
 * UTC as YYYYMMDDhhmmss, so that serials rise even if all that is known of former ones is lost; but always above them,
 * also if the clock was set back.
 */
export function nextSerial(nowMs: number, highest: number): number {
  const now = Number(new Date(nowMs).toISOString().replaceAll(/\D/g, '').slice(0, 14))
  return Math.max(now, highest + 1)
}
