import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../../clock/clock.ts'
import { noAccess } from '../../control/access/access.ts'
import type { Listener } from '../../control/listener.ts'
import type { Route } from '../../control/route.ts'
import { createLog, type Log } from '../../telemetry/log.ts'
import { createPlannerMetrics, type PlannerMetrics } from '../../telemetry/planner-metrics.ts'
import { renderMetrics } from '../../telemetry/render-metrics.ts'
import type { Fleet } from '../sites/fleet.ts'
import { requireFleet } from '../sites/load.ts'
import { openFleetPage } from './fleet-page.ts'
import { planRound, type RoundOptions, type RoundResult } from './plan-round.ts'
import { openRolloutPage } from './rollout-page.ts'
import { Rounds } from './rounds.ts'
import { serveViews } from './serve-views.ts'
import { Timetable } from './timetable.ts'

/** The planner does not wait longer for a round when it stops. */
const stopTimeoutMs = 30_000

export interface PlannerOptions {
  readonly round: Omit<RoundOptions, 'signal'>
  /** `ADDRESS:PORT` of the HTTP server; `null`: none. */
  readonly listen: string | null
  /** The folder with the planner's certificate for the store; `null`: the files that fleet.yaml names. */
  readonly storeKeys: string | null
  /** Of lines with the name and the hash of a token; `null`: no order is taken. */
  readonly tokensFile: string | null
}

/** Plans once, and logs what it did. */
export async function planOnce(options: PlannerOptions['round']): Promise<RoundResult> {
  const { log, end } = await createLog({ command: 'planner' })
  const { signal } = new AbortController()
  const result = await planRound({ ...options, signal }, log, systemClock.wall())
  await end()
  return result
}

/**
 * Plans on the schedule in fleet.yaml until SIGTERM or SIGINT. `late`: a round did not end in time. Throws ConfigError
 * and FleetFolderError if the fleet cannot be read at the start, OperationError if it cannot listen.
 */
export async function runPlanner(options: PlannerOptions): Promise<'stopped' | 'late'> {
  // The first fleet must be valid: the schedule is in it. Later errors leave everything as it was.
  const first = await requireFleet(options.round.sites)
  const { log, end } = await createLog({ command: 'planner' })
  const metrics = createPlannerMetrics()
  const stopping = new AbortController()
  const round = { ...options.round, signal: stopping.signal }
  let last: RoundResult | null = null
  const status = { planned: null as string | null, failuresInARow: 0 }
  const rounds = new Rounds(async (cause) => {
    const nowMs = systemClock.wall()
    log.info({ event: 'round', cause }, 'planning')
    const result = await planRound(round, log, nowMs)
    if (stopping.signal.aborted) return
    last = result
    status.failuresInARow = result.ok ? 0 : status.failuresInARow + 1
    if (result.ok) {
      status.planned = new Date(nowMs).toISOString()
      timetable.follow(result.fleet.planner.schedule)
    }
    record(metrics, result, nowMs, timetable.next)
  })
  const timetable = new Timetable(log, (cause) => void rounds.request(cause))
  const fleet = () => (last?.ok === true ? last.fleet : first)
  const page = options.listen === null ? null : await openPage(options, fleet, log)
  const server = page === null ? null : await serve(options, { metrics, last: () => last, status, log }, page)

  const stop = async (signal: string): Promise<'stopped' | 'late'> => {
    log.warn({ event: 'stop', signal }, `stopping on ${signal}`)
    stopping.abort()
    timetable.end()
    void server?.close()
    await page?.close()
    // A round that has begun to write ends first: its bundles belong together.
    const late = new AbortController()
    const ending = await Promise.race([
      rounds.stop().then(() => 'stopped' as const),
      sleep(stopTimeoutMs, 'late' as const, { signal: late.signal }),
    ])
    late.abort()
    if (ending === 'stopped') log.info({ event: 'stopped' }, 'stopped')
    await end()
    return ending
  }
  const ending = new Promise<'stopped' | 'late'>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const)
      process.once(signal, () => void stop(signal).then(resolve))
  })
  process.on('SIGHUP', () => void rounds.request('signal'))
  timetable.follow(first.planner.schedule)
  void rounds.request('start')
  return ending
}

