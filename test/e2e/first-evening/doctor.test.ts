import { chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Manifest } from '../../../src/manifest/manifest.ts'
import type { Finding } from '../../../src/node/doctor/check.ts'
import { patience } from '../../patience.ts'
import { cli, inside, type Lab, type LabNode, labDown, labUp, until } from '../fixtures/lab/lab.ts'

/** A way to break the node, with the finding that it must give, and the word that its cure must have. */
interface Fault {
  readonly break: (node: LabNode) => Promise<unknown>
  readonly repair: (node: LabNode) => Promise<unknown>
  readonly check: string
  readonly severity: Finding['severity']
  readonly message: RegExp
  readonly cure: string
}

let lab: Lab
let dir: string
const ip =
  (...args: string[]) =>
  (node: LabNode) =>
    inside(node, 'ip', args)
const sysctl = (setting: string) => (node: LabNode) => inside(node, 'sysctl', ['-qw', setting])
const wg =
  (...args: string[]) =>
  (node: LabNode) =>
    inside(node, 'wg', ['set', node.wireguardInterface, ...args])
const link =
  (...args: string[]) =>
  (node: LabNode) =>
    inside(node, 'ip', ['link', 'set', node.wireguardInterface, ...args])
const nothing = async () => {}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'doctor-'))
  await chmod(dir, 0o755)
  lab = await labUp('test/e2e/fixtures/fleet')
}, patience(180_000))
afterAll(async () => {
  await labDown()
  await rm(dir, { recursive: true, force: true })
}, patience(60_000))

async function doctor(
  node: LabNode,
  ...args: string[]
): Promise<{ exitCode: number | undefined; findings: Finding[] }> {
  const command = [process.execPath, cli, 'doctor', '--json', ...args]
  const { exitCode, stdout, stderr } = await execa('ip', ['netns', 'exec', node.namespace, ...command], {
    reject: false,
  })
  if (stdout === '') throw new Error(stderr)
  const document = JSON.parse(stdout) as { ok: boolean; findings: Finding[] }
  expect(Object.keys(document)).toEqual(['ok', 'findings'])
  expect(exitCode).toBe(document.ok ? 0 : 1)
  for (const finding of document.findings) {
    expect(Object.keys(finding)).toEqual(['severity', 'check', 'message', 'cure'])
  }
  return { exitCode, findings: document.findings }
}

/**
 * The findings that are no remark about what this machine lacks, such as systemd; and without the decision of the lab's
 * controller, which follows a fault or its repair later.
 */
async function problems(node: LabNode, ...args: string[]) {
  const isDecision = ({ check, message }: Finding) =>
    check === 'controller' &&
    /^(?:vpn is (?:withdrawn|degraded|not announced|to be announced)|the routing daemon does not do )/.test(
      message,
    )
  return (await doctor(node, ...args)).findings.filter(
    (finding) => finding.severity !== 'info' && !isDecision(finding),
  )
}

const manifestOf = async (node: LabNode) =>
  JSON.parse(await readFile(join(node.bundle, 'manifest.json'), 'utf8')) as Manifest

/** A program with that name in the node's namespace, until it is ended. */
async function imitate(node: LabNode, name: string, ...args: string[]) {
  const file = join(dir, name)
  await writeFile(file, '#!/bin/sh\nsleep 600\n', { mode: 0o755 })
  const child = execa('ip', ['netns', 'exec', node.namespace, file, ...args], {
    reject: false,
    detached: true,
  })
  await until(
    `${name} runs`,
    () => readFile(`/proc/${child.pid}/comm`, 'utf8'),
    (text) => text.trim() === name,
  )
  return async () => {
    process.kill(-child.pid!, 'SIGKILL')
    await child
  }
}

