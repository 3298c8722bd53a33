import { setTimeout as delay } from 'node:timers/promises'
import type { Manifest, ManifestService } from '../../manifest/manifest.ts'
import { together } from '../machine/together.ts'
import {
  type Check,
  controllerLogOf,
  expectedPrefixes,
  readStatus,
  sessionsOf,
  type Tables,
  waitUntilReady,
} from '../readiness.ts'
import type { ClientState, NodeState } from '../state.ts'
import { readPings, waitForClient } from './client-outage.ts'
import { type LoggedDecision, parseDecisions, readFrom, sizeOf } from './controller-log.ts'
import {
  describeClient,
  describeDecisions,
  describeStuck,
  describeUnwatched,
  isWithdrawal,
} from './describe-outcome.ts'
import { findOutage, type Outage } from './ping-log.ts'
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
  readonly client: ClientState | null
  readonly onEvent: ((event: ScenarioEvent) => void) | undefined
  readonly signal: AbortSignal
}

/** The routes that the fault should take from the node's neighbors. */
function findHeld(stage: Stage, scenario: Scenario): Held[] {
  const { state, node, manifest } = stage
  const affected = affectedPrefixes(manifest, (service) => isAffected(scenario, stage, service))
  return sessionsOf(state, node.name).flatMap(({ router, session }): Held[] => {
    const prefixes = expectedPrefixes(manifest, session.neighbor).filter((prefix) => affected.has(prefix))
    if (prefixes.length === 0) return []
    if (scenario.needsBfd && session.bfdIntervalMs === null) return []
    return [{ router, protocol: session.protocol, prefixes }]
  })
}

/** A prefix that two services share stays announced while one of them is healthy. */
export function affectedPrefixes(
  manifest: Manifest,
  isGone: (service: ManifestService) => boolean,
): Set<string> {
  const of = (services: readonly ManifestService[]) => services.flatMap(({ prefixes }) => prefixes)
  const kept = new Set(of(manifest.services.filter((service) => !isGone(service))))
  return new Set(of(manifest.services.filter(isGone)).filter((prefix) => !kept.has(prefix)))
}

function isAffected({ affects }: Scenario, { wireguard }: Stage, service: ManifestService): boolean {
  switch (affects) {
    case 'node':
      return true
    case 'guarded':
      return service.deadManMs !== null
    case 'service':
      return service.name === wireguard.service
  }
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
  const { tables, client, signal, onEvent } = measuring
  const held = findHeld(stage, scenario)
  const bound = scenario.boundOf(stage)
  const logFile = controllerLogOf(stage.node)
  const logOffset = await sizeOf(logFile)
  const struckAt = performance.now()
  const struckAtEpochMs = performance.timeOrigin + struckAt
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
    scenario.detectedBy === 'controller' ? await findDecisions(logFile, logOffset, stage, signal) : []
  const decision = decisions.find(isWithdrawal) ?? null
  const detectMs = decision === null ? null : Math.max(0, decision.decidedAt - struckAtEpochMs)
  if (decision !== null) onEvent?.({ kind: 'detected', afterMs: detectMs!, reason: decision.reason })

  const lost = gone.every(({ afterMs }) => afterMs !== null)
  let outage: Outage | null | undefined
  if (client !== null && scenario.clientReturns === 'elsewhere' && lost) {
    outage = await waitForClient(client, struckAtEpochMs, signal)
  }
  const back = await repairAndWatch(measuring, fault, held)
  if (client !== null && scenario.clientReturns === 'with-repair') {
    outage = await waitForClient(client, struckAtEpochMs, signal)
  }
  if (outage) {
    onEvent?.({
      kind: 'client-back',
      client: client!.name,
      outageMs: outage.durationMs,
      packetsLost: outage.packetsLost,
    })
  }
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
    ...(client === null ? [] : [describeClient(client, outage, lost)]),
  ]
  return {
    passed:
      held.length > 0 &&
      withdrawnMs !== null &&
      withdrawnMs <= bound.limitMs &&
      restoredMs !== null &&
      (scenario.detectedBy === 'neighbor' || decision !== null),
    detectMs: rounded(detectMs),
    withdrawnMs: rounded(withdrawnMs),
    restoredMs: rounded(restoredMs),
    clientOutageMs: outage ? rounded(outage.durationMs) : outage === null ? 0 : null,
    packetsLost: outage ? outage.packetsLost : outage === null ? 0 : null,
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
  const { tables, client, signal, onEvent } = measuring
  const held = findHeld(stage, scenario)
  const struckAt = performance.now()
  const course = (async () => {
    await fault.strike()
    onEvent?.({ kind: 'struck' })
    onEvent?.({ kind: 'repairing' })
    await fault.repair()
    await waitForAnnouncing(stage.node, struckAt + restartTimeoutMs, signal)
    const announcingAt = performance.now()
    await delay(calmMs, undefined, { signal })
    return announcingAt - struckAt
  })()
  const losses = await together(held.map((entry) => watchForLoss(tables, entry, course, signal)))
  const restoredMs = await course
  const losers = held.filter((_, at) => losses[at]).map(({ router }) => router.name)
  const outage =
    client === null ? undefined : findOutage(await readPings(client), performance.timeOrigin + struckAt)
  return {
    passed: held.length > 0 && losers.length === 0,
    detectMs: null,
    withdrawnMs: null,
    restoredMs: rounded(restoredMs),
    clientOutageMs: outage === undefined ? null : rounded(outage?.durationMs ?? 0),
    packetsLost: outage === undefined ? null : (outage?.packetsLost ?? 0),
    detail: [
      scenario.summary,
      losers.length === 0
        ? `${held.map(({ router }) => router.name).join(', ')} never lost a route`
        : `flapped at ${losers.join(', ')}`,
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

/**
 * Decisions up to the first withdrawal after the fault, which may be logged shortly after the neighbors receive
 * it; all of them without one.
 */
async function findDecisions(
  path: string,
  offset: number,
  stage: Stage,
  signal: AbortSignal,
): Promise<LoggedDecision[]> {
  const deadline = performance.now() + 2000
  for (;;) {
    const decisions = parseDecisions(await readFrom(path, offset)).filter(
      ({ service }) => service === stage.wireguard.service,
    )
    const end = decisions.findIndex(isWithdrawal)
    if (end !== -1) return decisions.slice(0, end + 1)
    if (performance.now() > deadline) return decisions
    await delay(20, undefined, { signal })
  }
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
