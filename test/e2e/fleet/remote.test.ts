import { execa } from 'execa'
import { afterAll, expect, test } from 'vitest'
import { type FleetStatus, fleetStatusSchema } from '../../../src/control/fleet-status.ts'
import { patience } from '../../patience.ts'
import { cli, inside, type LabNode, labDown, labUp, until } from '../fixtures/lab/lab.ts'

afterAll(labDown, patience(60_000))

test('a node whose own probe is good, and that no other site reaches, is shown as out of reach', {
  timeout: patience(240_000),
}, async () => {
  const { nodes } = await labUp('test/e2e/fleet/watched-sites', '--store')
  const [ams1, , lon1] = nodes as [LabNode, LabNode, LabNode]
  await untilSeen(ams1, { sites: 2, failing: 0 }, 3)
  expect((await anyward(ams1, 'status', '--fleet')).exitCode).toBe(0)

  await cutOff(lon1)
  await untilSeen(ams1, { sites: 2, failing: 2 }, 1)
  const fleet = await anyward(ams1, 'status', '--fleet')
  expect(fleet.stdout).toContain(
    '! vpn of lon1-a at lon1 is out of reach: 2 of 2 sites that probe it do not reach it, although its own probe is good',
  )
  expect(fleet.stdout).toMatch(/^! {2}lon1 {2}lon1-a .*healthy {2}announce/m)
  expect(fleet.exitCode).toBe(1)
  const own = await until(
    'it knows itself',
    () => anyward(lon1, 'status'),
    ({ stdout }) => stdout.includes('OUT OF REACH: 2 of 2 sites that probe it do not reach it'),
  )
  expect(own.exitCode).toBe(1)
  expect(await metricsOf(lon1)).toContain('anyward_remote_unreachable{service="vpn"} 1')
  expect(await metricsOf(ams1)).toContain('anyward_remote_reached{service="vpn",site="lon1",node="lon1-a"} 0')

  await inside(lon1, 'nft', ['delete', 'table', 'inet', 'cut'])
  await untilSeen(ams1, { sites: 2, failing: 0 }, 3)
  await until(
    'it is well again',
    () => anyward(lon1, 'status'),
    ({ exitCode }) => exitCode === 0,
  )
  const { stdout } = await anyward(lon1, 'events', '--json')
  expect(stdout.match(/"event": "remote"/g)).toHaveLength(2)
})

/** Its own probe, which uses the anycast address, does not notice. */
async function cutOff(node: LabNode): Promise<void> {
  const { stdout } = await inside(node, 'ip', ['-4', '-o', 'addr', 'show', 'mgmt0'])
  const address = /inet ([\d.]+)/.exec(stdout)![1]!
  await inside(node, 'nft', [
    `table inet cut { chain input { type filter hook input priority 0; ip daddr ${address} udp dport 51820 drop; }; }`,
  ])
}

async function anyward(node: LabNode, ...words: string[]) {
  const argv = [cli, ...words, '--node', node.name]
  const { stdout, exitCode } = await execa(process.execPath, argv, { reject: false })
  return { stdout, exitCode }
}

async function readFleet(node: LabNode): Promise<FleetStatus> {
  const { stdout } = await anyward(node, 'status', '--fleet', '--json')
  return fleetStatusSchema.parse(JSON.parse(stdout))
}

/** @param count of nodes that other sites see so */
function untilSeen(node: LabNode, view: { sites: number; failing: number }, count: number) {
  return until(
    `${count} nodes are seen as ${JSON.stringify(view)}`,
    () => readFleet(node),
    ({ nodes }) =>
      nodes.filter(
        ({ services: [vpn] }) => vpn?.remote?.sites === view.sites && vpn.remote.failing === view.failing,
      ).length === count,
  )
}

async function metricsOf(node: LabNode): Promise<string> {
  return (await fetch(node.statusUrl.replace('/status', '/metrics'))).text()
}