const ends: (() => Promise<void>)[] = []
const batches: Readonly<Record<string, Readonly<Record<string, Fault>>>> = {
  'WireGuard and addresses': {
    'the WireGuard interface is down': {
      break: link('down'),
      repair: link('up'),
      ...{ check: 'wireguard', severity: 'error', message: /of vpn is down/, cure: 'ip link set ' },
    },
    'WireGuard listens on another port': {
      break: wg('listen-port', '51999'),
      repair: wg('listen-port', '51820'),
      ...{
        check: 'port',
        severity: 'error',
        message: /listens on UDP 51999, the YAML says 51820/,
        cure: 'listen-port 51820',
      },
    },
    'the key is another one': {
      async break(node) {
        const { stdout } = await execa('wg', ['genkey'])
        await writeFile(join(dir, 'other.key'), stdout, { mode: 0o600 })
        await writeFile(
          join(dir, 'own.key'),
          (await inside(node, 'wg', ['show', node.wireguardInterface, 'private-key'])).stdout,
          { mode: 0o600 },
        )
        await wg('private-key', join(dir, 'other.key'))(node)
      },
      repair: (node) => wg('private-key', join(dir, 'own.key'))(node),
      ...{
        check: 'key',
        severity: 'error',
        message: /has the public key .*, the YAML says/,
        cure: 'private-key',
      },
    },
    'the anycast address is missing': {
      break: ip('addr', 'del', '192.0.2.1/32', 'dev', 'lo'),
      repair: ip('addr', 'add', '192.0.2.1/32', 'dev', 'lo'),
      ...{
        check: 'address',
        severity: 'error',
        message: /192\.0\.2\.1 of vpn is not on this node/,
        cure: 'dev lo',
      },
    },
  },
  'routes, kernel and other programs': {
    'replies have no route': {
      break: ip('rule', 'add', 'from', '192.0.2.1', 'pref', '10', 'unreachable'),
      repair: ip('rule', 'del', 'from', '192.0.2.1', 'pref', '10'),
      ...{
        check: 'return-path',
        severity: 'error',
        message: /replies of vpn from 192\.0\.2\.1/,
        cure: 'ip -4 rule',
      },
    },
    'reverse path filtering is strict': {
      break: sysctl('net.ipv4.conf.all.rp_filter=1'),
      repair: sysctl('net.ipv4.conf.all.rp_filter=0'),
      ...{ check: 'rp-filter', severity: 'error', message: /strict rp_filter drops/, cure: '2 (loose)' },
    },
    'forwarding is off': {
      break: sysctl('net.ipv4.ip_forward=0'),
      repair: sysctl('net.ipv4.ip_forward=1'),
      ...{
        check: 'forwarding',
        severity: 'warning',
        message: /IPv4 forwarding is off/,
        cure: 'net.ipv4.ip_forward = 1',
      },
    },
    'the MTU is too large': {
      break: link('mtu', '1500'),
      repair: link('mtu', '1420'),
      ...{ check: 'mtu', severity: 'warning', message: /has MTU 1500/, cure: 'mtu 1420' },
    },
    'the firewall accepts nothing': {
      async break(node) {
        await inside(node, 'nft', ['add', 'table', 'inet', 'filter'])
        await inside(node, 'nft', [
          'add',
          'chain',
          'inet',
          'filter',
          'input',
          '{ type filter hook input priority 0; policy drop; }',
        ])
        await inside(node, 'nft', [
          'add',
          'rule',
          'inet',
          'filter',
          'input',
          'tcp',
          'dport',
          '{ 22, 179 }',
          'accept',
        ])
        await inside(node, 'nft', [
          'add',
          'rule',
          'inet',
          'filter',
          'input',
          'ct',
          'state',
          'established,related',
          'accept',
        ])
      },
      repair: (node) => inside(node, 'nft', ['delete', 'table', 'inet', 'filter']),
      ...{
        check: 'firewall',
        severity: 'error',
        message: /nftables drops UDP 51820 of vpn over IPv4/,
        cure: 'udp dport 51820 accept',
      },
    },
    'a UDP flow is forgotten too early': {
      break: sysctl('net.netfilter.nf_conntrack_udp_timeout=10'),
      repair: sysctl('net.netfilter.nf_conntrack_udp_timeout=30'),
      ...{
        check: 'conntrack',
        severity: 'warning',
        message: /nf_conntrack_udp_timeout is 10 s/,
        cure: 'sysctl.d',
      },
    },
    'a second controller runs': {
      async break(node) {
        ends.push(await imitate(node, 'anyward', 'controller', '--bundle', '/srv/other'))
      },
      repair: () => ends.pop()?.() ?? nothing(),
      ...{
        check: 'controller',
        severity: 'error',
        message: /2 controllers run on this node: .*\/srv\/other/,
        cure: 'stop all but one',
      },
    },
    'keepalived runs too': {
      async break(node) {
        ends.push(await imitate(node, 'keepalived'))
      },
      repair: () => ends.pop()?.() ?? nothing(),
      ...{
        check: 'other-announcers',
        severity: 'warning',
        message: /keepalived runs on this node/,
        cure: "the service's addresses",
      },
    },
  },
}

