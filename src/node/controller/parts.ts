import type { Manifest, ManifestService } from '../../manifest/manifest.ts'
import type { EffectiveIntent, OperatorIntent } from '../decision/intent.ts'
import type { GuardClient } from '../guard/client.ts'
import type { ProbeResult } from '../probe/result.ts'
import type { SideCheckResult } from '../probe/side/side-check.ts'
import type { Observation, RoutingDaemon, SavedNetwork } from '../routing/daemon.ts'
import type { Clock } from './clock.ts'
import type { Trouble } from './reconciler.ts'
import type { DecidedState, ServiceState } from './service/service-state.ts'
import type { SavedService, ServiceProbes } from './service/service-unit.ts'

/** Told what happens; it may log and count, and must not throw. */
export interface ControllerObserver {
  probed(state: ServiceState, result: ProbeResult): void
  checked(state: ServiceState, result: SideCheckResult): void
  decided(state: DecidedState): void
  /** `tookMs` since the wish; `troubleMs` since the first bad news that led to a withdrawal. */
  verified(tookMs: number, changes: readonly VerifiedChange[]): void
  /** These withdrawals were observed at the neighbors, although not all that was wanted was carried out. */
  withdrawn(changes: readonly VerifiedChange[]): void
  trouble(trouble: Trouble): void
  observed(observation: Observation): void
  intended(intent: EffectiveIntent): void
}

export interface VerifiedChange {
  readonly service: string
  readonly to: 'announce' | 'degrade' | 'withdraw'
  /** From the first bad probe or event (withdraw) or the decision (announce) until now. */
  readonly tookMs: number
}

/** What the peers of a WireGuard interface send; `null`: not known now. */
interface TrafficSource {
  watch(interfaces: ReadonlySet<string>): void
  view(interfaceName: string, withinMs: number): { idleSince: number; sending: number } | null
  close(): void
}

/** Takes the addresses of what is dead off the node when its withdrawal is refused. */
interface AddressRemover {
  readonly removed: readonly { readonly address: string }[]
  attempted(attempt: { dead: readonly string[]; carriedOut: boolean }, now: number): void
}

/** What outlives this controller. None of it rejects but `saveIntent`. */
export interface Keeping {
  /** What the operator asked for before this controller started. */
  readonly intent: OperatorIntent
  saveIntent(intent: OperatorIntent): Promise<void>
  /** What somebody else has ordered since, by the file, while we were stopped. `null`: nobody has. */
  findForeignIntent(): Promise<OperatorIntent | null>
  readonly services: {
    readonly savedAt: number
    readonly services: Readonly<Record<string, SavedService>>
  } | null
  saveServices(services: Readonly<Record<string, SavedService>>): void
}

export interface ControllerParts {
  readonly manifest: Manifest
  readonly daemon: RoutingDaemon
  readonly daemonVersion: string | null
  readonly probesOf: (service: ManifestService) => ServiceProbes
  readonly clock: Clock
  readonly observer: ControllerObserver
  readonly keeping: Keeping
  readonly traffic: TrafficSource
  /** Withdraws when we can't. */
  readonly guard: GuardClient | null
  readonly lastResort: AddressRemover | null
  /** FRR: announcements that were saved in its files. */
  readonly saved?: { readonly found: readonly SavedNetwork[] } | null
}
