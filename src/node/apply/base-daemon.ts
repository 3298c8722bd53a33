import type { Owner } from './files.ts'

export interface BaseOptions {
  readonly daemonSocket: string
  readonly configFile: string
  /** BIRD only: the include file that the controller owns. */
  readonly announceFile: string | null
  /** Of an attached node: where its filters are installed, the only file of ours that its daemon reads. */
  readonly filtersPath: string
  /** The new configuration with its secrets; of an attached node, its filters. */
  readonly content: string
  /** What was installed in its place before; `null`: nothing. */
  readonly installed: string | null
  readonly owner: Owner
  /** Seconds after which a daemon that has such a timer undoes an unconfirmed configuration. */
  readonly trialS: number
  /** Whether everything that the new configuration does not have is removed. */
  readonly replaces: boolean
}

/** Runs this with a journal, by which the next apply restores the files if this process is killed meanwhile. */
export type Journaled = <T>(during: () => Promise<T>) => Promise<T>

/** Activates and reverts a whole configuration of one kind of daemon. */
export interface BaseDaemon {
  /**
   * Returns the parser's errors in the new configuration, each with its place. Changes nothing lasting: where the parser
   * needs the new file in its place, that is within `journaled`.
   */
  check(journaled: Journaled): Promise<readonly string[]>
  /** After `check`: whether the new configuration is equivalent to the installed one. */
  saysTheSame(): boolean
  /** After `check`: remarks for the operator. */
  remarks?(): readonly string[]
  /** After `check`: whether the daemon has lost lines of the installed configuration, which it keeps in no file. */
  isMissing?(): Promise<boolean>
  /** What `revert` needs beside the files, also in another process. */
  snapshot(): Promise<string | null>
  /** After `snapshot`: the running configuration of that moment, if the daemon prints it. */
  readonly former?: string | null
  /** Runs the new configuration. Throws DaemonError, or a NotTakenError. */
  activate(): Promise<void>
  /**
   * Whether another program made the daemon read its own file meanwhile, so that it does not run the new configuration
   * any more. After the files are installed, `activate` again.
   */
  isOvertaken(): Promise<boolean>
  /** Keeps the configuration after the files are installed; false if it was overtaken. */
  confirm(): Promise<boolean>
  /** Withdraws what the new bundle announces no more, if the daemon itself keeps it. */
  forget?(gone: Gone): Promise<void>
  /** Reverts to the earlier configuration, after its files are restored. Throws DaemonError, or a NotTakenError. */
  revert(snapshot: string | null): Promise<void>
  /** Removes the files of `check`, and closes the connection. */
  close(): Promise<void>
}

/** What the installed bundle announced, and the new one does not. */
export interface Gone {
  readonly prefixes: ReadonlySet<string>
  /** VRFs without a neighbor, for all prefixes of `own`. */
  readonly vrfs: ReadonlySet<string>
  readonly own: ReadonlySet<string>
}

/** The daemon accepted the commands, but does not run the configuration. */
export class NotTakenError extends Error {
  override readonly name = 'NotTakenError'
}
