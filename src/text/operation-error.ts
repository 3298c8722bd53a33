/** An operation failed for a known reason: a short message, and a hint that says what to do. */
export class OperationError extends Error {
  override readonly name = 'OperationError'
  readonly hint: string
  /** `refused` where everything works, and the operation must not be done. */
  readonly outcome: 'refused' | 'failed'

  constructor(message: string, options: { hint: string; outcome?: 'refused' | 'failed'; cause?: unknown }) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.hint = options.hint
    this.outcome = options.outcome ?? 'failed'
  }
}
