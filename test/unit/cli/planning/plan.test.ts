import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { planCommand } from '../../../../src/cli/commands/design/plan.ts'
import { CommandError } from '../../../../src/cli/failure.ts'
import { base } from '../../../invalid/base.ts'
import { runCommand } from './run-command.ts'

let dir: string
let sites: string
let out: string

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'anyward-plan-'))
  sites = join(dir, 'sites')
  out = join(dir, 'out')
  await mkdir(sites)
  for (const [name, text] of Object.entries(base)) await writeFile(join(sites, name), text)
})

afterEach(async () => {
  vi.restoreAllMocks()
  await rm(dir, { recursive: true, force: true })
})

async function plan(...args: string[]): Promise<{ stdout: string; error: CommandError | null }> {
  const state = join(dir, 'state')
  const words = ['--sites', sites, 'plan', '--no-check', '--state', state, ...args]
  const { stdout, error } = await runCommand(planCommand(), ...words)
  if (error !== null && !(error instanceof CommandError)) throw error
  return { stdout, error: error as CommandError | null }
}

test('too few sites: nothing is written, the plan is printed, and the exit code is 1', async () => {
  const { stdout, error } = await plan('--out', out, '--refuse-below', '3')
  expect(error?.message).toBe('vpn would be announced at 2 sites (ams1, fra1), fewer than 3')
  expect(error?.exitCode).toBe(1)
  expect(stdout).toContain('fra1 may now announce 192.0.2.0/24 to transit1')
  expect(await readdir(dir)).not.toContain('out')

  const asJson = await plan('--out', out, '--refuse-below', '3', '--json')
  expect(JSON.parse(asJson.stdout)).toMatchObject({
    written: false,
    refused: [{ service: 'vpn', sites: ['ams1', 'fra1'], missing: [] }],
  })
})

test('a site that announces to no neighbor is named as missing', async () => {
  const text = base['ams1.yaml']!.replace('services: [vpn]', 'services: []')
  await writeFile(join(sites, 'ams1.yaml'), text)
  const { error } = await plan('--out', out, '--refuse-below', '2')
  expect(error?.message).toBe(
    'vpn would be announced at 1 site (fra1), fewer than 2; missing: ams1: no node serves it',
  )
})

test('exactly the minimum of sites is accepted', async () => {
  const { stdout, error } = await plan('--out', out, '--refuse-below', '2')
  expect(error).toBeNull()
  expect(stdout).toMatch(/\n2 bundles in .*\/out\n$/)
})

test('--json prints one document with the nodes and their announcements', async () => {
  const first = JSON.parse((await plan('--out', out, '--json')).stdout)
  expect(first.nodes).toMatchObject([
    {
      site: 'ams1',
      node: 'ams1-a',
      daemon: 'frr',
      files: ['frr.conf', 'manifest.json'],
      change: 'new',
      effect: 'session-restart',
    },
    {
      site: 'fra1',
      node: 'fra1-a',
      daemon: 'bird',
      files: ['announce.conf', 'bird.conf', 'manifest.json'],
      change: 'new',
      effect: 'session-restart',
    },
  ])
  expect(first.announcements).toContainEqual({
    node: 'fra1-a',
    neighbor: 'transit1',
    prefix: '192.0.2.0/24',
    change: 'new',
  })

  const second = JSON.parse((await plan('--out', out, '--json')).stdout)
  expect(second.nodes.map(({ change, effect }: never) => ({ change, effect }))).toEqual([
    { change: 'same', effect: 'none' },
    { change: 'same', effect: 'none' },
  ])
  expect(new Set(second.announcements.map(({ change }: never) => change))).toEqual(new Set(['same']))
})

test('a removed node keeps its bundle, and the plan prints what to do with it', async () => {
  await plan('--out', out)
  const bundle = join(out, 'ams1', 'ams1-a')
  const before = await readFile(join(bundle, 'frr.conf'), 'utf8')
  await rm(join(sites, 'ams1.yaml'))

  const { stdout, error } = await plan('--out', out)
  expect(error).toBeNull()
  expect(stdout).toContain(
    `ams1-a is no longer in the sites: its bundle stays in ${bundle}; drain and stop it first, then delete that folder\n`,
  )
  expect(await readFile(join(bundle, 'frr.conf'), 'utf8')).toBe(before)
  expect(JSON.parse((await plan('--out', out, '--json')).stdout).removed).toEqual([
    { site: 'ams1', node: 'ams1-a', dir: bundle },
  ])
})

test('the first planner.keys are named, and shown, before a node has them', async () => {
  await plan('--out', out)
  const line = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAPAORbqbNMyUXh8a1vs2ZOZxfkKvxNT/FI2EeNiknnD planner@noc'
  await writeFile(join(sites, 'fleet.yaml'), `${base['fleet.yaml']}planner: { keys: [${line}] }\n`)
  const { stdout } = await plan('--out', out)
  expect(stdout).toContain(
    'fra1-a  bird  changed  a reload, sessions stay up\n  from now on it accepts only bundles that a key of planner.keys has signed\n',
  )
  expect(stdout).toContain(`\n+planner namespaces="anyward-bundle" ${line}\n`)
})

