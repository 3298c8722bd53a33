import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { readBundle } from '../bundle/read.ts'
import type { Manifest } from '../planner/manifest.ts'
import { type LoggedDecision, parseDecisions, readFrom, sizeOf } from './controller-log.ts'
import { findOutage, type Outage, parsePingLog } from './ping-log.ts'
import { signalProcess } from './processes.ts'
import {
  announceChecks,
  type Check,
  clientCheck,
  controllerLogOf,
  expectedPrefixes,
  NotReadyError,
  readStatus,
  sessionChecks,
  sessionsOf,
  Tables,
  waitUntilReady,
} from './readiness.ts'
import type { Fault, Scenario, ScenarioEvent, ScenarioResult, Stage } from './scenario.ts'
import { type ClientState, type LabState, type NodeState, type ProcessRecord, writeState } from './state.ts'
import { together } from './together.ts'
import { startPing } from './traffic.ts'
import { type Held, type Watched, watchForLoss, watchRoutes } from './watch.ts'
import { renewPeers } from './wireguard.ts'

const pingIntervalMs = 20
const pingLog = 'scenario.log'
/** A WireGuard client needs some 15 s to try a handshake again. */
const clientPatienceMs = 20_000
const readyTimeoutMs = 60_000
const restoreTimeoutMs = 90_000
/** A controller that starts again proves itself for that long before we believe that nothing flaps. */
const calmMs = 2000

export interface RunOptions {
  readonly state: LabState
  readonly scenarios: readonly Scenario[]
  readonly nodes: readonly NodeState[]
  /** Whether to measure what a client suffers, which takes up to 20 s a scenario. */
  readonly client: boolean
  readonly program: readonly string[]
  readonly onEvent?: (event: ScenarioEvent) => void
  readonly signal: AbortSignal
}

/** The first node of each routing daemon. */
export function defaultNodes(state: LabState): NodeState[] {
  return (['bird', 'frr'] as const).flatMap((kind) => state.nodes.find(({ daemon }) => daemon === kind) ?? [])
}

/** Breaks one thing after the other in a lab that runs, measures, and leaves it as healthy as it was. */
export async function runScenarios(options: RunOptions): Promise<ScenarioResult[]> {
  const results: ScenarioResult[] = []
  const tables = new Tables()
  try {
    for (const scenario of options.scenarios) {
      for (const node of options.nodes) {
        options.signal.throwIfAborted()
        options.onEvent?.({ kind: 'started', scenario, node })
        const result = await runScenario(options, tables, scenario, node)
        results.push(result)
        options.onEvent?.({ kind: 'finished', result })
      }
    }
  } finally {
    tables.close()
  }
  return results
}

async function runScenario(
  options: RunOptions,
  tables: Tables,
  scenario: Scenario,
  node: NodeState,
): Promise<ScenarioResult> {
  const { state, signal, program } = options
  const unmeasured = {
    name: scenario.name,
    node: node.name,
    daemon: node.daemon,
    passed: false,
    detectMs: null,
    withdrawnMs: null,
    restoredMs: null,
    clientOutageMs: null,
    packetsLost: null,
  }
  const wireguard = node.wireguard[0]
  if (wireguard === undefined) return { ...unmeasured, detail: 'it serves nothing' }
  const client = options.client ? (state.clients.find(({ site }) => site === node.site) ?? null) : null
  const manifest = await readBundle(node.bundle)
  const stage: Stage = { state, node, manifest, wireguard, program }
  let fault: Fault | null = null
  let ping: ProcessRecord | null = null
  try {
    await waitUntilHealthy(options, tables, node, client)
    const held = findHeld(stage, scenario)
    if (client !== null) ping = await startMeasuring(client, signal)
    fault = await scenario.prepare(stage)
    const measured =
      scenario.expects === 'withdrawn'
        ? await measureWithdrawal(options, tables, stage, scenario, fault, held, client)
        : await measureCalm(options, tables, stage, fault, held, client)
    fault = null
    return { ...unmeasured, ...measured }
  } catch (error) {
    if (!(error instanceof NotReadyError)) throw error
    return {
      ...unmeasured,
      detail: error.missing.map(({ what, instead }) => `${what}: ${instead}`).join('; '),
    }
  } finally {
    await fault?.repair()
    if (ping !== null) await signalProcess(ping, 'SIGKILL')
    await renewClients(state)
    await writeState(state)
  }
}

