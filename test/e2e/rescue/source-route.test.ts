import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { NodeStatus } from '../../../src/control/status.ts'
import type { Manifest } from '../../../src/manifest/manifest.ts'
import type { Finding } from '../../../src/node/doctor/check.ts'
import { ownProtocol } from '../../../src/node/rescue/source/source-plan.ts'
import { patience } from '../../patience.ts'
import { cli, inside, type Lab, type LabNode, labDown, labUp, until } from '../fixtures/lab/lab.ts'

/** Documentation addresses that no client of the lab has: an initiation to them is repeated for ever. */
const silent = { ipv4: '203.0.113.9', ipv6: '2001:db8:99::9' } as const
const anycast = ['192.0.2.1', '2001:db8:51::1']
/** The port and table of the service. */
const port = 51820
const table = '5151820'

let lab: Lab
const nodeOf = (daemon: LabNode['daemon']) => lab.nodes.find((node) => node.daemon === daemon)!

beforeAll(async () => {
  lab = await labUp('test/e2e/fixtures/fleet')
}, patience(180_000))
afterAll(labDown, patience(60_000))

async function ip(node: LabNode, ...args: string[]): Promise<string> {
  return (await inside(node, 'ip', args)).stdout
}

/** Our rules and routes of both families. */
async function readOurs(node: LabNode): Promise<string[]> {
  const texts = await Promise.all(
    ['-4', '-6'].flatMap((family) => [
      ip(node, '-N', family, 'rule'),
      ip(node, '-N', family, 'route', 'show', 'table', 'all', 'protocol', ownProtocol),
    ]),
  )
  return texts
    .join('\n')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.includes(`proto ${ownProtocol}`) || line.includes(`table ${table}`))
}

async function statusOf(node: LabNode): Promise<NodeStatus['services'][number]> {
  return ((await (await fetch(node.statusUrl)).json()) as NodeStatus).services[0]!
}

async function eventsOf(node: LabNode, event: string): Promise<unknown[]> {
  const manifest = JSON.parse(await readFile(join(node.bundle, 'manifest.json'), 'utf8')) as Manifest
  const lines = (await readFile(join(manifest.paths.stateDir, 'events.jsonl'), 'utf8')).trim().split('\n')
  return lines.map((line) => JSON.parse(line)).filter((one: { event: string }) => one.event === event)
}

async function doctor(node: LabNode): Promise<Finding[]> {
  const argv = [
    'netns',
    'exec',
    node.namespace,
    process.execPath,
    cli,
    'doctor',
    '--json',
    '--bundle',
    node.bundle,
  ]
  const { stdout } = await execa('ip', argv, { reject: false })
  return (JSON.parse(stdout) as { findings: Finding[] }).findings
}

const countInitiations = `table inet source_test {
  set v4 { type ipv4_addr; size 100; flags dynamic; counter; }
  set v6 { type ipv6_addr; size 100; flags dynamic; counter; }
  chain out {
    type filter hook output priority 0
    ip daddr ${silent.ipv4} udp sport ${port} @th,64,8 1 add @v4 { ip saddr }
    ip6 daddr ${silent.ipv6} udp sport ${port} @th,64,8 1 add @v6 { ip6 saddr }
  }
}
`

/** The sources of initiations to the silent addresses, and how many were sent from each. */
async function readSources(node: LabNode): Promise<Map<string, number>> {
  const { stdout } = await inside(node, 'nft', ['list', 'table', 'inet', 'source_test'])
  return new Map(
    [...stdout.matchAll(/([\da-f.:]+) counter packets (\d+)/g)].map(([, address, count]) => [
      address!,
      Number(count),
    ]),
  )
}

