import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { breakEndpoint, stagesOf } from '../../../src/lab/scenario/all-sites-bad.ts'
import { cutLinks } from '../../../src/lab/scenario/faults/paths.ts'
import type { ScenarioName } from '../../../src/lab/scenario/names.ts'
import type { Stage } from '../../../src/lab/scenario/scenario.ts'
import { scenarios } from '../../../src/lab/scenario/scenarios.ts'
import { type LabState, readState, writeState } from '../../../src/lab/state.ts'
import { patience } from '../../patience.ts'
import { disturb, restore } from '../fixtures/etcd/member-failures.ts'
import { expectGoodMetrics } from '../fixtures/http/promtool.ts'
import { cli, inside, type Lab, labDown, labUp } from '../fixtures/lab/lab.ts'
import { type ActiveAlert, Monitoring } from '../fixtures/prometheus/monitoring.ts'
import { until } from '../fixtures/routing/until.ts'

/** A minute of the rules takes so long here. */
const secondsForAMinute = 5
const withinMs = patience(40_000)

const sites = 'test/e2e/telemetry/sites'
const plannerAt = '127.0.0.1:9380'

let folder: string
let planner: ReturnType<typeof startPlanner>
let lab: Lab
let state: LabState
/** In the order of their sites: ams1, fra1, lon1. */
let stages: Stage[]
let monitoring: Monitoring

function startPlanner(dir: string) {
  const argv = ['planner', '--sites', sites, '--out', join(dir, 'out'), '--state', join(dir, 'state')]
  return execa(process.execPath, [cli, ...argv, '--listen', plannerAt], { reject: false, stdio: 'ignore' })
}

beforeAll(async () => {
  lab = await labUp(sites, '--store')
  state = (await readState())!
  stages = await stagesOf(state, [process.execPath, resolve(cli)])
  const targets = lab.nodes.map(({ name: node, site, statusUrl }) => ({
    address: new URL(statusUrl).host,
    labels: { site, node },
  }))
  folder = await mkdtemp(join(tmpdir(), 'anyward-planner-'))
  planner = startPlanner(folder)
  const jobs = { anyward: targets, 'anyward-planner': [{ address: plannerAt, labels: {} }] }
  monitoring = await Monitoring.start(jobs, secondsForAMinute)
  await untilCalm()
}, patience(120_000))
afterAll(async () => {
  await monitoring?.stop()
  planner?.kill('SIGTERM')
  await planner
  await labDown()
  await rm(folder, { recursive: true })
}, patience(60_000))

/** What a machine raises by itself that has other work. */
const ofLoad = ['AnywardLateProbes', 'AnywardProbeSlow']

async function readActive(): Promise<string[]> {
  const alerts = await monitoring.alerts()
  for (const { labels } of alerts)
    if (labels.cause !== undefined) causes.add(`${keyOf({ labels })}: ${labels.cause}`)
  return alerts.filter(({ labels }) => !ofLoad.includes(labels.alertname!)).map(keyOf)
}

/** Of the alerts so far that have one: without it, an alert that was not expected explains nothing. */
const causes = new Set<string>()

const keyOf = ({ labels: { alertname, node, exported_node } }: Pick<ActiveAlert, 'labels'>) =>
  `${alertname} ${node ?? exported_node ?? 'fleet'}`

/** Nothing is active, and all targets have been read. */
async function untilCalm(): Promise<void> {
  await until(
    'no alert is active, and the controllers and the planner are scraped',
    async () => {
      const up = await monitoring.query('count(up == 1)')
      const active = await readActive()
      return active.length === 0 && up[0]?.value[1] === '4'
        ? null
        : `${active.join()}; up: ${up[0]?.value[1]}`
    },
    { withinMs, everyMs: 200 },
  )
}

interface Expected {
  readonly strike: () => Promise<unknown>
  readonly repair: () => Promise<unknown>
  /** `ALERT NODE`, or `ALERT fleet`. */
  readonly alerts: readonly string[]
}

/** Collects every alert from the fault until none is active. */
async function expectAlerts({ strike, repair, alerts }: Expected): Promise<void> {
  const seen = new Set<string>()
  const look = async () => {
    const active = await readActive()
    for (const one of active) seen.add(one)
    return active
  }
  await strike()
  try {
    await until(
      `${alerts.join(', ')} active`,
      async () => {
        const active = await look()
        const missing = alerts.filter((one) => !active.includes(one))
        return missing.length === 0 ? null : `active: ${active.join(', ')}`
      },
      { withinMs, everyMs: 200 },
    )
  } finally {
    await repair()
    await writeState(state)
  }
  await until(
    'no alert is active after the repair',
    async () => {
      const active = await look()
      return active.length === 0 ? null : active.join(', ')
    },
    { withinMs, everyMs: 200 },
  )
  expect([...seen].sort(), [...causes].join(', ')).toEqual([...alerts].sort())
}

async function ofScenario(name: ScenarioName, stage: Stage, alerts: readonly string[]): Promise<Expected> {
  const fault = await scenarios.find((scenario) => scenario.name === name)!.prepare(stage)
  return { strike: () => fault.strike(), repair: () => fault.repair(), alerts }
}

const timeout = patience(100_000)

test('promtool accepts what each program exports, with all that it has to export', { timeout }, async () => {
  for (const address of [...lab.nodes.map(({ statusUrl }) => new URL(statusUrl).host), plannerAt])
    await expectGoodMetrics(await (await fetch(`http://${address}/metrics`)).text())
})

