import type { Path } from '../../../text/wording.ts'
import { error, type Finding } from '../finding.ts'

/** Duplicate entries of a list, compared by their text. */
export function checkTwice(
  file: string,
  path: Path,
  list: readonly (string | number | { toString(): string } | undefined)[] | undefined,
): Finding[] {
  const seen = new Set<string>()
  return (list ?? []).flatMap((entry, index): Finding[] => {
    if (entry === undefined) return []
    const text = String(entry)
    if (!seen.has(text)) {
      seen.add(text)
      return []
    }
    return [error(file, [...path, index], `${text} is in this list twice`, 'keep one of the two')]
  })
}