async function waitUntilHealthy(
  { state, signal }: RunOptions,
  tables: Tables,
  node: NodeState,
  client: ClientState | null,
): Promise<void> {
  const checks: Check[] = [
    ...sessionChecks(state, tables, [node]),
    ...(await announceChecks(state, tables, node)),
    ...(client === null ? [] : [clientCheck(client, signal)]),
  ]
  await waitUntilReady(checks, performance.now() + readyTimeoutMs, signal)
}

/** The routes that the fault should take from the node's neighbors. */
function findHeld(stage: Stage, scenario: Scenario): Held[] {
  const { state, node, manifest } = stage
  const affected = affectedPrefixes(manifest, scenario.affects === 'node' ? null : stage.wireguard.service)
  return sessionsOf(state, node.name).flatMap(({ router, session }): Held[] => {
    const prefixes = expectedPrefixes(manifest, session.neighbor).filter((prefix) => affected.has(prefix))
    if (prefixes.length === 0) return []
    // Without BFD only the hold timer would notice, in minutes.
    if (scenario.name === 'node-crash' && session.bfdIntervalMs === null) return []
    return [{ router, protocol: session.protocol, prefixes }]
  })
}

/** A prefix that two services share stays announced while one of them is healthy. */
export function affectedPrefixes(manifest: Manifest, service: string | null): Set<string> {
  const of = (pick: (name: string) => boolean) =>
    manifest.services.filter(({ name }) => pick(name)).flatMap(({ prefixes }) => prefixes)
  if (service === null) return new Set(of(() => true))
  const kept = new Set(of((name) => name !== service))
  return new Set(of((name) => name === service).filter((prefix) => !kept.has(prefix)))
}

type Measurements = Pick<
  ScenarioResult,
  'passed' | 'detectMs' | 'withdrawnMs' | 'restoredMs' | 'clientOutageMs' | 'packetsLost' | 'detail'
>

