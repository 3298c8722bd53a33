import { setTimeout as delay } from 'node:timers/promises'
import { together } from '../machine/together.ts'
import { type Check, controllerLogOf, readStatus, type Tables, waitUntilReady } from '../readiness.ts'
import type { NodeState } from '../state.ts'
import { ClientPart } from './client/client-part.ts'
import type { ClientWatch } from './client/client-watch.ts'
import { findDecisions, isWithdrawal, sizeOf } from './controller-log.ts'
import { describeDecisions, describeStuck, describeUnwatched } from './describe-outcome.ts'
import { findHeld } from './held-routes.ts'
import type { Fault, Scenario, ScenarioEvent, ScenarioResult, Stage } from './scenario.ts'
import { type Held, type Watched, watchForLoss, watchRoutes } from './watch.ts'

const restoreTimeoutMs = 90_000
const restartTimeoutMs = 60_000
/** How long routes are watched beyond their bound: a busy machine still gets a reason, and a time. */
const overdueMs = 20_000
/** How long a restarted controller is watched for flaps. */
const calmMs = 2000

/** How to watch, and where events go. */
interface Measuring {
  readonly tables: Tables
  /** `null`: its outage is not measured. */
  readonly watch: ClientWatch | null
  readonly onEvent: ((event: ScenarioEvent) => void) | undefined
  readonly signal: AbortSignal
}

type Measurements = Pick<
  ScenarioResult,
  'passed' | 'detectMs' | 'withdrawnMs' | 'restoredMs' | 'clientOutageMs' | 'packetsLost' | 'detail'
>

/** Injects the fault and measures when the routes leave the neighbors' tables and, after the repair, when they return. */
export async function measureWithdrawal(
  measuring: Measuring,
  stage: Stage,
  scenario: Scenario,
  fault: Fault,
): Promise<Measurements> {
  const { tables, watch, signal, onEvent } = measuring
  const held = findHeld(stage, scenario)
  const bound = scenario.boundOf(stage)
  const logFile = controllerLogOf(stage.node)
  const logOffset = await sizeOf(logFile)
  const struckAt = performance.now()
  const struckAtEpochMs = performance.timeOrigin + struckAt
  const client = new ClientPart(stage, scenario, struckAtEpochMs, { watch, onEvent, signal })
  const deadline = struckAt + bound.limitMs + overdueMs
  const strike = fault.strike()
  // It is awaited below; until then a failure of it is not unhandled.
  strike.catch(() => {})
  onEvent?.({ kind: 'struck' })
  const gone = await together(
    held.map(async (entry) => {
      const watched = await watchRoutes(tables, entry, 'gone', struckAt, deadline, signal)
      if (watched.afterMs !== null) {
        onEvent?.({ kind: 'withdrawn', neighbor: entry.router.name, afterMs: watched.afterMs })
      }
      return watched
    }),
  )
  await strike
  const decisions =
    scenario.detectedBy === 'controller'
      ? await findDecisions(logFile, logOffset, stage.wireguard.service, signal)
      : []
  const decision = decisions.find(isWithdrawal) ?? null
  const detectMs = decision === null ? null : Math.max(0, decision.decidedAt - struckAtEpochMs)
  if (decision !== null) onEvent?.({ kind: 'detected', afterMs: detectMs!, reason: decision.reason })

  if (gone.every(({ afterMs }) => afterMs !== null)) await client.leave(fault)
  const repairedAtEpochMs = performance.timeOrigin + performance.now()
  const back = await repairAndWatch(measuring, fault, held)
  await client.comeBack(repairedAtEpochMs)
  const { clientOutageMs, packetsLost, problems, detail: ofClient } = await client.result()
  const withdrawnMs = slowest(gone)
  const restoredMs = slowest(back)
  const detail = [
    scenario.summary,
    ...(scenario.detectedBy === 'controller' ? describeDecisions(decisions, struckAtEpochMs) : []),
    ...describeUnwatched(stage, scenario, held),
    ...describeStuck(gone, 'still had'),
    ...describeStuck(back, 'did not get all routes back: it had'),
    ...(withdrawnMs !== null && withdrawnMs > bound.limitMs
      ? [`more than ${Math.round(bound.limitMs)} ms`]
      : []),
    ...ofClient,
  ]
  return {
    passed:
      held.length > 0 &&
      withdrawnMs !== null &&
      withdrawnMs <= bound.limitMs &&
      restoredMs !== null &&
      problems.length === 0 &&
      (scenario.detectedBy === 'neighbor' || decision !== null),
    detectMs: rounded(detectMs),
    withdrawnMs: rounded(withdrawnMs),
    restoredMs: rounded(restoredMs),
    clientOutageMs,
    packetsLost,
    detail: detail.filter((part) => part !== '').join('; '),
  }
}

