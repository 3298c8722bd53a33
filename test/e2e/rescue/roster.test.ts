import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, expect, test } from 'vitest'
import type { NodeStatus } from '../../../src/control/status.ts'
import { patience } from '../../patience.ts'
import { cli, expectServed, inside, type LabNode, labDown, labUp, until } from '../fixtures/lab/lab.ts'

const sites = await mkdtemp(join(tmpdir(), 'anyward-roster-'))
afterAll(async () => {
  await labDown()
  await rm(sites, { recursive: true })
}, patience(60_000))

async function edit(file: string, from: string, to: string): Promise<void> {
  const text = await readFile(join(sites, file), 'utf8')
  expect(text).toContain(from)
  await writeFile(join(sites, file), text.replace(from, to))
}

const statusOf = async ({ statusUrl }: LabNode) => (await (await fetch(statusUrl)).json()) as NodeStatus

test('nodes of a fleet with `rescue` share which client is served where, and no address of one is in any output', {
  timeout: patience(240_000),
}, async () => {
  await cp('test/e2e/fixtures/fleet', sites, { recursive: true })
  const files =
    'caFile: /etc/anyward/node/ca, certFile: /etc/anyward/node/crt, keyFile: /etc/anyward/node/key'
  await edit('fleet.yaml', 'asn: 64500\n', `asn: 64500\nrescue: { ${files} }\n`)
  await edit('oslo.yaml', '    services: [vpn]\n', '    unicast: 198.18.0.1\n    services: [vpn]\n')
  await edit('rome.yaml', '    services: [vpn]\n', '    unicast: 198.18.0.2\n    services: [vpn]\n')
  const { nodes, clients } = await labUp(sites)
  await expectServed(clients, 5)
  const statuses = await Promise.all(
    nodes.map((node) =>
      until(
        `${node.name} knows all clients`,
        () => statusOf(node),
        ({ rescue }) =>
          rescue?.entries === clients.length &&
          rescue.nodes.every(({ up }) => up !== false) &&
          rescue.strays?.ok === true,
      ),
    ),
  )
  for (const { rescue } of statuses) {
    expect(rescue).toMatchObject({ readers: 1, problem: null })
    expect(rescue!.strays).toMatchObject({ ok: true, problem: null, endpoints: clients.length })
    expect(new Set(rescue!.nodes.map(({ up }) => up))).toEqual(new Set([null, true]))
    for (const { skewMs } of rescue!.nodes) expect(Math.abs(skewMs!)).toBeLessThan(1000)
  }
  const [first] = nodes
  const metrics = await (await fetch(first!.statusUrl.replace('/status', '/metrics'))).text()
  expect(metrics).toContain('anyward_stray_watch_up 1\n')
  expect(metrics).toContain('anyward_roster_stream_up{node="rome-a"} 1')
  expect(metrics).toMatch(/^anyward_clock_skew_seconds\{node="rome-a"\} -?\d/m)
  const { stdout } = await execa(process.execPath, [cli, 'status', '--node', first!.name, '--sites', sites], {
    reject: false,
  })
  expect(stdout).toContain(`roster: ${clients.length} clients known`)
  const endpoints = await Promise.all(
    nodes.map(
      async (node) => (await inside(node, 'wg', ['show', node.wireguardInterface, 'endpoints'])).stdout,
    ),
  )
  const users = endpoints
    .join('\n')
    .split('\n')
    .flatMap((line) => /\t\[?([\d.a-f:]+?)\]?:\d+$/.exec(line)?.[1] ?? [])
    // The probe's, which is the node's own.
    .filter((address) => !['127.0.0.1', '::1', '192.0.2.1', '2001:db8:51::1'].includes(address))
  expect(users.length).toBeGreaterThan(0)
  const log = await execa('grep', ['-rhoaE', `(${users.join('|')}):`, `/run/anyward-lab/nodes`], {
    reject: false,
  })
  for (const user of users) {
    for (const text of [metrics, stdout, JSON.stringify(statuses)]) expect(text).not.toContain(user)
  }
  expect(log.stdout).toBe('')
})
