import type { DaemonKind } from '../../manifest/daemon-kinds.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import type { LabState, NodeState, WireguardState } from '../state.ts'
import type { ScenarioName } from './names.ts'

/** What a scenario works on: one node, and the service whose endpoint it breaks. */
export interface Stage {
  readonly state: LabState
  readonly node: NodeState
  readonly manifest: Manifest
  readonly wireguard: WireguardState
  /** How this program is started: the interpreter and the script. */
  readonly program: readonly string[]
}

/** A fault, prepared so that its injection takes no time. */
export interface Fault {
  strike(): Promise<void>
  /** Removes the fault, also one that was injected only in part. */
  repair(): Promise<void>
}

/** How long the neighbors may keep the routes of a node. */
export interface Bound {
  readonly limitMs: number
  /** The goal on an idle machine; `null`: the limit itself. */
  readonly goalMs: number | null
}

export interface Scenario {
  readonly name: ScenarioName
  /** A short description of the fault. */
  readonly summary: string
  /** The expected effect on the node's routes at its neighbors. */
  readonly expects: 'withdrawn' | 'kept'
  /** What detects it: the controller, or only the neighbors. */
  readonly detectedBy: 'controller' | 'neighbor'
  /** The services whose routes are withdrawn: that of the broken endpoint, all of the node, or those with a guard. */
  readonly affects: 'service' | 'node' | 'guarded'
  /** Whether only neighbors with BFD detect the fault within the time limit. */
  readonly needsBfd: boolean
  /** Whether the clients move to another site, or return to theirs after the repair. */
  readonly clientReturns: 'elsewhere' | 'with-repair'
  readonly boundOf: (stage: Stage) => Bound
  readonly prepare: (stage: Stage) => Promise<Fault>
}

export interface ScenarioResult {
  readonly name: string
  readonly node: string
  readonly daemon: DaemonKind
  readonly passed: boolean
  /** From the fault to the controller's decision; `null` if the controller does not detect it. */
  readonly detectMs: number | null
  /** From the fault until the last of the neighbors had lost the routes. */
  readonly withdrawnMs: number | null
  /** From the start of the repair until every neighbor has the routes again. */
  readonly restoredMs: number | null
  /** `null`: not measured, or longer than the time limit. */
  readonly clientOutageMs: number | null
  readonly packetsLost: number | null
  readonly detail: string
}

/** Progress events of scenarios. Times are milliseconds since the fault. */
export type ScenarioEvent =
  | {
      kind: 'started'
      scenario: Pick<Scenario, 'summary'> & { readonly name: string }
      node: Pick<NodeState, 'name' | 'daemon'>
    }
  | { kind: 'struck' }
  | { kind: 'detected'; afterMs: number; reason: string }
  | { kind: 'withdrawn'; neighbor: string; afterMs: number }
  | { kind: 'client-back'; client: string; outageMs: number; packetsLost: number }
  | { kind: 'repairing' }
  | { kind: 'restored'; neighbor: string; afterMs: number }
  | { kind: 'finished'; result: ScenarioResult }
