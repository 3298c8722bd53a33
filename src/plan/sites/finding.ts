import type { Issue } from '../../text/issue.ts'
import type { Path } from '../../text/wording.ts'

/** An issue before its place in the text is known. */
export interface Finding {
  readonly severity: Issue['severity']
  readonly file: string
  readonly path: Path
  /** `key`: the problem is in the key, not in its value. */
  readonly part?: 'key' | 'value'
  readonly message: string
  readonly hint: string | null
  /** The position, if there is no path, as in broken YAML. */
  readonly place?: { readonly line: number; readonly column: number }
}

export function error(file: string, path: Path, message: string, hint: string | null): Finding {
  return { severity: 'error', file, path, message, hint }
}

export function warning(file: string, path: Path, message: string, hint: string | null): Finding {
  return { severity: 'warning', file, path, message, hint }
}
