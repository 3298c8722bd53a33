export class StrayWatchError extends Error {
  override readonly name = 'StrayWatchError'
  /** `group-taken`: another process reads the NFLOG group, such as the controller before this one. */
  readonly code: 'missing-program' | 'group-taken' | 'reader-ended' | 'table-lost' | 'table-failed'

  constructor(code: StrayWatchError['code'], message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
  }
}

export function missingProgram(program: string, name: string): StrayWatchError {
  return new StrayWatchError(
    'missing-program',
    `the program \`${program}\` is missing: it is in the Debian package ${name}`,
  )
}

export function describeError(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
