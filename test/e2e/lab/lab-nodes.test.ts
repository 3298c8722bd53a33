import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { NodeStatus } from '../../../src/control/status.ts'
import { BirdClient } from '../../../src/node/routing/bird/client.ts'
import { patience } from '../../patience.ts'
import { cli, type Lab, type LabNode, labDown, labUp, until } from '../fixtures/lab/lab.ts'

let dir: string
let lab: Lab

/** The BIRD node at oslo and the FRR node at rome, with iBGP between them in both families. */
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'lab-nodes-'))
  await cp('test/e2e/fixtures/fleet', dir, { recursive: true })
  const ends = [
    ['oslo', 'rome', '10.9.0.1', '10.9.0.2', '2001:db8:9::1', '2001:db8:9::2'],
    ['rome', 'oslo', '10.9.0.2', '10.9.0.1', '2001:db8:9::2', '2001:db8:9::1'],
  ] as const
  for (const [site, other, ours, theirs, ours6, theirs6] of ends) {
    const file = join(dir, `${site}.yaml`)
    const more = `      - { name: ${other}-v4, kind: ibgp, asn: 64500, address: ${theirs}, localAddress: ${ours}, passwordFile: /etc/anyward/${other}, bfd: { hops: multi } }
      - { name: ${other}-v6, kind: ibgp, asn: 64500, address: "${theirs6}", localAddress: "${ours6}" }
`
    await writeFile(file, `${(await readFile(file, 'utf8')).trimEnd()}\n${more}`)
  }
  lab = await labUp(dir)
}, patience(120_000))
afterAll(async () => {
  await labDown()
  await rm(dir, { recursive: true, force: true })
}, patience(60_000))

const statusOf = async (node: LabNode): Promise<NodeStatus> =>
  (await (await fetch(node.statusUrl)).json()) as NodeStatus

test('two nodes that name each other’s addresses have a session with each other, and no invented router', async () => {
  expect(lab.nodes.map(({ name, peers }) => [name, peers])).toEqual([
    [
      'oslo-a',
      [
        { neighbor: 'rome-v4', node: 'rome-a' },
        { neighbor: 'rome-v6', node: 'rome-a' },
      ],
    ],
    [
      'rome-a',
      [
        { neighbor: 'oslo-v4', node: 'oslo-a' },
        { neighbor: 'oslo-v6', node: 'oslo-a' },
      ],
    ],
  ])
  expect(lab.neighbors.filter(({ name }) => /^(?:oslo|rome)-v\d/.test(name))).toEqual([])
  for (const node of lab.nodes) {
    const sessions = async () =>
      (await statusOf(node)).neighbors.filter(({ name }) => /-v[46]$/.test(name) && !name.includes('transit'))
    const found = await until('both are up', sessions, (all) => all[0]?.bfd?.state === 'up')
    expect(found.map(({ session }) => session)).toEqual(['up', 'up'])
  }
})

test('each node has the other’s routes, and reports them as those of another announcer', async () => {
  const [bird, frr] = ['bird', 'frr'].map((daemon) => lab.nodes.find((node) => node.daemon === daemon)!)
  const client = new BirdClient({ socketPath: bird!.controlSocket, deadlineMs: patience(5000) })
  const atBird = async () => {
    const { lines } = await client.send('show route 192.0.2.0/24 protocol aw_rome_v4 all')
    return lines.map(({ text }) => text).join('\n')
  }
  await until('BIRD has the route of FRR', atBird, (text) =>
    /(?:BGP\.|bgp_)next_hop: 10\.9\.0\.2$/m.test(text),
  )
  client.close()
  const atFrr = async () => {
    const args = [
      '--vty_socket',
      join(frr!.controlSocket, '..'),
      '-c',
      'show bgp ipv6 unicast neighbors 2001:db8:9::1 routes json',
    ]
    const { stdout } = await execa('vtysh', args)
    return Object.keys((JSON.parse(stdout) as { routes?: object }).routes ?? {})
  }
  await until('FRR has the routes of BIRD', atFrr, (prefixes) => prefixes.includes('2001:db8:51::/48'))
})

test('a fleet with the lab’s own addresses is refused, with the place and the cure', async () => {
  const sites = join(dir, 'own')
  await cp('test/e2e/fixtures/fleet', sites, { recursive: true })
  const file = join(sites, 'oslo.yaml')
  await writeFile(file, (await readFile(file, 'utf8')).replace('address: 10.1.2.1', 'address: 100.127.3.1'))
  const refused = await execa(process.execPath, [cli, 'lab', 'up', '--sites', sites], { reject: false })
  expect(refused.exitCode).toBe(2)
  expect(refused.stderr).toContain(
    'oslo.yaml nodes[0].neighbors[2].address: 100.127.3.1 is in 100.127.0.0/16, which the lab uses itself',
  )
  expect(refused.stderr).toContain('run the lab with a copy of the fleet that has other addresses there')
})
