import type { Clock } from '../../../clock/clock.ts'
import type { Manifest } from '../../../manifest/manifest.ts'
import { bfdGraceMs, describeQuietBfd } from '../../../manifest/quiet-bfd.ts'
import type { Metrics } from '../../../telemetry/metrics.ts'
import type { Say } from '../../../telemetry/say.ts'
import { type BfdSessions, type BfdState, DaemonError } from '../../routing/daemon.ts'

interface BfdWatchParts {
  readonly sessions: BfdSessions
  readonly manifest: Manifest
  readonly pollMs?: number
  readonly clock: Pick<Clock, 'now' | 'sleep'>
  readonly say: Say
  readonly metrics: Pick<Metrics, 'bfdUp'>
}

export interface BfdView {
  /** `unknown`: the daemon's BFD does not answer. */
  readonly state: BfdState | 'unknown'
  /** What is wrong, with the cure, once it lasts; `null`: nothing. */
  readonly problem: string | null
}

export interface BfdWatch {
  /** `null`: this neighbor has no BFD. */
  view(neighbor: string): BfdView | null
  /** @param isSessionUp whether the BGP session to this neighbor is up: without it there may be no BFD */
  start(isSessionUp: (neighbor: string) => boolean): void
  stop(): void
}

/**
 * Watches the BFD sessions: logs each change, and reports those that stay down while their BGP session is up. It changes
 * nothing, and no withdrawal waits for it.
 */
export function watchBfd({
  sessions,
  manifest,
  pollMs = 1000,
  clock,
  say,
  metrics,
}: BfdWatchParts): BfdWatch {
  const neighbors = manifest.neighbors.filter(({ session }) => session?.bfd)
  const views = new Map<string, BfdView>(
    neighbors.map(({ name }) => [name, { state: 'unknown', problem: null }]),
  )
  /** Since when BFD is not up while the BGP session is. */
  const quietSince = new Map<string, number>()
  let failure: string | null = null
  let wake = () => {}
  let stopped = false

  const look = async () => {
    try {
      const states = await sessions.look()
      if (failure !== null) say('info', { event: 'bfd' }, 'the BFD sessions can be read again')
      failure = null
      return states
    } catch (error) {
      if (stopped) return null
      const { message } = error as Error
      const cause = error instanceof DaemonError ? error.code : 'internal'
      if (failure !== message) say('error', { event: 'bfd', cause }, `BFD is not known: ${message}`)
      failure = message
      return null
    }
  }
  const take = (states: ReadonlyMap<string, BfdState> | null, isSessionUp: (name: string) => boolean) => {
    const now = clock.now()
    for (const neighbor of neighbors) {
      const { name } = neighbor
      const before = views.get(name)!
      const state = states?.get(name) ?? 'unknown'
      metrics.bfdUp.set({ neighbor: name }, state === 'unknown' ? Number.NaN : state === 'up' ? 1 : 0)
      const isQuiet = (state === 'down' || state === 'missing') && isSessionUp(name)
      if (!isQuiet) quietSince.delete(name)
      else if (!quietSince.has(name)) quietSince.set(name, now)
      const lasts = isQuiet && now - quietSince.get(name)! >= bfdGraceMs
      const problem = lasts ? describeQuietBfd(neighbor, manifest.daemon, state) : null
      views.set(name, { state, problem })
      const facts = { event: 'bfd', neighbor: name, bfd: state }
      if (state !== before.state && state !== 'unknown' && (before.state !== 'unknown' || state === 'up')) {
        say(state === 'up' ? 'info' : 'warn', facts, `BFD with ${name} is ${state}`)
      }
      if (problem !== null && before.problem === null) say('error', facts, problem)
    }
  }
  const run = async (isSessionUp: (neighbor: string) => boolean) => {
    while (!stopped) {
      const states = await look()
      if (stopped) return
      take(states, isSessionUp)
      await clock.sleep(pollMs, (waker) => {
        wake = waker
      })
    }
  }
  return {
    view: (neighbor) => views.get(neighbor) ?? null,
    start(isSessionUp) {
      void run(isSessionUp)
    },
    stop() {
      stopped = true
      sessions.close()
      wake()
    },
  }
}
