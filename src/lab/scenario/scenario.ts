import type { DaemonKind } from '../../manifest/daemon-kinds.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import type { ClientState, LabState, NodeState, WireguardState } from '../state.ts'
import type { ClientScenarioName, ScenarioName } from './names.ts'

/** What a scenario works on: one node, and the service whose endpoint it breaks. */
export interface Stage {
  readonly state: LabState
  readonly node: NodeState
  readonly manifest: Manifest
  readonly wireguard: WireguardState
  /** Of the node's site; `null`: it has none, or is not looked at. */
  readonly client: ClientState | null
  /** How this program is started: the interpreter and the script. */
  readonly program: readonly string[]
}

/** A fault, prepared so that its injection takes no time. */
export interface Fault {
  strike(): Promise<void>
  /** Between the client's arrival at another site and the repair. */
  whileAway?(signal: AbortSignal): Promise<{ readonly problem: string | null; readonly detail: string }>
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
  readonly name: ScenarioName | ClientScenarioName
  /** A short description of the fault. */
  readonly summary: string
  /** The expected effect on the node's routes at its neighbors. */
  readonly expects: 'withdrawn' | 'kept'
  /** What detects it: the controller, or only the neighbors. */
  readonly detectedBy: 'controller' | 'neighbor'
  /** The services whose routes are withdrawn: that of the broken endpoint, all of the node, or those with a guard. */
  readonly affects: 'service' | 'node' | 'guarded'
  /** `bfd`: only neighbors with BFD detect the fault within the time limit. `rescue`: of the fleet, see docs/rescue.md. */
  readonly needs: 'bfd' | 'rescue' | null
  /** Whether the client moves to another site, returns to its own after the repair, or both, one after the other. */
  readonly clientReturns: 'elsewhere' | 'with-repair' | 'there-and-back'
  /** Whether the node serves the client until its routes are gone, so that its detection costs the client nothing. */
  readonly serves: boolean
  /** Only of scenarios that are about the client. */
  readonly client?: ClientSetting
  readonly boundOf: (stage: Stage) => Bound
  readonly prepare: (stage: Stage) => Promise<Fault>
}

export interface ClientSetting {
  /** What is between the client and its router. */
  readonly behind: 'nothing' | 'nat'
  /** Whether it sends, or receives only. */
  readonly sends: boolean
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
  | {
      kind: 'client-back'
      client: string
      /** At another site, or at its own. */
      where: 'elsewhere' | 'here'
      outageMs: number
      packetsLost: number
    }
  | { kind: 'repairing' }
  | { kind: 'restored'; neighbor: string; afterMs: number }
  | { kind: 'finished'; result: ScenarioResult }