test('--for-neighbor prints what the operator of the neighbor has to configure, and writes nothing', async () => {
  const { stdout, error } = await plan('--for-neighbor', 'transit1')
  expect(error).toBeNull()
  expect(stdout).toBe(`For the operator of transit1, AS64601: the session with fra1-a at fra1
required, or the session does not come up:
  - neighbor 10.1.1.2, AS64500, from your 10.1.1.1, AS64601; IPv4 unicast
  - TCP MD5 (RFC 2385) with the password that was agreed on; it is not shown here
recommended:
  - the role provider (RFC 9234): with another one the session does not come up, with none it does
  - GTSM (RFC 5082), off at present: tell us if you can, and both sides turn it on
  - BFD, single hop (RFC 5881), interval 100 ms, multiplier 3: without it a failed path is found only when the hold time ends, after up to 90 s
  - hold time 90 s or more, keepalives each 30 s: of both sides' hold times the shorter applies
  - GRACEFUL_SHUTDOWN (65535:0, RFC 8326): give such routes LOCAL_PREF 0; we send it before maintenance, and while a service is impaired
  - filters: routes from us: exactly 192.0.2.0/24; routes to us: the default route only
`)
  expect(await readdir(dir)).toEqual(['sites'])

  const asJson = JSON.parse((await plan('--for-neighbor', 'tor2', '--json')).stdout)
  expect(asJson).toMatchObject({
    neighbor: 'tor2',
    sessions: [{ site: 'ams1', node: 'ams1-a', asn: 64613, address: '2001:db8:21::1', localAddress: null }],
  })
  expect(asJson.sessions[0].items[1]).toEqual({
    item: 'gtsm',
    need: 'required',
    text: 'GTSM (RFC 5082): send packets with TTL 255, and accept only those',
  })

  const { error: unknown } = await plan('--for-neighbor', 'transit3')
  expect(unknown).toMatchObject({
    message: 'no node has a neighbor "transit3"',
    hint: 'did you mean transit2?',
  })
})

test('--probe-peers prints the peers of a node for its own probe and those of other sites, without secrets', async () => {
  const own = 'probeKeys: { vpn: xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg= }'
  const withRemote = base['fleet.yaml']!.replace(
    'asn: 64500\n',
    'asn: 64500\nremote: {}\nstore: { endpoints: [10.9.0.1:2379], caFile: /a/ca, certFile: /a/c, keyFile: /a/k }\n',
  )
  await writeFile(join(sites, 'fleet.yaml'), withRemote)
  const write = (site: string, fields: string) =>
    writeFile(
      join(sites, `${site}.yaml`),
      base[`${site}.yaml`]!.replace('services: [vpn]', `services: [vpn]\n    ${fields}`),
    )
  await write('fra1', 'unicast: 198.51.100.7')
  await write('ams1', own)
  const { stdout, error } = await plan('--probe-peers', 'fra1-a')
  expect(error).toBeNull()
  expect(stdout).toBe(`# wg0 of fra1-a, for vpn
# the probe of fra1-a itself: its key is not in the YAML. Write probeKeys: { vpn: KEY } at fra1-a,
# with what \`wg pubkey < /etc/anyward/probe.key\` prints there

[Peer]
# the probe of ams1-a at ams1, without an address
PublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=
`)
  const { stdout: there } = await plan('--probe-peers', 'ams1-a')
  expect(there).toBe(`# wg0 of ams1-a, for vpn
[Peer]
# the probe of ams1-a itself
PublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=
AllowedIPs = 10.80.255.254/32
`)
  expect(JSON.parse((await plan('--probe-peers', 'ams1-a', '--json')).stdout)).toMatchObject({
    node: 'ams1-a',
    interfaces: [{ service: 'vpn', interface: 'wg0' }],
  })
  expect(await readdir(dir)).toEqual(['sites'])
  await writeFile(join(sites, 'fleet.yaml'), base['fleet.yaml']!)
  expect((await plan('--probe-peers', 'ams1-a')).stdout).toBe(
    `${there}\n# fleet.yaml has no \`remote\`: no other site probes it\n`,
  )
  await writeFile(join(sites, 'fleet.yaml'), withRemote)

  expect((await plan('--out', out)).stdout).not.toContain('other sites probe it')
  await writeFile(join(sites, 'ams1.yaml'), base['ams1.yaml']!)
  expect((await plan('--out', out)).stdout).toContain('note: fra1-a: other sites probe it')
  expect((await plan('--probe-peers', 'fra1')).error).toMatchObject({
    message: 'the fleet has no node "fra1"',
    hint: 'did you mean fra1-a?',
  })
})

test('--for-neighbor does not show one operator the sessions of another', async () => {
  await writeFile(join(sites, 'ams1.yaml'), base['ams1.yaml']!.replace('name: transit2', 'name: transit1'))
  const { stdout, error } = await plan('--for-neighbor', 'transit1')
  expect(stdout).toBe('')
  expect(error?.message).toBe(
    '"transit1" is the name of different neighbors: ams1-a/transit1 is AS64602, fra1-a/transit1 is AS64601',
  )
  expect(error?.hint).toBe('name one of them, such as ams1-a/transit1')
  const { stdout: one } = await plan('--for-neighbor', 'fra1-a/transit1')
  expect(one).toContain('AS64601')
  expect(one).not.toContain('64602')
})

test('a folder that cannot be created is an error that names it', async () => {
  const file = join(sites, 'fleet.yaml')
  const { error } = await plan('--out', file)
  expect(error?.message).toBe(`${join(file, 'ams1', 'ams1-a')} cannot be written (ENOTDIR)`)
  expect(error?.hint).toBe('name a folder that you may write, with --out')
  expect(error?.exitCode).toBe(2)
})

test.runIf(process.platform === 'linux')('an output folder in /proc is an error', async () => {
  const { error } = await plan('--out', '/proc/x')
  expect(error?.message).toBe('/proc/x cannot be written (ENOENT)')
})
