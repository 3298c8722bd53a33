import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { initCommand } from '../../../../src/cli/commands/design/init.ts'
import { CommandError } from '../../../../src/cli/failure.ts'
import { loadFleet } from '../../../../src/plan/sites/load.ts'
import { OperationError } from '../../../../src/text/operation-error.ts'
import { runCommand } from './run-command.ts'

let dir: string
let sites: string

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'anyward-init-'))
  sites = join(dir, 'sites')
})

afterEach(async () => {
  vi.restoreAllMocks()
  await rm(dir, { recursive: true, force: true })
})

const key = 'F7ZBixmXQ7ENlfBSvl2C277ZfjW8oy6gumYftCfg4Ao='
/** All that has no default, without the neighbor. */
const flags = {
  '--asn': '64500',
  '--site': 'fra1',
  '--daemon': 'bird',
  '--router-id': '10.0.0.11',
  '--anycast': '198.51.100.1',
  '--public-key': key,
  '--tunnel-address': '10.80.0.1/16',
}
const neighbor = [
  '--neighbor',
  'kind: transit, asn: 64601, address: 10.1.1.1, localAddress: 10.1.1.2, bfd: {}',
]

function argsOf(changes: Partial<Record<keyof typeof flags, string | null>> = {}): string[] {
  return Object.entries({ ...flags, ...changes }).flatMap(([flag, value]) =>
    value === null ? [] : [flag, value],
  )
}

function init(...args: string[]) {
  return runCommand(initCommand(), '--sites', sites, 'init', ...args)
}

test('from flags it writes a fleet and a site that are valid, with the defaults of the rest', async () => {
  const { error, stdout } = await init(...argsOf(), '--allow-bogons', ...neighbor)
  expect(error).toBeNull()
  expect(await readdir(sites)).toEqual(['fleet.yaml', 'fra1.yaml'])
  expect(stdout).toContain(`${sites}: valid: 1 site, 1 node, 1 neighbor, 1 service.`)
  expect(stdout).toContain(`anyward plan --sites ${sites} --out out`)
  const { fleet, issues } = await loadFleet(sites)
  expect(issues).toEqual([])
  const [service] = fleet!.services
  expect(service!.covering.join()).toBe('198.51.100.0/24')
  expect(service!.wireguard).toMatchObject({ interface: 'wg0', port: 51820, publicKey: key })
  expect(String(service!.probe.address)).toBe('10.80.255.254')
  const [node] = fleet!.sites[0]!.nodes
  expect(node).toMatchObject({ name: 'fra1-a', daemon: 'bird', services: ['vpn'] })
  expect(node!.neighbors[0]).toMatchObject({ name: 'transit1', kind: 'transit', asn: 64601 })
  expect(node!.neighbors[0]!.bfd).not.toBeNull()
})

test('--json prints the files and what is left, and nothing else', async () => {
  const from = join(dir, 'frr.conf')
  await writeFile(from, 'router bgp 64500\n neighbor 10.1.1.1 remote-as 64601\n bgp bestpath med confed\n')
  const { stdout } = await init('--json', '--from', from, ...argsOf({ '--asn': null }), '--allow-bogons')
  expect(JSON.parse(stdout)).toEqual({
    files: [join(sites, 'fleet.yaml'), join(sites, 'fra1.yaml')],
    left: [
      {
        file: from,
        line: 2,
        text: '10.1.1.1',
        reason: 'kind: transit is a guess: the configuration does not say what AS 64601 is',
      },
      {
        ...{ file: from, line: 2, text: '10.1.1.1' },
        reason: 'import: default-only replaces its import of all routes',
      },
      {
        file: from,
        line: 3,
        text: 'bgp bestpath med confed',
        reason: 'Anyward has no such setting of the BGP daemon',
      },
    ],
  })
})

test('without a terminal, every missing flag is named', async () => {
  const { error } = await init()
  expect(error).toBeInstanceOf(CommandError)
  const { message, exitCode } = error as CommandError
  expect(exitCode).toBe(2)
  const named = [...message.matchAll(/^ {4}(--\S+):/gm)].map(([, flag]) => flag)
  expect(named).toEqual([...Object.keys(flags), '--neighbor'])
})

test('a flag whose default follows from a missing one is not called missing', async () => {
  const { error } = await init(...argsOf({ '--site': null }), '--allow-bogons', ...neighbor)
  expect((error as Error).message).toMatch(/missing:\n {4}--site: [^\n]+$/)
})

test.each([
  [{ '--asn': '1.10' }, '--asn: "1.10" is in dotted notation, which FRR refuses'],
  [{ '--site': 'Fra 1' }, '--site: "Fra 1" is not a name'],
  [{ '--router-id': '10.0.0' }, '--router-id: "10.0.0" is not a router id'],
  [{ '--anycast': '198.51.100.0/24' }, '--anycast: 198.51.100.0/24 is not a single address'],
  [{ '--public-key': 'x' }, '--public-key: is not a WireGuard public key'],
  [{ '--tunnel-address': '10.80.0.1' }, '--tunnel-address: "10.80.0.1" has no prefix length'],
])('%j is refused with the flag and the reason, and nothing is written', async (changes, message) => {
  const { error } = await init(...argsOf(changes), '--allow-bogons', ...neighbor)
  expect(error).toMatchObject({ exitCode: 1 })
  expect((error as Error).message).toContain(message)
  expect(await readdir(dir)).toEqual([])
})