/** For a fault that must not affect the neighbors: injects it, repairs it, and watches the routes throughout. */
export async function measureCalm(
  measuring: Measuring,
  stage: Stage,
  scenario: Scenario,
  fault: Fault,
): Promise<Measurements> {
  const { tables, watch, signal, onEvent } = measuring
  const held = findHeld(stage, scenario)
  const struckAt = performance.now()
  const epochMs = () => performance.timeOrigin + performance.now()
  const client = new ClientPart(stage, scenario, epochMs(), { watch, onEvent, signal })
  const course = (async () => {
    await fault.strike()
    onEvent?.({ kind: 'struck' })
    await client.leave(fault)
    onEvent?.({ kind: 'repairing' })
    const repairedAt = epochMs()
    await fault.repair()
    await waitForAnnouncing(stage.node, struckAt + restartTimeoutMs, signal)
    const announcingAt = performance.now()
    await client.comeBack(repairedAt)
    await delay(calmMs, undefined, { signal })
    return announcingAt - struckAt
  })()
  const losses = await together(held.map((entry) => watchForLoss(tables, entry, course, signal)))
  const restoredMs = await course
  const losers = held.filter((_, at) => losses[at]).map(({ router }) => router.name)
  const { clientOutageMs, packetsLost, problems, detail } = await client.result()
  return {
    passed: held.length > 0 && losers.length === 0 && problems.length === 0,
    detectMs: null,
    withdrawnMs: null,
    restoredMs: rounded(restoredMs),
    clientOutageMs,
    packetsLost,
    detail: [
      scenario.summary,
      losers.length === 0
        ? `${held.map(({ router }) => router.name).join(', ')} never lost a route`
        : `flapped at ${losers.join(', ')}`,
      ...detail,
    ].join('; '),
  }
}

async function repairAndWatch(
  { tables, signal, onEvent }: Measuring,
  fault: Fault,
  held: readonly Held[],
): Promise<Watched[]> {
  onEvent?.({ kind: 'repairing' })
  const repairedAt = performance.now()
  const repair = fault.repair()
  repair.catch(() => {})
  const back = await together(
    held.map(async (entry) => {
      const deadline = repairedAt + restoreTimeoutMs
      const watched = await watchRoutes(tables, entry, 'back', repairedAt, deadline, signal)
      if (watched.afterMs !== null) {
        onEvent?.({ kind: 'restored', neighbor: entry.router.name, afterMs: watched.afterMs })
      }
      return watched
    }),
  )
  await repair
  return back
}

async function waitForAnnouncing(node: NodeState, deadline: number, signal: AbortSignal): Promise<void> {
  const announcing: Check = async () => {
    const status = await readStatus(node).catch(() => null)
    if (status?.services.every(({ decision }) => decision === 'announce')) return null
    return {
      what: `the controller of ${node.name}`,
      instead: status === null ? 'does not answer' : status.services.map(({ reason }) => reason).join(', '),
      log: controllerLogOf(node),
    }
  }
  await waitUntilReady([announcing], deadline, signal)
}

function slowest(watched: readonly Watched[]): number | null {
  if (watched.length === 0 || watched.some(({ afterMs }) => afterMs === null)) return null
  return Math.max(...watched.map(({ afterMs }) => afterMs!))
}

function rounded(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms * 10) / 10
}
