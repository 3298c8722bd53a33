import { setTimeout as delay } from 'node:timers/promises'
import { readBundle } from '../../bundle/read.ts'
import type { NodeStatus } from '../../control/status.ts'
import { LabError } from '../lab-error.ts'
import { together } from '../machine/together.ts'
import { controllerLogOf, readStatus, type Tables, waitUntilReady } from '../readiness.ts'
import type { LabState, NodeState } from '../state.ts'
import type { Fault, ScenarioResult, Stage } from './scenario.ts'
import { scenarios } from './scenarios.ts'
import { SiteWatch, sitesOf } from './site-watch.ts'

const restTimeoutMs = 60_000
/** A fleet that is at rest for so long is taken for one that stays so. */
const calmMs = 3000

interface RestOptions {
  /** `withdrawn`: it may not stay degraded. */
  readonly as: 'withdrawn' | 'any'
  /** How long a fleet has to be at rest. */
  readonly forMs: number
}

/** The first service of each node, of which every site is to become unhealthy. */
export async function stagesOf(state: LabState, program: readonly string[]): Promise<Stage[]> {
  return together(
    state.nodes.map(async (node) => ({
      ...{ state, node, program, wireguard: node.wireguard[0]!, client: null },
      manifest: await readBundle(node.bundle),
    })),
  )
}

/** The probe of the node fails, and nothing else: no event tells the controller. */
export function breakEndpoint(stage: Stage): Promise<Fault> {
  return scenarios.find(({ name }) => name === 'peer-missing')!.prepare(stage)
}

export function serviceOf({ manifest, wireguard }: Stage) {
  return manifest.services.find(({ name }) => name === wireguard.service)!
}

type Decided = Pick<NodeStatus['services'][number], 'decision' | 'reason' | 'detail'>

/** What it has come to: withdrawn, or degraded because it is one of the last; `null`: neither yet. */
function restOf({ services, daemon }: NodeStatus, service: string): Decided | null {
  const found = services.find(({ name }) => name === service)!
  if (!daemon.verified) return null
  const isLast = found.decision === 'degrade' && found.reason === 'last-site' && found.detail !== ''
  return found.decision === 'withdraw' || isLast ? found : null
}

/** Waits until each of these nodes is at rest, and for a while more. Throws NotReadyError. */
export async function waitForRest(
  stages: readonly Stage[],
  { as, forMs }: RestOptions,
  signal: AbortSignal,
): Promise<Decided[]> {
  const read = async ({ node, wireguard }: Stage) => {
    const status = await readStatus(node)
    return { status, service: status.services.find(({ name }) => name === wireguard.service)! }
  }
  await waitUntilReady(
    stages.map((stage) => async () => {
      const found = await read(stage).catch((error: Error) => error)
      const rest = found instanceof Error ? null : restOf(found.status, stage.wireguard.service)
      if (rest !== null && (as === 'any' || rest.decision === 'withdraw')) return null
      const instead =
        found instanceof Error ? found.message : `${found.service.decision}, ${found.service.detail}`
      return { what: `${stage.node.name} at rest`, instead, log: controllerLogOf(stage.node) }
    }),
    performance.now() + restTimeoutMs,
    signal,
  )
  const before = await together(stages.map(read))
  await delay(forMs, undefined, { signal })
  const after = await together(stages.map(read))
  const moved = stages.findIndex((_, at) => after[at]!.service.since !== before[at]!.service.since)
  if (moved >= 0) {
    const { decision, detail } = after[moved]!.service
    throw new LabError(
      `${stages[moved]!.node.name} did not stay at rest for ${forMs} ms: ${decision}, ${detail}. On a machine that is too busy, probes and the store are late: \`anyward events --node ${stages[moved]!.node.name}\``,
    )
  }
  return after.map(({ service }) => service)
}

/** Waits until these nodes announce normally, and hold no permit. */
export async function waitUntilWell(nodes: readonly NodeState[], signal: AbortSignal): Promise<void> {
  await waitUntilReady(
    nodes.map((node) => async () => {
      const status = await readStatus(node).catch((error: Error) => error)
      const isWell =
        !(status instanceof Error) &&
        status.daemon.verified &&
        status.services.every(({ decision, permit }) => decision === 'announce' && permit?.held !== true)
      if (isWell) return null
      const instead = status instanceof Error ? status.message : status.services[0]!.detail
      return { what: `${node.name} well`, instead, log: controllerLogOf(node) }
    }),
    performance.now() + restTimeoutMs,
    signal,
  )
}

