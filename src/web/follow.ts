import type { FleetStatus } from '../control/fleet-status.ts'
import type {
  Configured,
  FleetEventList,
  PageState,
  ProbeTimes,
  RecentEventList,
} from '../control/page/page-state.ts'
import type { RolloutAnswer } from '../control/rollout-status.ts'

export interface Sink {
  /** A state has arrived. `isStream`: without a stream, the page asks every two seconds. */
  state(state: PageState, isStream: boolean): void
  /** No answer, and why. */
  lost(why: string): void
}

const askTimeoutMs = 3000
const retryMs = 1000
const pollMs = 2000
/** A stream sends each second. */
const silentMs = 3000
/** Until its first message: the HTTP thread may be busy with other connections. */
const firstMs = 10_000
/** Without a stream: how often it asks before it tries one again. */
const pollsBetween = 3

/** Follows the state of the controller until the signal: by a stream, else by asking. */
export async function follow(sink: Sink, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const hadStream = await stream(sink, signal)
    // Why has it ended? After five minutes all streams end.
    for (let left = hadStream ? 1 : pollsBetween; left > 0 && !signal.aborted; left -= 1) {
      if (!(await askState(sink))) left = 2
      else if (!hadStream && left > 1) await pause(pollMs)
    }
  }
}

/** Resolves when the stream has ended, with whether it had begun. */
function stream(sink: Sink, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    let hadStream = false
    let heardAt = performance.now()
    const source = new EventSource('/live')
    const end = () => {
      clearInterval(watch)
      signal.removeEventListener('abort', end)
      source.close()
      resolve(hadStream)
    }
    const watch = setInterval(() => {
      if (performance.now() - heardAt > (hadStream ? silentMs : firstMs)) end()
    }, 500)
    source.onmessage = ({ data }: MessageEvent<string>) => {
      hadStream = true
      heardAt = performance.now()
      sink.state(JSON.parse(data) as PageState, true)
    }
    source.onerror = end
    signal.addEventListener('abort', end)
  })
}

async function askState(sink: Sink): Promise<boolean> {
  try {
    sink.state(await ask<PageState>('/state'), false)
    return true
  } catch (error) {
    sink.lost(error instanceof Error ? error.message : String(error))
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

/** Throws an error for a person. */
async function ask<T>(path: string): Promise<T> {
  const answer = await fetch(path, { signal: AbortSignal.timeout(askTimeoutMs), cache: 'no-store' }).catch(
    (error: unknown) => {
      throw new Error(
        error instanceof DOMException && error.name === 'TimeoutError'
          ? `${location.host} has not answered within ${askTimeoutMs / 1000} s`
          : `nothing answers at ${location.host}: the controller has ended, or the way to the node is broken`,
      )
    },
  )
  if (answer.ok) return (await answer.json()) as T
  const { error } = (await answer.json().catch(() => ({}))) as { error?: string }
  throw new Error(error ?? `${location.host} answers with ${answer.status}`)
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}