describe.each(['bird', 'frr'] as const)('anyward doctor on a %s node', (daemon) => {
  const find = () => lab.nodes.find((node) => node.daemon === daemon)!

  test(
    'a healthy node has no findings',
    async () => {
      expect(await problems(find(), '--bundle', find().bundle)).toEqual([])
    },
    patience(60_000),
  )

  test(
    'the daemon does not run, or the bundle is for another version',
    async () => {
      const node = find()
      const copy = join(dir, `${daemon}-socket`)
      await cp(node.bundle, copy, { recursive: true })
      const { paths, ...rest } = await manifestOf(node)
      const daemonSocket = join(dir, 'nothing', 'bgpd.vty')
      await writeFile(
        join(copy, 'manifest.json'),
        JSON.stringify({ ...rest, paths: { ...paths, daemonSocket } }),
      )
      const [finding, ...others] = await problems(node, '--bundle', copy)
      expect(finding).toMatchObject({ severity: 'error', check: 'socket' })
      expect(finding!.message).toContain(`does not listen on ${daemonSocket}`)
      expect(finding!.cure).toMatch(/^start (BIRD|FRR)/)
      expect(others).toEqual([])

      const bundle = { ...rest, paths, daemonVersions: { from: '99.1', below: null, because: 'a test' } }
      await writeFile(join(copy, 'manifest.json'), JSON.stringify(bundle))
      expect(await problems(node, '--bundle', copy)).toMatchObject([
        { severity: 'error', check: 'daemon', message: expect.stringContaining('99.1 or later (a test)') },
      ])
    },
    patience(60_000),
  )
})

