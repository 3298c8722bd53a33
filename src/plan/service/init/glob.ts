/** Whether a file's name matches a pattern with `*` and `?` (glob(7)): a leading dot only matches a dot. */
export function matchesGlob(name: string, pattern: string): boolean {
  if (name.startsWith('.') && !pattern.startsWith('.')) return false
  let [at, patternAt] = [0, 0]
  /** Where the last `*` was, and what it matches so far. */
  let [star, starEnd] = [-1, 0]
  while (at < name.length) {
    if (pattern[patternAt] === '*') {
      star = patternAt
      starEnd = at
      patternAt += 1
    } else if (pattern[patternAt] === '?' || pattern[patternAt] === name[at]) {
      patternAt += 1
      at += 1
    } else if (star !== -1) {
      starEnd += 1
      at = starEnd
      patternAt = star + 1
    } else return false
  }
  while (pattern[patternAt] === '*') patternAt += 1
  return patternAt === pattern.length
}
