import { readBundle } from '../../bundle/read.ts'
import { daemonKinds } from '../../manifest/daemon-kinds.ts'
import {
  announceChecks,
  type Check,
  NotReadyError,
  sessionChecks,
  Tables,
  waitUntilReady,
} from '../readiness.ts'
import { type LabState, type NodeState, writeState } from '../state.ts'
import { runAllSitesBad } from './all-sites-bad.ts'
import { runBadRollout } from './bad-rollout.ts'
import { ClientWatch } from './client/client-watch.ts'
import { obstacleOf } from './client/obstacle.ts'
import { measureCalm, measureWithdrawal } from './measure.ts'
import type { FleetScenarioName } from './names.ts'
import type { Fault, Scenario, ScenarioEvent, ScenarioResult, Stage } from './scenario.ts'

const readyTimeoutMs = 60_000

interface RunOptions {
  readonly state: LabState
  readonly scenarios: readonly Scenario[]
  readonly fleetScenarios: readonly FleetScenarioName[]
  readonly nodes: readonly NodeState[]
  /** Whether to measure the client's outage, which takes up to 20 s a scenario. */
  readonly client: boolean
  readonly program: readonly string[]
  readonly onEvent?: (event: ScenarioEvent) => void
  readonly signal: AbortSignal
}

/** The first node of each routing daemon. */
export function defaultNodes(state: LabState): NodeState[] {
  return daemonKinds.flatMap((kind) => state.nodes.find(({ daemon }) => daemon === kind) ?? [])
}

/** Runs one scenario after another in a running lab, measures, and repairs every fault. */
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
    for (const name of options.fleetScenarios) results.push(await runOnFleet(options, tables, name))
  } finally {
    tables.close()
  }
  return results
}

const ofFleet: Readonly<
  Record<FleetScenarioName, { readonly summary: string; readonly run: typeof runAllSitesBad }>
> = {
  'all-sites-bad': { summary: 'the endpoint of every site fails', run: runAllSitesBad },
  'bad-rollout': { summary: 'a rollout of a plan that ends sessions', run: runBadRollout },
}

async function runOnFleet(
  options: RunOptions,
  tables: Tables,
  name: FleetScenarioName,
): Promise<ScenarioResult> {
  const { state, program, signal, onEvent } = options
  const { summary, run } = ofFleet[name]
  const scenario = { name, summary }
  onEvent?.({ kind: 'started', scenario, node: { name: 'all', daemon: state.nodes[0]!.daemon } })
  const result = await run(state, tables, program, signal).catch((error: unknown) => ({
    ...unmeasuredOf(name, 'all', state.nodes[0]!),
    detail: describeNotReady(error),
  }))
  onEvent?.({ kind: 'finished', result })
  return result
}

function unmeasuredOf(name: string, node: string, { daemon }: NodeState) {
  return {
    ...{ name, node, daemon, passed: false, detectMs: null, withdrawnMs: null, restoredMs: null },
    ...{ clientOutageMs: null, packetsLost: null },
  }
}

/** Throws any other error. */
function describeNotReady(error: unknown): string {
  if (!(error instanceof NotReadyError)) throw error
  return error.missing.map(({ what, instead }) => `${what}: ${instead}`).join('; ')
}

async function runScenario(
  options: RunOptions,
  tables: Tables,
  scenario: Scenario,
  node: NodeState,
): Promise<ScenarioResult> {
  const { state, signal, program, onEvent } = options
  const unmeasured = unmeasuredOf(scenario.name, node.name, node)
  const wireguard = node.wireguard[0]
  if (wireguard === undefined) return { ...unmeasured, detail: 'the node has no service' }
  // A scenario about the client is nothing without it.
  const isWatched = options.client || scenario.client !== undefined
  const client = isWatched ? (state.clients.find(({ site }) => site === node.site) ?? null) : null
  const manifest = await readBundle(node.bundle)
  const stage: Stage = { state, node, manifest, wireguard, client, program }
  const obstacle = obstacleOf(scenario, stage)
  if (obstacle !== null) return { ...unmeasured, detail: obstacle }
  let fault: Fault | null = null
  let watch: ClientWatch | null = null
  try {
    await waitUntilHealthy(options, tables, node)
    if (client !== null) watch = await ClientWatch.start(stage, client, scenario, signal)
    fault = await scenario.prepare(stage)
    const measure = scenario.expects === 'withdrawn' ? measureWithdrawal : measureCalm
    const measured = await measure({ tables, watch, onEvent, signal }, stage, scenario, fault)
    fault = null
    return { ...unmeasured, ...measured }
  } catch (error) {
    return { ...unmeasured, detail: describeNotReady(error) }
  } finally {
    await fault?.repair()
    await watch?.stop()
    await writeState(state)
  }
}

async function waitUntilHealthy(
  { state, signal }: RunOptions,
  tables: Tables,
  node: NodeState,
): Promise<void> {
  const checks: Check[] = [
    ...sessionChecks(state, tables, [node]),
    ...(await announceChecks(state, tables, node)),
  ]
  await waitUntilReady(checks, performance.now() + readyTimeoutMs, signal)
}
