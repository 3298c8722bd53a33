import {
  type HealthEvent,
  type HealthRules,
  initialHealth,
  reduceHealth,
} from '../../../../src/node/health/health.ts'
import type { HealthState } from '../../../../src/node/health/state.ts'

/** A probe each 200 ms. */
export const intervalMs = 200

export const rules: HealthRules = {
  rise: 5,
  fall: 3,
  window: { size: 50, maxLoss: 0.2 },
  holdDown: { initialMs: 5000, maxMs: 600_000 },
  egress: { rise: 2, fall: 3 },
  command: null,
  peers: null,
  conntrack: null,
}

/** Without a window and a hold-down, to test `rise` and `fall` alone. */
export const plainRules: HealthRules = {
  ...rules,
  window: { size: 10, maxLoss: 1 },
  holdDown: { initialMs: 0, maxMs: 0 },
}

export const silent = { check: 'ping', cause: 'no-reply', detail: 'no reply' } as const
export const gone = {
  check: 'interface',
  cause: 'interface-missing',
  detail: 'interface wg0 does not exist',
} as const

export const good: HealthEvent = { kind: 'probe-good' }
export const late: HealthEvent = { kind: 'probe-inconclusive', cause: 'starved' }
export const loaded: HealthEvent = { kind: 'probe-inconclusive', cause: 'under-load' }
export const noLinks: HealthEvent = { kind: 'links', problem: gone }
export const links: HealthEvent = { kind: 'links', problem: null }
export const egressBad: HealthEvent = {
  kind: 'side',
  check: 'egress',
  outcome: 'bad',
  cause: 'egress-no-reply',
  detail: 'nothing beyond the gateway answers',
}
export const egressGood: HealthEvent = { ...egressBad, outcome: 'good', cause: null }

export function bad(startedAt = 0): HealthEvent {
  return { kind: 'probe-bad', problem: silent, startedAt }
}

/** One endpoint and its clock. */
export class Endpoint {
  now: number
  readonly rules: HealthRules
  state: HealthState

  constructor(given: HealthRules = rules, state?: HealthState, now = 0) {
    this.now = now
    this.rules = given
    this.state = state ?? initialHealth(now)
  }

  get status(): HealthState['status'] {
    return this.state.status
  }

  take(...events: readonly HealthEvent[]): this {
    for (const event of events) {
      this.now += intervalMs
      this.state = reduceHealth(this.state, event, this.now, this.rules)
    }
    return this
  }

  repeat(times: number, ...events: readonly HealthEvent[]): this {
    for (let round = 0; round < times; round += 1) this.take(...events)
    return this
  }

  /** Takes good probes until the status changes, or for `limitMs`; returns how long it took. */
  recover(limitMs = 3_600_000): number {
    const { now, status } = this
    while (this.status === status && this.now - now < limitMs) this.take(good)
    return this.now - now
  }

  rest(forMs: number): this {
    return this.repeat(forMs / intervalMs, good)
  }
}

export function healthyEndpoint(given: HealthRules = rules): Endpoint {
  return new Endpoint(given).repeat(given.rise, good)
}
