/** One problem in a YAML file, and its position. */
export interface Issue {
  readonly severity: 'error' | 'warning'
  readonly file: string
  /** From 1. */
  readonly line: number
  /** From 1. */
  readonly column: number
  /** Such as `nodes[0].neighbors[1].address`; empty for the whole document. */
  readonly path: string
  readonly message: string
  readonly hint: string | null
}

/** The input is invalid; nothing was changed. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly issues: readonly Issue[]

  constructor(issues: readonly Issue[], options?: { cause?: unknown }) {
    super(issues.map(formatIssue).join('\n'), options)
    this.issues = issues
  }
}

/** `sites/fra1.yaml:12:5 nodes[0].name: message`, then what to do on a line of its own. */
export function formatIssue(issue: Issue): string {
  const where = `${issue.file}:${issue.line}:${issue.column}`
  const what = issue.path === '' ? issue.message : `${issue.path}: ${issue.message}`
  const warning = issue.severity === 'warning' ? 'warning: ' : ''
  return `${where} ${warning}${what}${issue.hint === null ? '' : `\n    ${issue.hint}`}`
}
