import type { Manifest } from '../planner/manifest.ts'
import type { Log } from '../telemetry/log.ts'

export interface GuardClientOptions {
  readonly manifest: Manifest
  /** Of the bundle: a guard with another one is replaced. */
  readonly serial: string
  /** Starts a guard that outlives us, and returns its process id. */
  readonly spawn: () => Promise<number>
  readonly log: Log
}

/** The controller's side of the lease. Nothing of it throws or waits for the guard. */
export interface GuardClient {
  /** How often `renew` is to be called: a fifth of the shortest dead man's time. */
  readonly intervalMs: number
  /** Connects to the guard that runs, or starts one; goes on doing so until `close`. */
  start(): void
  /** Vouches for these services; those with `deadMan: keep` are left out by itself. */
  renew(services: readonly string[]): void
  /** Ends the leases of these services without a withdrawal. Resolves when the guard has it, or after 500 ms. */
  release(services: readonly string[]): Promise<void>
  /** Ends the connection. The leases run on. */
  close(): void
  readonly state: GuardState
}

export interface GuardState {
  /** Whether the guard answered the last renewal in time. */
  readonly holding: boolean
  readonly pid: number | null
  /** Why not, in words. */
  readonly problem: string | null
}
