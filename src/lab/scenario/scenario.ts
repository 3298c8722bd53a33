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

/** Something that is about to break, prepared so far that breaking it takes no time. */
export interface Fault {
  strike(): Promise<void>
  /** Removes the fault, also one that was injected only in part. */
  repair(): Promise<void>
}

/** How long the neighbors may keep the routes of a node. */
export interface Bound {
  readonly limitMs: number
  /** What is aimed for on a machine with nothing else to do; `null`: the limit itself. */
  readonly goalMs: number | null
}

export interface Scenario {
  readonly name: ScenarioName
  /** What is done, in a few words. */
  readonly summary: string
  /** What should become of the node's routes at its neighbors. */
  readonly expects: 'withdrawn' | 'kept'
  /** What detects it: the controller, or only the neighbors. */
  readonly detectedBy: 'controller' | 'neighbor'
  /** Which services' routes go: that of the broken endpoint, all that the node has, or those with a dead man. */
  readonly affects: 'service' | 'node' | 'guarded'
  /** Whether only neighbors with BFD notice in time to be watched. */
  readonly needsBfd: boolean
  /** Whether the clients have to find another site, or get theirs back by the repair. */
  readonly clientReturns: 'elsewhere' | 'with-repair'
  readonly boundOf: (stage: Stage) => Bound
  readonly prepare: (stage: Stage) => Promise<Fault>
}

export interface ScenarioResult {
  readonly name: string
  readonly node: string
  readonly daemon: 'bird' | 'frr'
  readonly passed: boolean
  /** From the fault to the controller's decision; `null` where it is not the controller that notices. */
  readonly detectMs: number | null
  /** From the fault until the last of the neighbors had lost the routes. */
  readonly withdrawnMs: number | null
  /** From the beginning of the repair until every neighbor had them again. */
  readonly restoredMs: number | null
  /** `null`: not measured, or not over when we stopped waiting. */
  readonly clientOutageMs: number | null
  readonly packetsLost: number | null
  readonly detail: string
}

/** What happens while scenarios run, for those who show it. Times are milliseconds since the fault. */
export type ScenarioEvent =
  | { kind: 'started'; scenario: Scenario; node: NodeState }
  | { kind: 'struck' }
  | { kind: 'detected'; afterMs: number; reason: string }
  | { kind: 'withdrawn'; neighbor: string; afterMs: number }
  | { kind: 'client-back'; client: string; outageMs: number; packetsLost: number }
  | { kind: 'repairing' }
  | { kind: 'restored'; neighbor: string; afterMs: number }
  | { kind: 'finished'; result: ScenarioResult }
