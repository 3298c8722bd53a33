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

/** What /configured answers: the part of the bundle that the page shows. */
export interface Configured {
  readonly services: readonly {
    readonly name: string
    readonly interface: string
    readonly port: number
    readonly anycast: readonly string[]
    readonly prefixes: readonly string[]
  }[]
  readonly neighbors: readonly {
    readonly name: string
    readonly kind: string
    readonly asn: number
    /** Those that may be advertised to it. */
    readonly prefixes: readonly string[]
  }[]
}
