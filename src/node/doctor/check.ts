import { afterTimeout } from '../../linux/load.ts'
import type { Manifest, ManifestService } from '../../manifest/manifest.ts'
import type { Observation } from '../routing/daemon.ts'

/**
 * `error`: the node does not serve, or not all of its clients, or a check got no answer in time. `warning`: it may stop
 * serving, or serves badly. `info`: something that could not be seen, or that the next command will refuse.
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
  /** What the node's controller says of its services. Throws OperationError. `null`: no bundle. */
  readonly askController: (() => Promise<ControllerWords>) | null
  /** What `anyward apply` would refuse to remove. Throws DaemonError, OperationError. `null`: no bundle. */
  readonly findLoss: (() => Promise<LossWords | null>) | null
  /** Wall clock. */
  readonly nowMs: number
}

/** `null`: no controller answers. */
export type ControllerWords = {
  readonly services: readonly ServiceWords[]
  /** What the daemon does not do of what the controller has decided; `null`: nothing. */
  readonly failure: string | null
} | null

export interface ServiceWords {
  readonly name: string
  readonly decision: 'announce' | 'degrade' | 'withdraw' | 'hold'
  readonly reason: string
  readonly detail: string
  readonly since: string
  readonly isAnnounced: boolean
  /** Of the hold-down; `null`: none runs. */
  readonly leftMs: number | null
  /** What to do about the reason; `null`: it depends on more than that. */
  readonly cure: string | null
}

/** Of what an apply would remove although no bundle has written it. */
export interface LossWords {
  readonly detail: string
  readonly cure: string
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

/** A check that got no answer in time: nothing is known, and a node that does not serve must not look healthy. */
export function unfinished(message: string): Found {
  return error(
    message,
    `${afterTimeout('run this again')}, find what hangs, in state D or T: \`ps -eo pid,stat,wchan:20,args\``,
  )
}

export function unseen(message: string, cure = 'run this as root'): Found {
  return { severity: 'info', message, cure }
}
