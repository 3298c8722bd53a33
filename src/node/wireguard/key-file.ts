import { readFile } from 'node:fs/promises'
import { parseKey } from './key.ts'

type KeyFile =
  | { readonly ok: true; readonly key: Buffer }
  | { readonly ok: false; readonly problem: string; readonly hint: string; readonly cause?: unknown }

/**
 * Reads a private or preshared key. The problem completes a sentence that starts with the file's name; it never
 * quotes the file.
 */
export async function readKeyFile(path: string): Promise<KeyFile> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOENT') {
      return {
        ok: false,
        problem: 'does not exist',
        hint: `make one: umask 077; wg genkey > ${path}`,
        cause: error,
      }
    }
    if (code === 'EACCES') {
      return {
        ok: false,
        problem: 'cannot be read by this user',
        hint: 'run as the user that owns it',
        cause: error,
      }
    }
    return {
      ok: false,
      problem: `cannot be read (${code ?? 'unknown error'})`,
      hint: 'name a file that holds one key',
      cause: error,
    }
  }
  const parsed = parseKey(text)
  return parsed.ok ? { ok: true, key: parsed.value } : parsed
}
