/** The folder of the fleet cannot be read. */
export class FleetFolderError extends Error {
  override readonly name = 'FleetFolderError'
  readonly dir: string
  readonly reason: string

  constructor(dir: string, reason: string, options?: { cause?: unknown }) {
    super(`cannot read the folder ${JSON.stringify(dir)}: ${reason}`, options)
    this.dir = dir
    this.reason = reason
  }
}