test('a bogon range needs --allow-bogons', async () => {
  const { error } = await init(...argsOf(), ...neighbor)
  expect((error as Error).message).toContain('198.51.100.0/24 is in a bogon range')
  expect((error as Error).message).toContain('add --allow-bogons')
})

test.each([
  ['kind: transit', 'asn: is missing'],
  ['kind: transit, asn: 64500, address: 10.1.1.1', 'asn: 64500 is our own AS'],
  ['kind: transit, asn: 64601, adress: 10.1.1.1', 'adress: "adress" is not a known key'],
])('--neighbor %j is refused', async (text, message) => {
  const { error } = await init(...argsOf(), '--allow-bogons', '--neighbor', text)
  expect((error as Error).message).toContain(`--neighbor 1, ${message}`)
})

test.each([
  ['10.1.1.1: [', 'is not read'],
  ['- x', 'is not read'],
])('--neighbor %j is no map', async (text, message) => {
  const { error } = await init(...argsOf(), '--neighbor', text)
  expect(error).toMatchObject({ exitCode: 2 })
  expect((error as Error).message).toContain(message)
})

test.each(['fleet.yaml', 'fra1.yaml'])('an existing %s is not overwritten', async (name) => {
  await mkdir(sites)
  await writeFile(join(sites, name), 'mine')
  const { error } = await init(...argsOf(), '--allow-bogons', ...neighbor)
  expect(error).toBeInstanceOf(OperationError)
  expect(error).toMatchObject({ outcome: 'refused' })
  expect((error as Error).message).toBe(`${join(sites, name)} exists already, and is not overwritten`)
  expect(await readdir(sites)).toEqual([name])
  expect(await readFile(join(sites, name), 'utf8')).toBe('mine')
})

test('a link to nowhere in place of a file is not followed', async () => {
  await mkdir(sites)
  await symlink(join(dir, 'elsewhere'), join(sites, 'fra1.yaml'))
  const { error } = await init(...argsOf(), '--allow-bogons', ...neighbor)
  expect(error).toMatchObject({ outcome: 'refused' })
  expect(await readdir(dir)).toEqual(['sites'])
})

test('--kind says what a session is, by its name in the YAML', async () => {
  const from = join(dir, 'bird.conf')
  await writeFile(from, 'protocol bgp Rack_1 { local as 64500; neighbor 10.1.1.1 as 64601; ipv4 { }; }\n')
  const args = [...argsOf({ '--asn': null, '--daemon': null }), '--allow-bogons', '--from', from]
  const { error } = await init(...args, '--kind', 'rack=tor')
  expect(error).toMatchObject({ hint: 'known: rack-1' })
  await init(...args, '--kind', 'rack-1=tor')
  const { fleet } = await loadFleet(sites)
  expect(fleet!.sites[0]!.nodes[0]!.neighbors[0]).toMatchObject({ name: 'rack-1', kind: 'tor' })
  expect(await readFile(join(sites, 'fra1.yaml'), 'utf8')).not.toContain('guess')
})

async function prepare(kind: string): Promise<string> {
  const path = join(dir, 'given.conf')
  if (kind === 'binary') await writeFile(path, Buffer.from([0x7f, 0x45, 0, 0]))
  if (kind === 'a link to a device') await symlink('/dev/zero', path)
  if (kind === 'a folder') await mkdir(path)
  if (kind === 'a pipe') await execa('mkfifo', [path])
  if (kind === 'prose') await writeFile(path, 'Dear colleague,\n')
  if (kind === 'huge') await writeFile(path, 'router id 10.0.0.1;\n'.repeat(900_000))
  if (kind === 'a loop of links') await symlink(path, path)
  if (kind === 'an include of itself') await writeFile(path, `include "${path}";\nprotocol bgp x { }\n`)
  if (kind === 'an include of a device') await writeFile(path, 'include "/dev/zero";\nprotocol bgp x { }\n')
  return path
}

test.each([
  ['nothing', 'cannot be read (ENOENT)'],
  ['binary', 'is not a text file'],
  ['a link to a device', 'is not a regular file'],
  ['a folder', 'is not a regular file'],
  ['a pipe', 'is not a regular file'],
  ['prose', 'looks like neither a bird.conf nor a frr.conf'],
  ['huge', 'has more than 16 MiB'],
  ['a loop of links', 'cannot be read (ELOOP)'],
  ['an include of itself', 'is included by itself'],
  [
    'an include of a device',
    'given.conf:1 includes a file that is not read: /dev/zero is not a regular file',
  ],
])('--from %s is an error that names the file', async (kind, message) => {
  const { error } = await init(...argsOf({ '--daemon': null }), '--from', await prepare(kind))
  expect(error).toBeInstanceOf(OperationError)
  expect((error as Error).message).toContain(join(dir, 'given.conf'))
  expect((error as Error).message).toContain(message)
})
