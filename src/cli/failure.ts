import { CommanderError } from 'commander'
import { LockError } from '../files/lock.ts'
import { FeedError } from '../plan/feeds/feed.ts'
import { FleetFolderError } from '../plan/sites/folder-error.ts'
import { ConfigError, formatIssue } from '../text/issue.ts'

/** 0 fine, 1 findings (invalid, unhealthy, refused), 2 the tool could not do its job. */
export const exitCode = { fine: 0, findings: 1, failed: 2 } as const

/** The tool could not do its job for a reason that a person can mend: brief, with the cure. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  readonly hint: string | null
  /** `findings` where the tool worked, and says no. */
  readonly exitCode: number

  constructor(message: string, options: { hint?: string; exitCode?: number; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.hint = options.hint ?? null
    this.exitCode = options.exitCode ?? exitCode.failed
  }
}

/** Says on stderr why a command failed, known failures briefly and unknown ones with their stack. */
export function reportFailure(error: unknown): number {
  if (error instanceof CommanderError) {
    // commander has already written its own message; --help and --version end here too.
    return error.exitCode === 0 ? exitCode.fine : exitCode.failed
  }
  if (error instanceof ConfigError) {
    for (const issue of error.issues) process.stderr.write(`${formatIssue(issue)}\n`)
    return exitCode.findings
  }
  if (error instanceof FleetFolderError) {
    process.stderr.write(`anyward: ${error.message}\n    name the folder with --sites DIR\n`)
    return exitCode.failed
  }
  if (error instanceof FeedError || error instanceof LockError) {
    process.stderr.write(`anyward: ${error.message}\n`)
    return exitCode.failed
  }
  if (error instanceof CommandError) {
    process.stderr.write(`anyward: ${error.message}\n${error.hint === null ? '' : `    ${error.hint}\n`}`)
    return error.exitCode
  }
  process.stderr.write(
    `anyward: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  )
  return exitCode.failed
}

/** What the operating system refused. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === 'string'
}