describe('anyward doctor', () => {
  const first = () => lab.nodes[0]!

  // Several at once: each run of the command takes a while.
  test.each(Object.entries(batches))(
    '%s: each fault has its finding and its cure',
    async (_name, faults) => {
      const node = first()
      for (const fault of Object.values(faults)) await fault.break(node)
      try {
        const found = await problems(node, '--bundle', node.bundle)
        for (const [name, { severity, check, message, cure }] of Object.entries(faults)) {
          const finding = found.find((one) => one.check === check && message.test(one.message))
          expect.soft(finding, `${name}: ${JSON.stringify(found)}`).toMatchObject({ severity, check })
          expect.soft(finding?.cure ?? '', name).toContain(cure)
        }
        const broken = new Set(Object.values(faults).map(({ check }) => check))
        expect(found.filter(({ check }) => !broken.has(check))).toEqual([])
      } finally {
        for (const fault of Object.values(faults)) await fault.repair(node)
      }
      // The controller restores its policy route when the address is there again.
      await until(
        'no findings',
        () => problems(node, '--bundle', node.bundle),
        (findings) => findings.length === 0,
      )
    },
    patience(90_000),
  )

  test('--node examines a node of the lab from outside of its namespace', async () => {
    const node = first()
    const { stdout } = await execa(process.execPath, [cli, 'doctor', '--json', '--node', node.name], {
      reject: false,
    })
    const { findings } = JSON.parse(stdout) as { findings: Finding[] }
    const serious = (found: readonly Finding[]) => found.filter(({ severity }) => severity === 'error')
    expect(serious(findings)).toEqual(serious((await doctor(node, '--bundle', node.bundle)).findings))
    expect(serious(findings)).toEqual([])
  })

  test(
    "the probe's peer is missing, then its address, then its key file",
    async () => {
      const node = lab.nodes[1]!
      const { probe } = (await manifestOf(node)).services[0]!
      const { stdout: publicKey } = await execa('wg', ['pubkey'], {
        input: await readFile(probe.privateKeyFile),
      })
      const look = async () =>
        (await problems(node, '--bundle', node.bundle)).filter(({ check }) => check === 'probe-peer')
      await wg('peer', publicKey, 'allowed-ips', '10.99.0.1/32')(node)
      expect(await look()).toMatchObject([
        { severity: 'error', message: expect.stringContaining('may not use') },
      ])
      await wg('peer', publicKey, 'remove')(node)
      const [missing] = await look()
      expect(missing).toMatchObject({
        severity: 'error',
        message: expect.stringContaining('has no peer for the probe'),
      })
      // The cure is a command.
      const [, ...cure] = missing!.cure.split(' ')
      await inside(node, 'wg', cure)
      expect(await look()).toEqual([])
    },
    patience(90_000),
  )

  test(
    'another program has the port',
    async () => {
      const node = first()
      await wg('listen-port', '51999')(node)
      const child = execa(
        'ip',
        [
          'netns',
          'exec',
          node.namespace,
          process.execPath,
          '-e',
          "require('dgram').createSocket('udp4').bind(51820, () => console.log('bound'))",
        ],
        { reject: false },
      )
      try {
        await until(
          'it is bound',
          async () => child.pid,
          (pid) => pid !== undefined,
        )
        const found = await until(
          'the finding',
          () => problems(node, '--bundle', node.bundle),
          (findings) => findings.some(({ message }) => message.startsWith('node ')),
        )
        expect((found as Finding[]).find(({ message }) => message.startsWith('node '))).toMatchObject({
          ...{
            severity: 'error',
            check: 'port',
            message: expect.stringContaining('has UDP 51820, the port of vpn'),
          },
        })
      } finally {
        child.kill('SIGKILL')
        await child
        await wg('listen-port', '51820')(node)
      }
    },
    patience(90_000),
  )

  test(
    "BIRD's configuration does not include the controller's file; FRR's file does not start bgpd",
    async () => {
      const [bird, frr] = (['bird', 'frr'] as const).map(
        (kind) => lab.nodes.find(({ daemon }) => daemon === kind)!,
      )
      const { paths } = await manifestOf(bird!)
      const before = await readFile(paths.configFile!, 'utf8')
      await writeFile(paths.configFile!, before.replaceAll('include ', '# include '))
      const found = await problems(bird!, '--bundle', bird!.bundle)
      await writeFile(paths.configFile!, before)
      expect(found).toMatchObject([
        { severity: 'error', check: 'include', cure: expect.stringContaining('include "') },
      ])

      const file = join(dirname((await manifestOf(frr!)).paths.configFile!), 'daemons')
      await mkdir(dirname(file), { recursive: true })
      await writeFile(file, 'bgpd=no\nbfdd=yes\nbgpd_options="-A 127.0.0.1"\n')
      const started = await problems(frr!, '--bundle', frr!.bundle)
      await rm(file)
      expect(started[0]).toMatchObject({
        severity: 'error',
        check: 'daemon',
        message: `${file} does not start bgpd`,
      })
    },
    patience(90_000),
  )

  test(
    'with rescue: 100,000 elements in our own table are not read, and the rules need nft and perl',
    async () => {
      const node = first()
      const copy = join(dir, 'rescue')
      await cp(node.bundle, copy, { recursive: true })
      const files = { caFile: '/ca.crt', certFile: '/node.crt', keyFile: '/node.key' }
      const rescue = { ...files, listen: { address: '198.51.100.1', port: 5180 }, nodes: [], relays: [] }
      const manifest = { ...(await manifestOf(node)), rescue }
      await writeFile(join(copy, 'manifest.json'), JSON.stringify(manifest))
      const endpoints = Array.from(
        { length: 100_000 },
        (_, i) => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255} . 51820`,
      )
      const roster = `set roster { type ipv4_addr . inet_service; elements = { ${endpoints.join(', ')} } }`
      const chain =
        'chain watch { type filter hook prerouting priority raw; ip saddr . udp sport @roster counter\n}'
      await execa('ip', ['netns', 'exec', node.namespace, 'nft', '-f', '-'], {
        input: `table inet anyward_rescue { ${roster}\n${chain}\n}\n`,
      })
      const programs = join(dir, 'without-perl')
      await mkdir(programs)
      try {
        expect(await problems(node, '--bundle', copy)).toEqual([])
        // The kernel's own table is as it was.
        const { stdout } = await inside(node, 'nft', ['--terse', 'list', 'table', 'inet', 'anyward_rescue'])
        expect(stdout).toContain('@roster counter packets')
      } finally {
        await inside(node, 'nft', ['delete', 'table', 'inet', 'anyward_rescue'])
      }
      await execa('sh', ['-c', 'ln -s /usr/bin/* "$0"; rm -f "$0"/perl*', programs])
      const { stdout } = await execa(
        'ip',
        ['netns', 'exec', node.namespace, process.execPath, cli, 'doctor', '--json', '--bundle', copy],
        { reject: false, env: { PATH: programs } },
      )
      const { findings } = JSON.parse(stdout) as { findings: Finding[] }
      expect(findings.filter(({ check }) => check === 'stray-packets')).toMatchObject([
        {
          severity: 'error',
          message: expect.stringMatching(/^perl missing/),
          cure: 'apt-get install perl-base',
        },
      ])
    },
    patience(90_000),
  )

  test(
    'works without a bundle, with one that is damaged, and as a user without rights',
    async () => {
      const node = first()
      const missing = await doctor(node, '--bundle', join(dir, 'absent'))
      expect(missing.exitCode).toBe(1)
      expect(missing.findings[0]).toMatchObject({ severity: 'error', check: 'bundle' })

      const copy = join(dir, 'damaged')
      await cp(node.bundle, copy, { recursive: true })
      await writeFile(join(copy, 'bird.conf'), '#\n')
      expect((await doctor(node, '--bundle', copy)).findings[0]).toMatchObject({
        ...{
          severity: 'error',
          check: 'bundle',
          message: expect.stringContaining('does not match its hash'),
        },
      })

      const whole = join(dir, 'whole')
      await cp(node.bundle, whole, { recursive: true })
      await execa('chmod', ['-R', 'a+rX', whole])
      const command = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, cli]
      const { stdout, exitCode } = await execa(
        'ip',
        ['netns', 'exec', node.namespace, ...command, 'doctor', '--json', '--bundle', whole],
        { reject: false },
      )
      const { findings } = JSON.parse(stdout) as { findings: Finding[] }
      expect(findings.filter(({ severity }) => severity === 'error')).toEqual([])
      expect(exitCode).toBe(0)
      const unseen = findings
        .filter(({ severity, cure }) => severity === 'info' && /as root/.test(cure))
        .map(({ check }) => check)
      expect(unseen).toEqual(expect.arrayContaining(['key', 'firewall']))
    },
    patience(90_000),
  )
})