test('WireGuard, BGP, the store and the agent are measured on each node, and no peer is named', {
  timeout,
}, async () => {
  for (const query of [
    // Its own probe, and the client of its site.
    'anyward_wireguard_peers >= 2',
    'anyward_wireguard_fresh_peers >= 1',
    'anyward_wireguard_received_bytes_total > 0',
    'anyward_wireguard_sent_bytes_total > 0',
    'anyward_bgp_sent_prefixes == 2',
    'anyward_bgp_received_prefixes >= 0',
    'anyward_certificate_expiry_timestamp_seconds{certificate="rescue"} > time()',
    'time() - anyward_agent_timestamp_seconds < 15',
    'anyward_agent_store_up == 1',
  ]) {
    await until(
      `${query} on three nodes`,
      async () => {
        const result = await monitoring.query(query)
        return result.length === 3 ? null : JSON.stringify(result)
      },
      { withinMs, everyMs: 200 },
    )
  }
  expect(await monitoring.query('{__name__=~"anyward_wireguard_peer_.*"}')).toEqual([])
})

/** What has no series in a fleet like this one, or not before there was a fault. */
const mayBeEmpty = [
  'Alerts',
  'RTR cache',
  'Bad probes',
  'Time of a rescue',
  'Stray packets',
  'Age of the plan and of the VRPs',
]

test('Prometheus answers each query of the dashboard', { timeout }, async () => {
  const text = await readFile('templates/grafana/anyward.json', 'utf8')
  const { panels } = JSON.parse(text) as { panels: { title: string; targets?: { expr: string }[] }[] }
  const queries = panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ title, expr })))
  expect(queries.length).toBeGreaterThan(25)
  for (const { title, expr } of queries) {
    const promql = expr.replaceAll(/\$(site|node)\b/g, '.*').replaceAll('$__rate_interval', '10s')
    await until(
      `"${title}" has data`,
      async () => {
        const result = await monitoring.query(promql)
        return result.length > 0 || mayBeEmpty.includes(title) ? null : promql
      },
      { withinMs, everyMs: 200 },
    )
  }
})

test.each(['wireguard-down', 'wireguard-hung', 'wrong-key', 'peer-missing'] as const)(
  '%s: the service is withdrawn',
  { timeout },
  async (name) => {
    // BIRD and FRR in turn.
    const at = name === 'wireguard-hung' || name === 'peer-missing' ? 1 : 0
    const stage = stages[at]!
    await expectAlerts(await ofScenario(name, stage, [`AnywardServiceWithdrawn ${stage.node.name}`]))
  },
)

test.each([0, 1])(
  'a routing daemon that is killed, on node %i: it is down, and its sessions have no alert of their own',
  { timeout },
  async (at) => {
    const stage = stages[at]!
    await expectAlerts(
      await ofScenario('daemon-restart', stage, [`AnywardRoutingDaemonDown ${stage.node.name}`]),
    )
  },
)

test('node-crash: its sessions are down, and no beat is missed', { timeout }, async () => {
  const stage = stages[1]!
  const fault = await cutLinks(stage)
  await expectAlerts({
    strike: () => fault.strike(),
    repair: () => fault.repair(),
    alerts: [`AnywardBgpSessionDown ${stage.node.name}`],
  })
})

test('controller-dead: its controller is down', { timeout }, async () => {
  const stage = stages[2]!
  await expectAlerts(await ofScenario('controller-dead', stage, [`AnywardControllerDown ${stage.node.name}`]))
})

test('all-sites-bad: one is withdrawn, and two are held', { timeout }, async () => {
  // The first has withdrawn before the others fail.
  const faults = await Promise.all(stages.map(breakEndpoint))
  const [first, second, third] = stages.map(({ node }) => node.name)
  await expectAlerts({
    strike: async () => {
      await faults[0]!.strike()
      await until('the first is withdrawn', async () => {
        const reply = await fetch(lab.nodes.find(({ name }) => name === first)!.statusUrl)
        const { services } = (await reply.json()) as { services: { announced: unknown[] }[] }
        return services[0]!.announced.length === 0 ? null : 'it announces'
      })
      for (const fault of faults.slice(1)) await fault.strike()
    },
    repair: async () => {
      for (const fault of faults) await fault.repair()
    },
    alerts: [
      `AnywardServiceWithdrawn ${first}`,
      `AnywardLastSiteHeld ${second}`,
      `AnywardLastSiteHeld ${third}`,
    ],
  })
})

test('two of three members of the store are frozen: it has no quorum', { timeout }, async () => {
  const members = state.storeMembers.slice(0, 2)
  await expectAlerts({
    strike: () => Promise.all(members.map((member) => disturb(member, 'freeze'))),
    repair: () => Promise.all(members.map((member) => restore(member, 'freeze'))),
    alerts: ['AnywardStoreWithoutQuorum fleet'],
  })
})

test('a node that is cut off from the store: it alone, and its beat has no alert of its own', {
  timeout,
}, async () => {
  const node = lab.nodes[2]!
  const rules = [
    'add table inet cut',
    'add chain inet cut output { type filter hook output priority 0; }',
    'add rule inet cut output tcp dport 2379 drop',
  ]
  await expectAlerts({
    strike: () => inside(node, 'nft', [rules.join('; ')]),
    repair: () => inside(node, 'nft', ['delete table inet cut']),
    alerts: [`AnywardStoreUnreachable ${node.name}`],
  })
})

test('a drain raises nothing', { timeout }, async () => {
  const { strike, repair } = await ofScenario('drain', stages[0]!, [])
  await expectAlerts({
    strike: async () => {
      await strike()
      // As long as the alert of a withdrawal takes, and more.
      await until('the node is drained, and the rules have been evaluated', async () => {
        const query = `min_over_time(anyward_drain_stage{stage="drained", node="ams1-a"}[${2 * secondsForAMinute}s])`
        const result = await monitoring.query(query)
        return result[0]?.value[1] === '1' ? null : JSON.stringify(result)
      })
    },
    repair,
    alerts: [],
  })
})