describe.each(['bird', 'frr'] as const)('on a node with %s', (daemon) => {
  test('what WireGuard sends first, and what it repeats, leaves from the anycast address', async () => {
    const node = nodeOf(daemon)
    await execa('ip', ['netns', 'exec', node.namespace, 'nft', '-f', '-'], { input: countInitiations })
    const peers = await Promise.all(
      [silent.ipv4, `[${silent.ipv6}]`].map(async (address, at) => {
        const { stdout: secret } = await execa('wg', ['genkey'])
        const { stdout: key } = await execa('wg', ['pubkey'], { input: secret })
        const options = ['endpoint', `${address}:40000`, 'persistent-keepalive', '1']
        await inside(node, 'wg', [
          ...['set', node.wireguardInterface, 'peer', key],
          ...[...options, 'allowed-ips', `10.80.9.${at + 1}/32`],
        ])
        return key
      }),
    )
    const sources = await until(
      'two initiations of each family have left',
      () => readSources(node),
      (found) => [...found.values()].filter((count) => count >= 2).length >= 2,
    )
    for (const key of peers) await inside(node, 'wg', ['set', node.wireguardInterface, 'peer', key, 'remove'])
    await inside(node, 'nft', ['delete', 'table', 'inet', 'source_test'])
    expect([...sources.keys()].sort()).toEqual(anycast)
    expect((await statusOf(node)).checks).toMatchObject({ source: true })
    expect((await doctor(node)).filter(({ check }) => check === 'source')).toEqual([])
  })

  test.each([
    ['rules', 'rule flush protocol'],
    ['routes', `route flush table ${table} protocol`],
  ])('%s that another program removes are back, with an event', async (_, command) => {
    const node = nodeOf(daemon)
    const before = await until(
      'the rules and routes are there',
      () => readOurs(node),
      (found) => found.length >= 8,
    )
    const earlier = (await eventsOf(node, 'source-restored')).length
    for (const family of ['-4', '-6']) await ip(node, family, ...command.split(' '), ownProtocol)
    await until(
      'they are back',
      () => readOurs(node),
      (found) => found.sort().join('\n') === [...before].sort().join('\n'),
      20_000,
    )
    await until(
      'the event of each family is written',
      () => eventsOf(node, 'source-restored'),
      (events) => events.length >= earlier + 2,
    )
  })

  test('a rule of the engineer that gives another source is kept, degrades the service, and has a cure', async () => {
    const node = nodeOf(daemon)
    const before = await statusOf(node)
    expect(before).toMatchObject({ decision: 'announce', checks: { source: true } })
    const [gateway] = /via \S+ dev \S+/.exec(await ip(node, 'route', 'show', 'default'))!
    const own = (await ip(node, '-4', '-br', 'addr')).match(/10\.\d\.1\.2/)![0]
    await ip(node, 'route', 'add', 'default', ...gateway.split(' '), 'onlink', 'src', own, 'table', '5182001')
    await ip(node, 'rule', 'add', 'pref', '100', 'ipproto', '17', 'sport', String(port), 'lookup', '5182001')
    const degraded = await until(
      'the service is degraded',
      () => statusOf(node),
      ({ decision }) => decision === 'degrade',
    )
    expect(degraded).toMatchObject({ reason: 'source-wrong', checks: { source: false }, health: 'impaired' })
    expect(degraded.detail).toContain(own)
    expect((await doctor(node)).filter(({ check }) => check === 'source')).toMatchObject([
      { severity: 'error', message: expect.stringContaining(own), cure: expect.stringContaining('ip rule') },
    ])
    expect(await ip(node, 'rule', 'show', 'pref', '100')).toContain('lookup 5182001')
    await ip(node, 'rule', 'del', 'pref', '100')
    await ip(node, 'route', 'flush', 'table', '5182001')
    await until(
      'the service is announced normally again',
      () => statusOf(node),
      ({ decision, health }) => decision === 'announce' && health === 'healthy',
    )
  })
})

test('after the end of the controller nothing of it is left, and the rule of the engineer is', async () => {
  const node = nodeOf('bird')
  await ip(node, 'rule', 'add', 'pref', '100', 'from', '192.0.2.1', 'lookup', 'main')
  expect((await readOurs(node)).length).toBeGreaterThan(0)
  process.kill(node.controllerPid, 'SIGTERM')
  await until(
    'the controller has ended',
    async () => {
      try {
        process.kill(node.controllerPid, 0)
        return false
      } catch {
        return true
      }
    },
    (ended) => ended,
  )
  expect(await readOurs(node)).toEqual([])
  expect(await ip(node, 'rule', 'show', 'pref', '100')).toContain('from 192.0.2.1 lookup main')
})