function record(metrics: PlannerMetrics, result: RoundResult, nowMs: number, next: Date | null): void {
  if (!result.ok) {
    metrics.failures.inc()
    return
  }
  const { feeds, vrpsGeneratedMs, warnings } = result.loaded
  metrics.planned.set(nowMs / 1000)
  // Without a schedule that has another time, no round is ever late.
  if (next === null) metrics.due.remove()
  else metrics.due.set(next.getTime() / 1000)
  metrics.bundles.reset()
  for (const labels of result.bundles) metrics.bundles.set(labels, 1)
  metrics.plannedNodes.reset()
  const nodes = result.fleet.sites.flatMap((site) => site.nodes)
  for (const { name: service } of result.fleet.services)
    metrics.plannedNodes.set({ service }, nodes.filter(({ services }) => services.includes(service)).length)
  metrics.vrps.set(feeds.vrps?.size ?? 0)
  metrics.vrpsGenerated.set((vrpsGeneratedMs ?? 0) / 1000)
  metrics.irrRanges.reset()
  for (const [set, ranges] of feeds.irr) metrics.irrRanges.set({ set }, ranges.length)
  metrics.lastGoodAge.reset()
  for (const { feed, lastGoodAgeMs } of warnings) {
    if (lastGoodAgeMs !== null) metrics.lastGoodAge.set({ feed }, lastGoodAgeMs / 1000)
  }
}

interface PlannerPage {
  readonly routes: readonly Route[]
  takesOrders: boolean
  readonly close: () => Promise<void>
}

/** What the page shows. Throws OperationError if the keys of the store cannot be read. */
async function openPage(
  { round: { sites, out }, storeKeys, tokensFile }: PlannerOptions,
  fleet: () => Fleet,
  log: Log,
): Promise<PlannerPage> {
  const ofFleet = await openFleetPage(fleet, storeKeys)
  const place = { sites, out, ...(storeKeys !== null && { storeKeys }) }
  const ofRollout = openRolloutPage(place, () => page.takesOrders, log)
  const page: PlannerPage = {
    routes: [...(ofFleet?.routes ?? []), ...ofRollout.routes].filter(
      ({ access }) => access !== 'named' || tokensFile !== null,
    ),
    takesOrders: false,
    close: async () => {
      await ofRollout.close()
      await ofFleet?.close()
    },
  }
  return page
}

interface Served {
  readonly metrics: PlannerMetrics
  readonly last: () => RoundResult | null
  readonly status: unknown
  readonly log: Log
}

function serve(
  { listen, tokensFile }: PlannerOptions,
  { metrics, last, status, log }: Served,
  page: PlannerPage,
): Promise<Listener> {
  // The build puts the page beside the bundled program.
  const pageDir = fileURLToPath(new URL('../web/', import.meta.url))
  const views = {
    isWorking: () => last()?.ok === true,
    status: () => status,
    metrics: () => renderMetrics(metrics.registry),
  }
  return serveViews(
    listen!,
    { option: '--listen', log, ...views },
    {
      routes: page.routes,
      access: { ...noAccess, tokensFile },
      ...(existsSync(pageDir) && { pageDir, pageView: 'fleet' as const }),
      onAccess: ({ orders, problem }) => {
        page.takesOrders = orders
        if (problem !== null && tokensFile !== null)
          log.error({ event: 'access', cause: problem }, `the tokens cannot be used: ${problem}`)
      },
      onWrongToken: (from) =>
        log.warn({ event: 'wrong-token', from }, `a request from ${from} had a token that is not known here`),
    },
  )
}