const anyRest: RestOptions = { as: 'any', forMs: calmMs }

interface Course {
  readonly name: string
  /** Breaks the endpoint of each site; resolves once all are broken. */
  readonly strike: (faults: readonly Fault[], stages: readonly Stage[]) => Promise<void>
}

/** Every site of the fleet becomes unhealthy: at once, and then one after the other. */
export async function runAllSitesBad(
  state: LabState,
  tables: Tables,
  program: readonly string[],
  signal: AbortSignal,
): Promise<ScenarioResult> {
  const stages = await stagesOf(state, program)
  const courses: Course[] = [
    {
      name: 'at once',
      strike: async (faults) => void (await together(faults.map((fault) => fault.strike()))),
    },
    {
      name: 'one after the other',
      strike: async (faults, all) => {
        for (const [at, fault] of faults.entries()) {
          await fault.strike()
          await waitForRest(all.slice(0, at + 1), anyRest, signal)
        }
      },
    },
  ]
  const found = []
  for (const course of courses) found.push(await runCourse(course, stages, tables, signal))
  const [first] = state.nodes
  return {
    ...{ name: 'all-sites-bad', node: 'all', daemon: first!.daemon, detectMs: null },
    passed: found.every(({ problems }) => problems.length === 0),
    // Until all that failed at once were at rest.
    withdrawnMs: found[0]!.restMs,
    restoredMs: Math.max(...found.map(({ returnedMs }) => returnedMs)),
    ...{ clientOutageMs: null, packetsLost: null },
    detail: found.map(({ detail }) => detail).join('; '),
  }
}

async function runCourse(course: Course, stages: readonly Stage[], tables: Tables, signal: AbortSignal) {
  const first = stages[0]!
  const { state } = first
  const service = serviceOf(first)
  await waitUntilWell(state.nodes, signal)
  const faults = await together(stages.map(breakEndpoint))
  const watch = new SiteWatch(state, tables, new Set(service.prefixes))
  try {
    const struckAt = performance.now()
    await course.strike(faults, stages)
    const rest = await waitForRest(stages, anyRest, signal)
    const restMs = Math.round(performance.now() - struckAt - calmMs)
    const degraded = rest.filter(({ decision }) => decision === 'degrade').length
    const repairedAt = performance.now()
    await faults[0]!.repair()
    await waitUntilWell([first.node], signal)
    const returnedMs = Math.round(performance.now() - repairedAt)
    // As many as the others need to go; the first is back already.
    const back = Math.max(1, Math.min(service.minSites, stages.length))
    for (const fault of faults.slice(1, back)) await fault.repair()
    await waitUntilWell(
      stages.slice(0, back).map(({ node }) => node),
      signal,
    )
    await waitForRest(stages.slice(back), { as: 'withdrawn', forMs: calmMs }, signal)
    const { least, losses } = await watch.end()
    const sites = sitesOf(state).length
    const flapped = [...losses].filter(([, count]) => count > 1).map(([site]) => site)
    const { rise, intervalMs, holdDown } = service.probe
    const limitMs = rise * intervalMs + holdDown.initialMs + returnMarginMs
    const problems = [
      ...(least < Math.min(sites, service.minSites) ? [`only ${least} sites announced at one moment`] : []),
      ...(flapped.length > 0 ? [`flapped: ${flapped.join(', ')}`] : []),
      ...(returnedMs > limitMs ? [`the first site was back after more than ${limitMs} ms`] : []),
    ]
    const detail = `${course.name}: at least ${least} of ${sites} sites announced (minSites ${service.minSites}), ${degraded} stayed degraded at rest after ${restMs} ms, ${first.node.name} was back after ${returnedMs} ms, and with ${back} back the others withdrew`
    return { restMs, returnedMs, problems, detail: [detail, ...problems].join('; ') }
  } finally {
    await watch.end().catch(() => {})
    await together(faults.map((fault) => fault.repair()))
    await waitUntilWell(state.nodes, signal)
  }
}

/** The checks of a busy machine, and the removal of the permit. */
const returnMarginMs = 10_000
