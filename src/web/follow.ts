import type { FleetStatus } from '../control/fleet-status.ts'
import type { Configured, FleetEventList, ProbeTimes, RecentEventList } from '../control/page/page-state.ts'
import type { RolloutAnswer } from '../control/rollout-status.ts'
import { ask, readStream } from './http.ts'
import { TokenNeeded } from './token.ts'

export interface Sink<T> {
  /** A state has arrived. `isStream`: without a stream, the page asks every two seconds. */
  state(state: T, isStream: boolean): void
  /** No answer, and why. `needsToken`: it asks for one. */
  lost(why: string, needsToken: boolean): void
}

/** Where whole states come from: as a stream, and one at a time. */
export interface Source {
  readonly live: string
  readonly once: string
}

export const ofNode: Source = { live: '/live', once: '/state' }
export const ofFleet: Source = { live: '/fleet/live', once: '/fleet' }

const retryMs = 1000
const pollMs = 2000
/** A stream sends each second. */
const silentMs = 3000
/** Until its first message: the HTTP thread may be busy with other connections. */
const firstMs = 10_000
/** Without a stream: how often it asks before it tries one again. */
const pollsBetween = 3

/** Follows the state of the controller until the signal: by a stream, else by asking. */
export async function follow<T>(source: Source, sink: Sink<T>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const beganAt = performance.now()
    const hadStream = await stream(source, sink, signal)
    // One that ends at once, again and again, must not keep the program busy.
    if (hadStream && performance.now() - beganAt < retryMs) await pause(retryMs)
    // Why has it ended? After five minutes all streams end.
    for (let left = hadStream ? 1 : pollsBetween; left > 0 && !signal.aborted; left -= 1) {
      if (!(await askOnce(source, sink))) left = 2
      else if (!hadStream && left > 1) await pause(pollMs)
    }
  }
}

/** Resolves when the stream has ended, with whether it had begun. */
async function stream<T>({ live }: Source, sink: Sink<T>, signal: AbortSignal): Promise<boolean> {
  let hadStream = false
  let heardAt = performance.now()
  const ending = new AbortController()
  const watch = setInterval(() => {
    if (performance.now() - heardAt > (hadStream ? silentMs : firstMs)) ending.abort()
  }, 500)
  const take = (data: string) => {
    hadStream = true
    heardAt = performance.now()
    sink.state(JSON.parse(data) as T, true)
  }
  // Why it fails, the next question says.
  await readStream(live, take, AbortSignal.any([signal, ending.signal])).catch(() => {})
  clearInterval(watch)
  return hadStream
}

async function askOnce<T>({ once }: Source, sink: Sink<T>): Promise<boolean> {
  try {
    sink.state(await ask<T>(once), false)
    return true
  } catch (error) {
    sink.lost(error instanceof Error ? error.message : String(error), error instanceof TokenNeeded)
    await pause(retryMs)
    return false
  }
}

export const askHistory = () => ask<ProbeTimes>('/history')
export const askEvents = () => ask<RecentEventList>('/events/recent')
export const askFleet = () => ask<FleetStatus>('/fleet')
export const askFleetEvents = () => ask<FleetEventList>('/fleet/events')
export const askRollout = () => ask<RolloutAnswer>('/rollout')
export const askRunbooks = () => ask<Readonly<Record<string, string>>>('/runbooks.json')
export const askConfigured = () => ask<Configured>('/configured')

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}
