export interface ForeignOptions {
  readonly daemonSocket: string
  readonly configFile: string
  readonly announceFile: string | null
  /** The new configuration with its secrets. */
  readonly content: string
  /** The configuration of the installed bundle, without its secrets; `null`: none. */
  readonly installed: string | null
  /** The text of `configFile`; `null`: there is no such file. */
  readonly old: string | null
  /** The prefixes that the controller announces. */
  readonly own: ReadonlySet<string>
}
