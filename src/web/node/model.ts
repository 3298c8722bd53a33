import type { Configured, PageState, ProbeTimes, RecentEvent } from '../../control/page/page-state.ts'
import { hasGap, mergeTimes } from './merge-times.ts'

/** Everything that the page shows. */
export interface Model {
  readonly state: PageState | null
  /** When it arrived, by the clock of this page. */
  readonly arrivedAt: number
  readonly link: Link
  readonly times: ProbeTimes | null
  readonly events: { readonly count: number; readonly list: readonly RecentEvent[] } | null
  readonly configured: Configured | null
}

export type Link =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'live' }
  /** No stream is free. */
  | { readonly kind: 'polling' }
  | { readonly kind: 'lost'; readonly since: number; readonly why: string; readonly needsToken: boolean }

export const firstModel: Model = {
  ...{ state: null, arrivedAt: 0, times: null, events: null, configured: null },
  link: { kind: 'connecting' },
}

export type Arrival =
  | { readonly kind: 'state'; readonly state: PageState; readonly isStream: boolean; readonly now: number }
  | { readonly kind: 'lost'; readonly why: string; readonly needsToken: boolean; readonly now: number }
  | { readonly kind: 'history'; readonly times: ProbeTimes }
  | { readonly kind: 'events'; readonly count: number; readonly events: readonly RecentEvent[] }
  | { readonly kind: 'configured'; readonly configured: Configured }

export function arrive(model: Model, arrival: Arrival): Model {
  switch (arrival.kind) {
    case 'state': {
      const { state, now, isStream } = arrival
      // Where seconds are missing, the history comes soon.
      const times = hasGap(model.times, state.probes) ? model.times : mergeTimes(model.times, state.probes)
      return { ...model, state, times, arrivedAt: now, link: { kind: isStream ? 'live' : 'polling' } }
    }
    case 'lost': {
      const since =
        model.link.kind === 'lost' ? model.link.since : model.state === null ? arrival.now : model.arrivedAt
      return { ...model, link: { kind: 'lost', since, why: arrival.why, needsToken: arrival.needsToken } }
    }
    case 'history':
      return { ...model, times: mergeTimes(model.times, arrival.times) }
    case 'events':
      return { ...model, events: { count: arrival.count, list: arrival.events } }
    case 'configured':
      return { ...model, configured: arrival.configured }
  }
}

/** What the page has to ask for after a state has arrived. */
export function missing(before: Model, after: Model): ('history' | 'events' | 'configured')[] {
  const { state, times, events } = after
  if (state === null) return []
  const isBack = before.link.kind === 'lost' || before.link.kind === 'connecting'
  return [
    ...(isBack || hasGap(times, state.probes) ? (['history'] as const) : []),
    ...(isBack || events?.count !== state.events ? (['events'] as const) : []),
    // The next controller may run another bundle.
    ...(isBack || before.state?.status.bundle !== state.status.bundle ? (['configured'] as const) : []),
  ]
}
