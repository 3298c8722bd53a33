/** The lab does not support something in the fleet. */
export class TopologyError extends Error {
  override readonly name = 'TopologyError'
  readonly hint: string | null

  constructor(message: string, hint: string | null = null) {
    super(message)
    this.hint = hint
  }
}
