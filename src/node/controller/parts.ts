import type { Clock } from '../../clock/clock.ts'
import type { NodeStatus } from '../../control/status.ts'
import type { Manifest, ManifestService } from '../../manifest/manifest.ts'
import type { EffectiveIntent, OperatorIntent } from '../decision/intent.ts'
import type { PermitStanding } from '../decision/permit-standing.ts'
import type { GuardClient } from '../guard/client.ts'
import type { ProbeResult } from '../probe/result.ts'
import type { SideCheckResult } from '../probe/side/side-check.ts'
import type { Observation, RoutingDaemon, SavedNetwork } from '../routing/daemon.ts'
import type { DaemonFailure } from './reconciler.ts'
import type { ServicePermit } from './services/permit-keeper.ts'
import type { DecidedState, ServiceState } from './services/service-state.ts'
import type { SavedService, ServiceProbes } from './services/service-unit.ts'
import type { BfdView } from './watch/bfd-watch.ts'

/** Receives the controller's events, for logs and metrics. Must not throw. */
export interface ControllerObserver {
  probed(state: ServiceState, result: ProbeResult): void
  checked(state: ServiceState, result: SideCheckResult): void
  decided(state: DecidedState): void
  /** `tookMs`: since the set was requested. */
  verified(tookMs: number, changes: readonly VerifiedChange[]): void
  /** These withdrawals were observed at the neighbors, although the whole change has not succeeded. */
  withdrawn(changes: readonly VerifiedChange[]): void
  failed(failure: DaemonFailure): void
  observed(observation: Observation): void
  intended(intent: EffectiveIntent): void
  /** @param waitedMs since the first request */
  permitAnswered(service: string, answer: PermitStanding['standing'], waitedMs: number): void
}

export interface VerifiedChange {
  readonly service: string
  readonly to: 'announce' | 'degrade' | 'withdraw'
  /** From the first bad probe or event (withdraw) or the decision (announce) until now. */
  readonly tookMs: number
}

/** The traffic from the peers of a WireGuard interface; `null`: not known now. */
export interface TrafficSource {
  watch(interfaces: ReadonlySet<string>): void
  view(interfaceName: string, withinMs: number): { idleSince: number; sending: number } | null
  close(): void
}

/** Removes the addresses of dead services from the node when a withdrawal fails. */
interface AddressRemover {
  readonly removed: readonly { readonly address: string }[]
  attempted(attempt: { dead: readonly string[]; carriedOut: boolean }, now: number): void
}

/** The state that outlives this controller. Only `saveIntent` rejects. */
export interface StateStore {
  /** The operator's intent from before this controller started. */
  readonly intent: OperatorIntent
  saveIntent(intent: OperatorIntent): Promise<void>
  /** Reads an intent that another process has stored since, while this one was stopped. `null`: none. */
  findForeignIntent(): Promise<OperatorIntent | null>
  readonly services: {
    readonly savedAt: number
    readonly services: Readonly<Record<string, SavedService>>
  } | null
  saveServices(services: Readonly<Record<string, SavedService>>): void
}

/** The place of this node in the store of the fleet. */
export interface FleetPlace {
  permitOf(service: string): ServicePermit
  /** Whether the register of the service has this node, as last seen. */
  holds(service: string): boolean
  /** How other sites see its endpoint of the service; `null`: none of them says anything now. */
  remoteOf(service: string): { readonly sites: number; readonly failing: number } | null
  /** Whether the store carries out what the node asks; `null`: not known yet. `sinceMs` is of the wall clock. */
  contact(): { readonly ok: boolean | null; readonly sinceMs: number; readonly problem: string | null }
}

export interface ControllerParts {
  readonly manifest: Manifest
  /** Identifies the bundle, see `digestOf`; `null`: not known. */
  readonly bundle?: string | null
  /** Of the bundle, if it is signed. */
  readonly serial?: number | null
  readonly daemon: RoutingDaemon
  readonly daemonVersion: string | null
  readonly probesOf: (service: ManifestService) => ServiceProbes
  readonly clock: Clock
  readonly observer: ControllerObserver
  readonly store: StateStore
  readonly traffic: TrafficSource
  /** Withdraws if this controller cannot. */
  readonly guard: GuardClient | null
  readonly lastResort: AddressRemover | null
  /** Missing: the fleet shares no roster. */
  readonly rescue?: { status(): NodeStatus['rescue'] } | null
  /** Whether the page takes orders; `null`: it has no tokens. */
  readonly access?: () => NodeStatus['access']
  /** `null` or missing: the fleet has no store. */
  readonly fleet?: FleetPlace | null
  /** Missing: the daemon's services are not fenced. */
  readonly fence?: { isFenced(port: number): boolean | null }
  /** `null`: no neighbor has BFD. */
  readonly bfd?: { view(neighbor: string): BfdView | null } | null
  /** FRR: announcements that are saved in its files. */
  readonly saved?: { readonly found: readonly SavedNetwork[] } | null
}
