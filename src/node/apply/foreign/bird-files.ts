import { dirname, isAbsolute, join } from 'node:path'
import { expandGlob } from '../../../files/glob.ts'
import { openRegularFile } from '../../../files/open-regular-file.ts'
import { type BirdStatement, readBirdStatements } from './bird-statements.ts'
import type { ConfigText } from './foreign.ts'

const most = { files: 500, bytes: 64 * 2 ** 20, depth: 8 } as const

/** A statement, and the file that it is in. */
export type PlacedStatement = BirdStatement & { readonly path: string }

/**
 * The statements of a configuration and of the files that it includes, the controller's own excepted. An include that
 * cannot be read is itself a statement of the result.
 */
export async function readWithIncludes(
  main: ConfigText,
  announceFile: string | null,
): Promise<PlacedStatement[]> {
  const left = { files: most.files, bytes: most.bytes }
  const read = async ({ path, text }: ConfigText, depth: number): Promise<PlacedStatement[]> => {
    const found: PlacedStatement[] = []
    for (const statement of readBirdStatements(text)) {
      const pattern =
        statement.head[0] === 'include' ? /^"(.*)"$/.exec(statement.head[1] ?? '')?.[1] : undefined
      if (pattern === undefined) {
        found.push({ ...statement, path })
        continue
      }
      const files = await expandGlob(isAbsolute(pattern) ? pattern : join(dirname(path), pattern))
      if (files.every((file) => file === announceFile) && pattern.includes('announce.con')) continue
      for (const file of files) {
        if (file === announceFile) continue
        const included = depth < most.depth ? await readLimited(file, left) : null
        if (included === null) found.push({ ...statement, path })
        else found.push(...(await read({ path: file, text: included }, depth + 1)))
      }
    }
    return found
  }
  return read(main, 0)
}

/** `null`: the file cannot be read, or the limits are reached. */
async function readLimited(path: string, left: { files: number; bytes: number }): Promise<string | null> {
  left.files -= 1
  if (left.files < 0) return null
  try {
    const file = await openRegularFile(path)
    if (file === null) return null
    try {
      left.bytes -= (await file.handle.stat()).size
      return left.bytes < 0 ? null : await file.handle.readFile('utf8')
    } finally {
      await file.handle.close()
    }
  } catch {
    return null
  }
}
