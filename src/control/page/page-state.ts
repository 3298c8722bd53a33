import type { NodeStatus } from '../status.ts'

/** The probe times of one check of one service, a value for each second. */
export interface ProbeSeries {
  readonly service: string
  readonly check: string
  /** Milliseconds; `null`: no good probe ended in that second. */
  readonly min: readonly (number | null)[]
  readonly median: readonly (number | null)[]
  readonly max: readonly (number | null)[]
  /** Probes that were bad, or lost a packet. */
  readonly bad: readonly number[]
}

/** What /history answers. */
export interface ProbeTimes {
  /** The first second, since 1970. */
  readonly from: number
  readonly series: readonly ProbeSeries[]
}

export interface RecentEvent {
  readonly time: string
  readonly level: 'info' | 'warn' | 'error' | 'fatal'
  readonly event: string
  readonly service: string | null
  readonly message: string
}

/** What /events/recent answers. */
export interface RecentEventList {
  /** How many there were since the controller's start: it rises with each. */
  readonly count: number
  /** The newest of them, the oldest first. */
  readonly events: readonly RecentEvent[]
}

/** What /state answers, and each message of /live: the whole present state. */
export interface PageState {
  readonly status: NodeStatus
  /** Of the last seconds. */
  readonly probes: ProbeTimes
  /** `RecentEventList.count` */
  readonly events: number
}

/** A change at a node of the fleet, as the one that answers has seen it in the store. */
export type FleetEvent = {
  readonly site: string
  readonly node: string
  readonly time: string
  /** Whose clock that is. */
  readonly clock: 'node' | 'watcher'
} & (
  | {
      readonly what: 'service'
      readonly service: string
      readonly decision: 'announce' | 'degrade' | 'withdraw' | 'hold'
      readonly reason: string
      readonly announced: 'normal' | 'degraded' | 'nothing'
      readonly neighbors: string
    }
  | { readonly what: 'service-removed' | 'unregistered'; readonly service: string }
  | { readonly what: 'bundle'; readonly serial: number | null }
  | { readonly what: 'silent' | 'added' | 'removed' }
  | { readonly what: 'back'; readonly afterMs: number }
  | {
      readonly what: 'registered'
      readonly service: string
      readonly cause: 'permit' | 'fact' | 'order'
      readonly reason: string
    }
  | { readonly what: 'store'; readonly ok: boolean }
)

/** What /fleet/events answers. */
export interface FleetEventList {
  /** Since when the one that answers watches: earlier changes are not known to it. */
  readonly since: string
  /** It rises with each. */
  readonly count: number
  /** The newest of them, the oldest first. */
  readonly events: readonly FleetEvent[]
}

/** What /configured answers: the part of the bundle that the page shows. */
export interface Configured {
  readonly services: readonly {
    readonly name: string
    readonly interface: string
    readonly port: number
    readonly anycast: readonly string[]
    readonly prefixes: readonly string[]
    /** Milliseconds. */
    readonly drain: { readonly limitMs: number; readonly undrainMs: number }
  }[]
  readonly neighbors: readonly {
    readonly name: string
    readonly kind: string
    readonly asn: number
    /** Those that may be advertised to it. */
    readonly prefixes: readonly string[]
  }[]
}
