import { type ScheduledTask, schedule } from 'node-cron'
import { ListenError, type Listener, startListener } from '../../control/listener.ts'
import { viewRoutes } from '../../control/program-routes.ts'
import { requireFleet } from '../../plan/sites/load.ts'
import { createLog, type Log } from '../../telemetry/log.ts'
import { createPlannerMetrics, type PlannerMetrics } from '../../telemetry/planner-metrics.ts'
import { renderMetrics } from '../../telemetry/render-metrics.ts'
import { CommandError, exitCode } from '../failure.ts'
import { planRound, type RoundOptions, type RoundResult } from './plan-round.ts'
import { type Cause, Rounds } from './rounds.ts'

export interface PlannerOptions {
  readonly sites: string
  readonly out: string
  readonly state: string
  readonly check: boolean
  readonly refuseBelow?: number
  readonly listen?: string
  readonly once?: true
}

/** What runs longer is not waited for when the planner is told to stop. */
const stopTimeoutMs = 30_000

export async function runPlanner(options: PlannerOptions): Promise<void> {
  // Without them there is no schedule to run on; later on, a fleet with a mistake leaves all as it was.
  const first = await requireFleet(options.sites)
  const { log, end } = createLog({ command: 'planner' })
  const metrics = createPlannerMetrics()
  const stopping = new AbortController()
  const round: RoundOptions = {
    sites: options.sites,
    out: options.out,
    stateDir: options.state,
    check: options.check,
    refuseBelow: options.refuseBelow ?? null,
    signal: stopping.signal,
  }
  const exit = async (code: number) => {
    await end()
    process.exit(code)
  }
  if (options.once) {
    const result = await planRound(round, log, Date.now())
    await exit(result.ok ? exitCode.fine : result.exitCode)
  }

  let last: RoundResult | null = null
  const status = { planned: null as string | null, failuresInARow: 0 }
  const rounds = new Rounds(async (cause) => {
    const nowMs = Date.now()
    log.info({ event: 'round', cause }, 'planning')
    const result = await planRound(round, log, nowMs)
    if (stopping.signal.aborted) return
    last = result
    record(metrics, result, nowMs)
    status.failuresInARow = result.ok ? 0 : status.failuresInARow + 1
    if (result.ok) {
      status.planned = new Date(nowMs).toISOString()
      timetable.follow(result.fleet.planner.schedule)
    }
  })
  const timetable = new Timetable(log, (cause) => void rounds.request(cause))
  const server =
    options.listen === undefined ? null : await serve(options.listen, metrics, () => last, status, log)

  const stop = async (signal: string) => {
    log.warn({ event: 'stop', signal }, `told to stop by ${signal}`)
    stopping.abort()
    timetable.end()
    void server?.close()
    // A round that has begun to write ends first: its bundles belong together.
    const late = setTimeout(() => void exit(exitCode.failed), stopTimeoutMs)
    await rounds.stop()
    clearTimeout(late)
    log.info({ event: 'stopped' }, 'stopped')
    await exit(exitCode.fine)
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop(signal))
  process.on('SIGHUP', () => void rounds.request('signal'))
  timetable.follow(first.planner.schedule)
  await rounds.request('start')
}

/** Runs on the schedule of the fleet that was planned last. */
class Timetable {
  readonly #log: Log
  readonly #onTime: (cause: Cause) => void
  #schedule = ''
  #task: ScheduledTask | null = null

  constructor(log: Log, onTime: (cause: Cause) => void) {
    this.#log = log
    this.#onTime = onTime
  }

  follow(wanted: string): void {
    if (wanted === this.#schedule) return
    this.end()
    this.#schedule = wanted
    // Its logger would write lines of its own to stdout.
    this.#task = schedule(wanted, () => this.#onTime('schedule'), { suppressMissedWarning: true })
    // A large plan can keep the event loop past the second at which the next one was due.
    this.#task.on('execution:missed', () => this.#onTime('schedule'))
    this.#log.info({ event: 'schedule', schedule: wanted }, `plans at ${wanted}`)
  }

  end(): void {
    void this.#task?.destroy()
    this.#task = null
  }
}

function record(metrics: PlannerMetrics, result: RoundResult, nowMs: number): void {
  if (!result.ok) {
    metrics.failures.inc()
    return
  }
  const { feeds, vrpsGeneratedMs, warnings } = result.loaded
  metrics.planned.set(nowMs / 1000)
  metrics.vrps.set(feeds.vrps?.size ?? 0)
  metrics.vrpsGenerated.set((vrpsGeneratedMs ?? 0) / 1000)
  metrics.irrRanges.reset()
  for (const [set, ranges] of feeds.irr) metrics.irrRanges.set({ set }, ranges.length)
  metrics.lastGoodAge.reset()
  for (const { feed, lastGoodAgeMs } of warnings) {
    if (lastGoodAgeMs !== null) metrics.lastGoodAge.set({ feed }, lastGoodAgeMs / 1000)
  }
}

async function serve(
  where: string,
  { registry }: PlannerMetrics,
  last: () => RoundResult | null,
  status: unknown,
  log: Log,
): Promise<Listener> {
  const routes = viewRoutes({
    isWorking: () => last()?.ok === true,
    status: () => status,
    metrics: () => renderMetrics(registry),
  })
  const onEnd = (cause: string, retryMs: number) =>
    log.error(
      { event: 'http', cause },
      `the HTTP thread has ended (${cause}); the next start is in ${retryMs} ms`,
    )
  try {
    return await startListener({ places: [where], routes, onEnd })
  } catch (cause) {
    if (!(cause instanceof ListenError)) throw cause
    throw new CommandError(cause.message, {
      hint: 'is another program there? --listen names the address and the port',
      cause,
    })
  }
}
