/** How one kind of daemon takes a whole new configuration, and gives it up again. */
export interface BaseDaemon {
  /** What the daemon's parser has against the new configuration, each with its place; nothing has changed yet. */
  check(): Promise<readonly string[]>
  /** After `check`: whether the new configuration says the same as the installed one, in other words. */
  saysTheSame(): boolean
  /** What `revert` needs beside the files. */
  snapshot(): Promise<string | null>
  /** Runs the new configuration. Throws DaemonError, or a NotTakenError. */
  activate(): Promise<void>
  /**
   * Whether somebody had the daemon read its own file meanwhile, so that it does not run the new configuration
   * any more. Once the files are in place that does no harm: then `activate` again.
   */
  isOvertaken(): Promise<boolean>
  /** Keeps it, when the files are in place; false if it was overtaken in the last moment. */
  confirm(): Promise<boolean>
  /** Ends announcing what is ours no more, where the daemon itself keeps it. */
  forget?(prefixes: readonly string[]): Promise<void>
  /** Back to the configuration before, when the files are back. Throws DaemonError, or a NotTakenError. */
  revert(snapshot: string | null): Promise<void>
  /** Removes what `check` left, and drops the connection. */
  close(): Promise<void>
}

/** The daemon took the commands, and does not run what they say. */
export class NotTakenError extends Error {
  override readonly name = 'NotTakenError'
}
