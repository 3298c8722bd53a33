import type { Manifest, ManifestService } from '../../manifest/manifest.ts'
import type { Observation } from '../routing/daemon.ts'

/**
 * `error`: the node does not serve, or not all of its clients. `warning`: it may stop serving, or serves badly. `info`:
 * something that could not be checked.
 */
export type Severity = 'error' | 'warning' | 'info'

export interface Finding {
  readonly severity: Severity
  /** The name of the check. */
  readonly check: string
  readonly message: string
  readonly cure: string
}

export interface Context {
  /** The node's bundle; `null`: none, then the checks that need one find nothing. */
  readonly manifest: Manifest | null
  /** The folder of the bundle. */
  readonly bundle: string | null
  readonly services: readonly ManifestService[]
  /** The DNS name that clients dial; `null`: not given. */
  readonly clientName: string | null
  /** What the daemon says of the sessions and routes of this manifest. Throws DaemonError. `null`: no bundle. */
  readonly observe: (() => Promise<Observation>) | null
  /** Wall clock. */
  readonly nowMs: number
}

export type Found = Omit<Finding, 'check'>

export interface Check {
  readonly name: string
  /** In one phrase, for the documentation: what it reads. */
  readonly reads: string
  /** A thrown error becomes a finding that says what could not be read. */
  readonly examine: (context: Context) => Promise<readonly Found[]>
}

export function error(message: string, cure: string): Found {
  return { severity: 'error', message, cure }
}

export function warning(message: string, cure: string): Found {
  return { severity: 'warning', message, cure }
}

export function unseen(message: string, cure = 'run this as root'): Found {
  return { severity: 'info', message, cure }
}
