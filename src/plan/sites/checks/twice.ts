import { formatPath, type Path, quote } from '../../../text/wording.ts'
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

export function findTwice(
  entries: readonly { file: string; path: Path; value: string | undefined }[],
  hint: string,
): Finding[] {
  const seen = new Map<string, { file: string; path: Path }>()
  return entries.flatMap(({ file, path, value }): Finding[] => {
    if (value === undefined) return []
    const first = seen.get(value)
    if (first === undefined) {
      seen.set(value, { file, path })
      return []
    }
    const where = first.file === file ? formatPath(first.path) : `${first.file} ${formatPath(first.path)}`
    return [error(file, path, `${quote(value)} is already used by ${where}`, hint)]
  })
}
