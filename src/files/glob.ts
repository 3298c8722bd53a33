import { readdir } from 'node:fs/promises'
import { join } from 'node:path'

/** What one part of a pattern matches: any text, or one character. */
type Piece = 'any-text' | ((character: string) => boolean)

/** Whether a pattern is more than the name of a file. */
export function isGlob(pattern: string): boolean {
  return /[*?[]/.test(pattern)
}

/**
 * Whether a file's name matches a pattern with `*`, `?` and sets such as `[a-z]` (glob(7)): a leading dot only matches a
 * dot. Its time does not grow with the number of stars.
 */
export function matchesGlob(name: string, pattern: string): boolean {
  if (name.startsWith('.') && !pattern.startsWith('.')) return false
  const pieces = readPieces(pattern)
  let [at, pieceAt] = [0, 0]
  /** Where the last `*` was, and what it matches so far. */
  let [star, starEnd] = [-1, 0]
  while (at < name.length) {
    const piece = pieces[pieceAt]
    if (piece === 'any-text') {
      star = pieceAt
      starEnd = at
      pieceAt += 1
    } else if (piece?.(name[at]!) === true) {
      pieceAt += 1
      at += 1
    } else if (star !== -1) {
      starEnd += 1
      at = starEnd
      pieceAt = star + 1
    } else return false
  }
  while (pieces[pieceAt] === 'any-text') pieceAt += 1
  return pieceAt === pieces.length
}

/** Whether a path matches a pattern, folder by folder. */
export function matchesPath(path: string, pattern: string): boolean {
  const [names, patterns] = [path, pattern].map((text) => text.split('/').filter(Boolean)) as [
    string[],
    string[],
  ]
  return names.length === patterns.length && names.every((name, index) => matchesGlob(name, patterns[index]!))
}

/** The paths that match an absolute pattern, sorted. A path without wildcards is kept as it is, whether it exists or not. */
export async function expandGlob(pattern: string): Promise<string[]> {
  if (!isGlob(pattern)) return [pattern]
  let paths = ['/']
  for (const part of pattern.split('/').filter(Boolean)) {
    if (!isGlob(part)) {
      paths = paths.map((path) => join(path, part))
      continue
    }
    const lists = await Promise.all(
      paths.map(async (path) => {
        const names = await readdir(path).catch(() => [])
        return names.filter((name) => matchesGlob(name, part)).map((name) => join(path, name))
      }),
    )
    paths = lists.flat().sort()
  }
  return paths
}

function readPieces(pattern: string): Piece[] {
  return [...pattern.matchAll(/\[([!^]?)(\]?[^\]]*)\]|[\s\S]/g)].map(([piece, not, members]): Piece => {
    if (piece === '*') return 'any-text'
    if (piece === '?') return () => true
    if (members === undefined || members === '') return (character) => character === piece
    return (character) => isMember(character, members) === (not === '')
  })
}

function isMember(character: string, members: string): boolean {
  for (let at = 0; at < members.length; at += 1) {
    const first = members[at]!
    if (members[at + 1] === '-' && at + 2 < members.length) {
      if (first <= character && character <= members[at + 2]!) return true
      at += 2
    } else if (first === character) return true
  }
  return false
}