async function measureWithdrawal(
  options: RunOptions,
  tables: Tables,
  stage: Stage,
  scenario: Scenario,
  fault: Fault,
  held: readonly Held[],
  client: ClientState | null,
): Promise<Measurements> {
  const { signal, onEvent } = options
  const bound = scenario.boundOf(stage)
  const logFile = controllerLogOf(stage.node)
  const logOffset = await sizeOf(logFile)
  const struckAt = performance.now()
  const struckAtEpochMs = performance.timeOrigin + struckAt
  const deadline = struckAt + bound.limitMs + 5000
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
  const decision =
    scenario.detectedBy === 'controller' ? await findDecision(logFile, logOffset, stage, signal) : null
  const detectMs = decision === null ? null : Math.max(0, decision.atMs - struckAtEpochMs)
  if (decision !== null) onEvent?.({ kind: 'detected', afterMs: detectMs!, reason: decision.reason })

  const lost = gone.every(({ afterMs }) => afterMs !== null)
  let outage: Outage | null | undefined
  if (client !== null && scenario.clientReturns === 'elsewhere' && lost) {
    outage = await waitForClient(client, struckAtEpochMs, signal)
  }
  const back = await repairAndWatch(options, tables, fault, held)
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
    describeDetection(scenario, decision),
    ...describeStuck(gone, 'still had'),
    ...describeStuck(back, 'did not get back all: it had'),
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

/** For a fault that no neighbor may notice: strikes, repairs, and never takes its eyes off the routes. */
async function measureCalm(
  options: RunOptions,
  tables: Tables,
  stage: Stage,
  fault: Fault,
  held: readonly Held[],
  client: ClientState | null,
): Promise<Measurements> {
  const { signal, onEvent } = options
  const struckAt = performance.now()
  const course = (async () => {
    await fault.strike()
    onEvent?.({ kind: 'struck' })
    onEvent?.({ kind: 'repairing' })
    await fault.repair()
    await waitForAnnouncing(stage.node, struckAt + readyTimeoutMs, signal)
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
      'the controller is killed and started again',
      losers.length === 0
        ? `${held.map(({ router }) => router.name).join(', ')} never lost a route`
        : `flapped at ${losers.join(', ')}`,
    ].join('; '),
  }
}

async function repairAndWatch(
  { signal, onEvent }: RunOptions,
  tables: Tables,
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

/** The first withdrawal after the fault; it may be logged a moment after the neighbors know it. */
async function findDecision(
  path: string,
  offset: number,
  stage: Stage,
  signal: AbortSignal,
): Promise<LoggedDecision | null> {
  const deadline = performance.now() + 2000
  for (;;) {
    const found = parseDecisions(await readFrom(path, offset)).find(
      ({ decision, service }) => decision === 'withdraw' && service === stage.wireguard.service,
    )
    if (found !== undefined) return found
    if (performance.now() > deadline) return null
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

async function startMeasuring(client: ClientState, signal: AbortSignal): Promise<ProcessRecord> {
  await rm(join(client.dir, pingLog), { force: true })
  const ping = await startPing(client, pingIntervalMs, pingLog)
  const deadline = performance.now() + 10_000
  while ((await readPings(client)).length === 0 && performance.now() < deadline) {
    await delay(20, undefined, { signal })
  }
  return ping
}

async function readPings(client: ClientState) {
  return parsePingLog(await readFile(join(client.dir, pingLog), 'utf8').catch(() => ''))
}

/** The client's outage; `null`: it had none; `undefined`: it is not over after 20 s. */
async function waitForClient(
  client: ClientState,
  struckAtEpochMs: number,
  signal: AbortSignal,
): Promise<Outage | null | undefined> {
  for (;;) {
    const now = performance.timeOrigin + performance.now()
    const replies = await readPings(client)
    const outage = findOutage(replies, struckAtEpochMs)
    const answered = now - (replies.at(-1)?.atMs ?? 0) < 500
    if (answered && outage !== null && outage.durationMs > 500) return outage
    // Some faults leave the client's session alone until the route moves: give it time to be hurt.
    if (answered && now - struckAtEpochMs > 3000) return outage
    if (now - struckAtEpochMs > clientPatienceMs) return undefined
    await delay(50, undefined, { signal })
  }
}

/** Every client and every server forgets the others' sessions, so that no scenario suffers from the last. */
export async function renewClients(state: LabState): Promise<void> {
  await together(
    state.nodes.flatMap((node) =>
      node.wireguard.map((wireguard) =>
        renewPeers(
          node.namespace,
          wireguard.interface,
          state.clients
            .filter(({ service }) => service === wireguard.service)
            .map((client) => ({ publicKey: client.publicKey, allowedIps: [client.allowedIp] })),
        ),
      ),
    ),
  )
  await together(
    state.clients.map(({ namespace, interface: name, server }) =>
      renewPeers(namespace, name, [
        { publicKey: server.publicKey, allowedIps: [server.allowedIp], endpoint: server.endpoint },
      ]),
    ),
  )
}

function slowest(watched: readonly Watched[]): number | null {
  if (watched.length === 0 || watched.some(({ afterMs }) => afterMs === null)) return null
  return Math.max(...watched.map(({ afterMs }) => afterMs!))
}

function describeDetection(scenario: Scenario, decision: LoggedDecision | null): string {
  if (scenario.detectedBy === 'neighbor') return ''
  return decision === null ? 'the controller decided nothing' : `${decision.reason}: ${decision.message}`
}

function describeStuck(watched: readonly Watched[], verb: string): string[] {
  return watched
    .filter(({ afterMs }) => afterMs === null)
    .map(({ held, present }) => `${held.router.name} ${verb} ${present.join(', ') || 'none'}`)
}

function describeClient(client: ClientState, outage: Outage | null | undefined, lost: boolean): string {
  if (outage === undefined) {
    return lost
      ? `${client.name} is not back after ${clientPatienceMs / 1000} s: WireGuard holds on to a site that still lives`
      : ''
  }
  if (outage === null) return `${client.name} lost nothing`
  return `${client.name} was back after ${(outage.durationMs / 1000).toFixed(1)} s`
}

function rounded(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms * 10) / 10
}
