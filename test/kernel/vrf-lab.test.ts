import { execa } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type NodeStatus, statusSchema } from '../../src/control/status.ts'
import type { ScenarioName } from '../../src/lab/scenario/names.ts'
import type { ScenarioResult } from '../../src/lab/scenario/scenario.ts'
import {
  cli,
  inside,
  type Lab,
  type LabNode,
  labDown,
  labUp,
  NeighborTables,
  until,
} from '../e2e/fixtures/lab/lab.ts'
import { findLeftovers } from '../e2e/fixtures/lab/leftovers.ts'
import { patience } from '../patience.ts'

const minutes = (count: number) => patience(count * 60_000)
/** The first table that the lab gives to a VRF. */
const vrfTable = '7001'
const scenarios: readonly ScenarioName[] = ['wireguard-down', 'controller-dead', 'daemon-restart', 'drain']

let lab: Lab
let everything: string[]

async function rows(): Promise<string[]> {
  const found: string[] = []
  for (const node of lab.nodes) {
    const tables = new NeighborTables(lab, node)
    found.push(...(await tables.read()))
    tables.close()
  }
  return found.sort()
}

async function statusOf(node: LabNode): Promise<NodeStatus> {
  return statusSchema.parse(await (await fetch(node.statusUrl)).json())
}

beforeAll(async () => {
  lab = await labUp('test/kernel/fleet-vrf')
  everything = await rows()
}, minutes(5))
afterAll(async () => {
  await labDown()
  expect(await findLeftovers()).toEqual([])
}, minutes(3))

test('neighbors in a VRF have what the status says, and no host route', async () => {
  expect(everything).toEqual(
    ['oslo', 'rome'].flatMap((site) => [
      `${site}-tor 192.0.2.0/24`,
      `${site}-tor 192.0.2.1/32`,
      `${site}-transit 192.0.2.0/24`,
      `${site}-transit-v6 2001:db8:51::/48`,
    ]),
  )
  for (const node of lab.nodes) {
    const { services } = await statusOf(node)
    const said = services.flatMap(({ announced }) =>
      announced.map(({ neighbor, prefix }) => `${neighbor} ${prefix}`),
    )
    expect(said.sort()).toEqual(everything.filter((row) => row.startsWith(node.name.split('-')[0]!)))
  }
})

test('BFD is up in the VRF and beside it, on both daemons', async () => {
  for (const node of lab.nodes) {
    await until(
      `BFD of ${node.name}`,
      async () => (await statusOf(node)).neighbors.map(({ bfd }) => bfd?.state ?? ''),
      (states) => states.join() === 'up,,up',
    )
  }
})

test('the routes that FRR accepts in a VRF are in its table alone, and BIRD accepts none', async () => {
  for (const node of lab.nodes) {
    const { stdout: inVrf } = await inside(node, 'ip', ['route', 'show', 'default', 'table', vrfTable])
    const { stdout: inMain } = await inside(node, 'ip', ['route', 'show', 'default', 'proto', 'bgp'])
    if (node.daemon === 'frr') {
      expect(inVrf).toContain('via 10.2.1.1 ')
      expect(inMain).not.toContain('via 10.2.1.1 ')
      const { stdout: unused } = await inside(node, 'ip', [
        'route',
        'show',
        '192.0.2.0/24',
        'table',
        vrfTable,
      ])
      expect(unused).toContain('blackhole')
    } else expect(inVrf).toBe('')
  }
})

test(
  'doctor finds nothing about the VRF, and names what it lacks',
  async () => {
    const [node] = lab.nodes
    const findings = async () => {
      const argv = [process.execPath, cli, 'doctor', '--bundle', node!.bundle, '--json'] as const
      const { stdout } = await execa('ip', ['netns', 'exec', node!.namespace, ...argv], { reject: false })
      const { findings: all } = JSON.parse(stdout) as { findings: { check: string; message: string }[] }
      return all.filter(({ check }) => check === 'vrf').map(({ message }) => message)
    }
    expect(await findings()).toEqual([])
    await inside(node!, 'sysctl', ['-q', '-w', 'net.ipv4.udp_l3mdev_accept=0'])
    expect(await findings()).toEqual([
      'WireGuard takes no packets that arrive in a VRF: net.ipv4.udp_l3mdev_accept is 0',
    ])
    await inside(node!, 'sysctl', ['-q', '-w', 'net.ipv4.udp_l3mdev_accept=1'])
  },
  minutes(2),
)

test.each(scenarios)(
  'the scenario %s withdraws from the neighbors in the VRF too, and restores them',
  async (name) => {
    const args = ['lab', 'run', name, '--running', '--no-client', '--json']
    const { stdout, stderr } = await execa(process.execPath, [cli, ...args], { reject: false })
    const { scenarios: results } = JSON.parse(stdout || '{}') as { scenarios?: ScenarioResult[] }
    expect(
      results?.map(({ daemon }) => daemon),
      stderr,
    ).toEqual(['bird', 'frr'])
    for (const result of results!) {
      const text = JSON.stringify(result)
      console.log(text)
      expect(result.withdrawnMs, text).toBeGreaterThan(0)
      expect(result.restoredMs, text).toBeGreaterThan(0)
    }
    await until('all routes again', rows, (now) => now.join() === everything.join())
  },
  minutes(6),
)
