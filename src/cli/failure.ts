import { CommanderError } from 'commander'
import { LockError } from '../files/lock.ts'
import { FeedError } from '../plan/feeds/feed.ts'
import { FleetFolderError } from '../plan/sites/folder-error.ts'
import { ConfigError, formatIssue } from '../text/issue.ts'
import { OperationError } from '../text/operation-error.ts'

/** 0 fine, 1 findings (invalid, unhealthy, refused), 2 the tool could not do its job. */
export const exitCode = { fine: 0, findings: 1, failed: 2 } as const

/** A command failed for a known reason: a short message, and a hint that says what to do. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  readonly hint: string | null
  /** `findings` if the tool worked, and the answer is no. */
  readonly exitCode: number

  constructor(message: string, options: { hint?: string; exitCode?: number; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.hint = options.hint ?? null
    this.exitCode = options.exitCode ?? exitCode.failed
  }
}

/** Prints why a command failed to stderr, unknown failures with their stack. */
export function reportFailure(error: unknown): number {
  if (error instanceof CommanderError) {
    // commander has already printed its message; --help and --version end here too.
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
  if (error instanceof OperationError) {
    process.stderr.write(`anyward: ${error.message}\n    ${error.hint}\n`)
    return error.outcome === 'refused' ? exitCode.findings : exitCode.failed
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
