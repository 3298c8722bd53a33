import { readdir } from 'node:fs/promises'
import { dirname, isAbsolute, join } from 'node:path'
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
      const files = await expand(isAbsolute(pattern) ? pattern : join(dirname(path), pattern))
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

/** The paths that match a pattern of glob(7), sorted, as BIRD reads them. A path without wildcards is kept as it is. */
async function expand(pattern: string): Promise<string[]> {
  if (!/[*?[]/.test(pattern)) return [pattern]
  let paths = ['/']
  for (const part of pattern.split('/').filter(Boolean)) {
    if (!/[*?[]/.test(part)) {
      paths = paths.map((path) => join(path, part))
      continue
    }
    const matches = toExpression(part)
    const lists = await Promise.all(
      paths.map(async (path) => {
        const names = await readdir(path).catch(() => [])
        return names.filter((name) => matches.test(name)).map((name) => join(path, name))
      }),
    )
    paths = lists.flat().sort()
  }
  return paths
}

function toExpression(part: string): RegExp {
  let source = part.startsWith('.') ? '' : '(?!\\.)'
  for (const [piece] of part.matchAll(/\[[!^]?[^\]]+\]|[\s\S]/g)) {
    if (piece === '*') source += '.*'
    else if (piece === '?') source += '.'
    else if (piece.length > 1) source += `[${piece.slice(1, -1).replace(/^!/, '^').replaceAll('\\', '\\\\')}]`
    else source += piece.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
  }
  return new RegExp(`^${source}$`)
}
