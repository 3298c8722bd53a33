import { readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import { writeFileAtomically } from '../../files/atomic-file.ts'
import { hashOf } from '../../files/hash.ts'
import { makeFolder } from '../../files/make-folder.ts'
import { parseJson } from '../../text/parse-json.ts'

/** `note`: the path of an unusable copy; `null`: there was none. */
export type LastGood =
  | { readonly found: true; readonly text: string; readonly savedAtMs: number }
  | { readonly found: false; readonly note: string | null }

const format = 'anyward last-good 1'
const headerSchema = z.strictObject({
  format: z.literal(format),
  name: z.string(),
  savedAtMs: z.number().int().nonnegative(),
  sha256: z.string(),
})

/**
 * The last good copy of that name. A truncated, altered or incompatible copy is renamed, so that it is reported
 * once. Throws the system's error if the folder cannot be read.
 */
export async function readLastGood(stateDir: string, name: string): Promise<LastGood> {
  const path = lastGoodPath(stateDir, name)
  let content: string
  try {
    content = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { found: false, note: null }
    // The file is longer than Node's longest string.
    if ((error as NodeJS.ErrnoException).code !== 'ERR_STRING_TOO_LONG') throw error
    content = ''
  }
  const end = content.indexOf('\n')
  const header = headerSchema.safeParse(parseJson(content.slice(0, end)))
  const text = content.slice(end + 1)
  if (header.success && header.data.name === name && header.data.sha256 === hashOf(text)) {
    return { found: true, text, savedAtMs: header.data.savedAtMs }
  }
  const aside = `${path}.damaged`
  await rename(path, aside)
  return { found: false, note: `the last good copy was damaged; it is now ${aside}` }
}

/** Saves `text` as the last good copy. Creates the folder; throws the system's error if it cannot be written. */
export async function writeLastGood(
  stateDir: string,
  name: string,
  text: string,
  nowMs: number,
): Promise<void> {
  const header = { format, name, savedAtMs: nowMs, sha256: hashOf(text) }
  await makeFolder(folderOf(stateDir))
  await writeFileAtomically(lastGoodPath(stateDir, name), `${JSON.stringify(header)}\n${text}`)
}

const folderOf = (stateDir: string) => join(stateDir, 'last-good')

/** Names are as-sets and paths from the YAML: the hash makes the file name unique. */
export function lastGoodPath(stateDir: string, name: string): string {
  const readable = name.replaceAll(/[^A-Za-z0-9]+/g, '-').slice(-60)
  return join(folderOf(stateDir), `${readable}.${hashOf(name).slice(0, 12)}`)
}
