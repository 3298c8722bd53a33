import { readFileSync, watch } from 'node:fs'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { execa } from 'execa'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { NodeStatus } from '../../../src/control/status.ts'
import { hashOf } from '../../../src/files/hash.ts'
import type { Manifest } from '../../../src/manifest/manifest.ts'
import { journalPath } from '../../../src/node/apply/lock.ts'
import { patience } from '../../patience.ts'
import {
  cli,
  inside,
  type Lab,
  type LabNode,
  labDown,
  labUp,
  NeighborTables,
  until,
} from '../fixtures/lab/lab.ts'
import { Daemon } from '../fixtures/routing/daemon-process.ts'

/** Their own unicast prefix, which the node advertises without Anyward. */
const own = '198.51.100.0/24'

let lab: Lab
let dir: string

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'attached-'))
  lab = await labUp('test/e2e/adopters/attached')
}, patience(120_000))
afterAll(async () => {
  await labDown()
  await rm(dir, { recursive: true, force: true })
}, patience(60_000))

/** A router beside the node, which is not in the YAML: OSPF, and a BGP session. */
const coreConfig = `router id 10.99.0.2;
protocol device {}
protocol static { ipv4; route 203.0.113.0/24 blackhole; }
protocol ospf v2 { ipv4 { import all; export all; }; area 0 { interface "core1" { hello 1; dead 4; type ptp; }; }; }
protocol bgp node { local 10.99.0.2 as 64777; neighbor 10.99.0.1 as 64500; connect delay time 1;
  ipv4 { import all; export where source = RTS_STATIC; }; }
`

const clockTime = /(\d\d):(\d\d):(\d\d\.\d{3})/g
const withoutTimes = (text: string) => text.replaceAll(clockTime, 'TIME')
/** In milliseconds of the day. */
const timesIn = (text: string) =>
  [...text.matchAll(clockTime)].map(
    ([, hours, minutes, seconds]) => ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000,
  )

describe.each(['bird', 'frr'] as const)('routing: attached, beside the own routing of %s', (kind) => {
  const undo: (() => Promise<unknown>)[] = []
  let node: LabNode
  let tables: NeighborTables
  let everything: string[]
  /** The engineer's own routes and sessions, with the time since when each is up. */
  let before: string

  /** The route to 203.0.113.0/24 comes from the customer's session and, later, by OSPF. */
  const twoWays = kind === 'bird' ? [/\[client1 /, / E2 /] : [/^B.* 203\.0\.113\.0/m, /^O.* 203\.0\.113\.0/m]
  const socket = () => ['-s', node.controlSocket]
  const bird = async (...words: string[]) => (await execa('birdc', [...socket(), ...words])).stdout
  const vtysh = async (...commands: string[]) => {
    const vty = dirname(node.controlSocket)
    const argv = ['--vty_socket', vty, '--config_dir', join(dirname(vty), 'frr')]
    return (await execa('vtysh', [...argv, ...commands.flatMap((command) => ['-c', command])])).stdout
  }
  const theirs = async (): Promise<string> => {
    if (kind === 'bird') {
      const protocols = (await bird('show', 'protocols'))
        .split('\n')
        .filter((line) => !/anyward[46]/.test(line))
      const routes = (await bird('show', 'route')).split('\n').filter((line) => !line.includes('[anyward'))
      const others = routes.filter((line) => !/^Table |^\s+via/.test(line) && line.trim() !== '')
      return [...protocols.map((line) => line.trimEnd()).sort(), ...others.sort()].join('\n')
    }
    const [summary, ospf] = [await vtysh('show bgp summary json'), await vtysh('show ip ospf neighbor json')]
    const { ipv4Unicast, ipv6Unicast } = JSON.parse(summary) as Record<
      string,
      { peers: Record<string, Peer> }
    >
    const peers = [...Object.entries(ipv4Unicast!.peers), ...Object.entries(ipv6Unicast!.peers)]
    const routes = (await vtysh('show ip route'))
      .split('\n')
      .filter((line) => /^[A-Z]/.test(line) && !line.includes('192.0.2.') && !line.startsWith('Codes'))
      .map((line) => line.replace(/, \S+$/, ''))
    return [
      ...peers.map(([peer, { state, connectionsEstablished: times }]) => `${peer} ${state} ${times}`),
      ...Object.keys((JSON.parse(ospf) as { neighbors: object }).neighbors),
      ...routes,
    ].join('\n')
  }
  const status = async (): Promise<NodeStatus> => (await (await fetch(node.statusUrl)).json()) as NodeStatus
  const mine = async () => (await tables.read()).filter((row) => !row.endsWith(` ${own}`))
  const gone = (timeoutMs?: number) =>
    until('no neighbor has our routes', mine, (rows) => rows.length === 0, timeoutMs)
  const back = () => until('the neighbors have our routes', mine, (rows) => rows.join() === everything.join())
  const failure = async () => (await status()).daemon.trouble?.message ?? ''
  /** Its exit code also reports what is not verified yet. */
  const order = (...args: string[]) =>
    execa('ip', ['netns', 'exec', node.namespace, process.execPath, cli, ...args, '--bundle', node.bundle], {
      reject: false,
    })

  beforeAll(async () => {
    node = lab.nodes.find(({ daemon }) => daemon === kind)!
    tables = new NeighborTables(lab, node)
    undo.push(async () => tables.close())
    const core = `atc${process.pid}${kind}`
    await execa('ip', ['netns', 'add', core])
    undo.push(() => execa('ip', ['netns', 'del', core], { reject: false }))
    await inside(node, 'ip', ['link', 'add', 'core0', 'type', 'veth', 'peer', 'name', 'core1', 'netns', core])
    await inside(node, 'ip', ['addr', 'add', '10.99.0.1/30', 'dev', 'core0'])
    await execa('ip', ['-n', core, 'addr', 'add', '10.99.0.2/30', 'dev', 'core1'])
    await inside(node, 'ip', ['link', 'set', 'core0', 'up'])
    for (const link of ['lo', 'core1']) await execa('ip', ['-n', core, 'link', 'set', link, 'up'])
    const config = join(dir, `${kind}.conf`)
    await writeFile(config, coreConfig)
    const socketPath = join(dir, `${kind}.ctl`)
    const router = new Daemon({
      namespace: core,
      argv: ['bird', '-f', '-c', config, '-s', socketPath],
      socketPath,
    })
    undo.push(() => router.kill())
    await router.start()
    await until(
      'OSPF and the other session are up',
      async () => (await execa('birdc', ['-s', socketPath, 'show', 'route'])).stdout,
      (routes) => routes.includes('10.50.0.0/24') && /198\.51\.100\.0\/24 .*\[node/.test(routes),
    )
    everything = await until('our routes', mine, (rows) => rows.length === 4)
    before = await until(
      'their routing is steady',
      async () => [await theirs(), await theirs()],
      ([one, two]) => withoutTimes(one!) === withoutTimes(two!) && twoWays.every((way) => way.test(one!)),
    ).then(([one]) => one!)
  }, patience(120_000))
  afterEach(async () => {
    const after = await theirs()
    expect(withoutTimes(after)).toBe(withoutTimes(before))
    // BIRD computes each time from a clock and the age at each question: it may differ by a millisecond.
    const [then, now] = [before, after].map(timesIn) as [number[], number[]]
    expect(now.filter((time, at) => Math.abs(time - then[at]!) > 100)).toEqual([])
    expect((await tables.read()).filter((row) => row.endsWith(` ${own}`))).toHaveLength(1)
  })
  afterAll(async () => {
    for (const step of undo.splice(0).reverse()) await step()
  }, patience(60_000))

  test('the sessions are found, and the neighbors have exactly what status reports', async () => {
    const { neighbors, services, daemon } = await until(
      'verified',
      status,
      ({ daemon: { verified } }) => verified,
    )
    expect(neighbors.map(({ session }) => session)).toEqual(['up', 'up', 'up'])
    const announced = services[0]!.announced.map(({ neighbor, prefix }) => `${neighbor} ${prefix}`)
    expect(announced.sort()).toEqual(everything)
    expect(daemon.trouble).toBeNull()
  })

  test('a dead endpoint is withdrawn at once, and announced again', async () => {
    await inside(node, 'ip', ['addr', 'del', '192.0.2.1/32', 'dev', 'lo'])
    await gone(2000)
    expect((await status()).services[0]).toMatchObject({ decision: 'withdraw', reason: 'address-missing' })
    await inside(node, 'ip', ['addr', 'add', '192.0.2.1/32', 'dev', 'lo'])
    await back()
  })

  test('a drain degrades the routes where the own filters call ours, and then withdraws them', async () => {
    await order('drain', '--no-wait')
    const degraded = async () => (await status()).services[0]!.announced.filter((one) => one.degraded).length
    await until('all routes are degraded', degraded, (count) => count === 4)
    await gone()
    await order('undrain')
    await back()
    await until('no route is degraded', degraded, (count) => count === 0)
  })

  test('a reload by the engineer changes nothing, and a line that another program removes returns', async () => {
    if (kind === 'bird') {
      expect(await bird('configure')).toContain('Reconfigured')
      expect(await mine()).toEqual(everything)
    } else {
      const family = ['configure terminal', 'router bgp 64500', 'address-family ipv4 unicast']
      await vtysh(...family, 'no network 192.0.2.0/24')
      await back()
    }
    await until('verified', status, ({ daemon: { verified } }) => verified)
  })

  test('a filter that does not accept our routes is named, as is one that does not degrade them', async () => {
    const tor = `${node.name.split('-')[0]}-tor`
    const file = join(dirname(node.controlSocket), 'bird.conf')
    const setTor = async (filter: string) => {
      if (kind === 'frr')
        return vtysh('configure terminal', 'route-map tor-out permit 10', ...filter.split('; '))
      const text = await readFile(file, 'utf8')
      await writeFile(file, text.replace(/filter tor_out \{[^}]*\}/, `filter tor_out {\n  ${filter}\n}`))
      return bird('configure')
    }
    const original = {
      bird: 'if aw_oslo_tor_out() then accept;\n  reject;',
      frr: 'no match ip address prefix-list vpn; call aw_rome_tor-out',
    }
    await setTor(kind === 'bird' ? 'reject;' : 'no call; match ip address prefix-list customers')
    const refusal =
      kind === 'bird' ? /the export filter of tor_1 does not accept/ : /the outbound filters of 10\.2\.2\.1/
    await until('the filter is named', failure, (message) => refusal.test(message))
    await setTor(
      kind === 'bird' ? 'if proto = "anyward4" then accept;\n  reject;' : 'match ip address prefix-list vpn',
    )
    await back()
    await order('drain', '--no-wait')
    const silent =
      kind === 'bird' ? /the export filter of tor_1 does not call/ : /the outbound route-map of 10\.2\.2\.1/
    await until('the filter is named again', failure, (message) => silent.test(message))
    const { announced } = (await status()).services[0]!
    expect(announced.filter(({ degraded }) => degraded).map(({ neighbor }) => neighbor)).not.toContain(tor)
    await setTor(original[kind])
    await order('undrain')
    await back()
    await until('verified', status, ({ daemon: { verified } }) => verified)
  })

  // FRR has no include: its controller enters the `network` lines itself.
  test.for(kind === 'bird' ? ['bird.conf'] : [])(
    'a line include that is lost from %s is named while nothing is announced',
    async (name) => {
      const file = join(dirname(node.controlSocket), name)
      const text = await readFile(file, 'utf8')
      await inside(node, 'ip', ['addr', 'del', '192.0.2.1/32', 'dev', 'lo'])
      await gone()
      await until('verified', status, ({ daemon }) => daemon.verified && daemon.trouble === null)
      await writeFile(file, text.replace(/^include ".*announce.*\n/m, ''))
      expect(await bird('configure')).toContain('Reconfigur')
      await until('the line is named', failure, (message) => message.includes('needs the line include "'))
      expect((await status()).daemon.verified).toBe(true)
      await writeFile(file, text)
      expect(await bird('configure')).toContain('Reconfigur')
      await until('nothing is named', failure, (message) => message === '')
      await inside(node, 'ip', ['addr', 'add', '192.0.2.1/32', 'dev', 'lo'])
      await back()
    },
  )

  test('apply installs the filters beside the own configuration, and refuses those that do not parse', async () => {
    const file = join(dirname(node.controlSocket), kind === 'bird' ? 'bird.conf' : '../frr/frr.conf')
    const text = await readFile(file, 'utf8')
    const bundle = join(dir, `bundle-${kind}`)
    const change = async (edit: (filters: string) => string) => {
      await cp(node.bundle, bundle, { recursive: true })
      const filters = edit(await readFile(join(bundle, 'anyward.conf'), 'utf8'))
      await writeFile(join(bundle, 'anyward.conf'), filters)
      const manifest = JSON.parse(await readFile(join(bundle, 'manifest.json'), 'utf8')) as {
        files: Record<string, string>
      }
      manifest.files['anyward.conf'] = hashOf(filters)
      await writeFile(join(bundle, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`)
    }
    const apply = async () => {
      const args = [cli, 'apply', '--json', '--bundle', bundle]
      const { stdout, stderr } = await execa(
        'ip',
        ['netns', 'exec', node.namespace, process.execPath, ...args],
        { reject: false },
      )
      return JSON.parse(stdout || `{"stderr":${JSON.stringify(stderr)}}`) as {
        reason: string
        notes: string[]
      }
    }
    await change(
      (filters) => `${filters}${kind === 'bird' ? 'function nonsense(' : 'route-map x permit nonsense\n'}`,
    )
    expect(await apply()).toMatchObject({ reason: 'parser-refused' })
    await change(
      (filters) =>
        `${filters}${kind === 'bird' ? 'function aw_more() { return true; }\n' : 'route-map aw-more permit 10\nexit\n'}`,
    )
    expect(await apply()).toMatchObject({ reason: 'applied' })
    const runs =
      kind === 'bird' ? await bird('show', 'symbols', 'aw_more') : await vtysh('show running-config')
    expect(runs).toMatch(/aw.more/)
    expect(await apply()).toMatchObject({ reason: 'nothing-to-do' })
    expect(await readFile(file, 'utf8')).toBe(text)
    expect(await mine()).toEqual(everything)
  })

  // BIRD takes the prefixes to originate from the controller's own file only.
  if (kind === 'frr') {
    test('apply withdraws a prefix that the bundle has no more, in each VRF, and keeps other network lines', async () => {
      const bundle = join(dir, 'bundle-fewer')
      await cp(node.bundle, bundle, { recursive: true })
      const file = join(node.bundle, 'manifest.json')
      const installed = JSON.parse(await readFile(file, 'utf8')) as Manifest
      const [service] = installed.services
      const removed = { ...service!, name: 'removed', prefixes: ['198.18.0.0/24'] }
      const [neighbor] = installed.neighbors
      const moved = { ...neighbor!, name: 'moved', address: '10.2.9.1', vrf: 'red' }
      const earlier = {
        ...installed,
        services: [...installed.services, removed],
        neighbors: [...installed.neighbors, moved],
      }
      await writeFile(file, `${JSON.stringify(earlier, null, 2)}\n`)
      // The kernel needs no such VRF for that.
      const family = (router: string, ...lines: string[]) => [
        ...['configure terminal', router, 'address-family ipv4 unicast', ...lines, 'end'],
      ]
      await vtysh(...family('router bgp 64500', 'network 198.18.0.0/24', 'network 198.18.1.0/24'))
      await vtysh(...family('router bgp 64500 vrf red', 'network 192.0.2.0/24', 'network 198.18.1.0/24'))
      const args = [cli, 'apply', '--json', '--bundle', bundle]
      const { stdout } = await inside(node, process.execPath, args)
      expect(JSON.parse(stdout)).toMatchObject({ reason: 'applied' })
      const running = await vtysh('show running-config')
      expect(running).not.toContain('network 198.18.0.0/24')
      expect(running.match(/network 198\.18\.1\.0\/24/g)).toHaveLength(2)
      expect(running.match(/network 192\.0\.2\.0\/24/g)).toHaveLength(1)
      await vtysh('configure terminal', 'no router bgp 64500 vrf red')
      await vtysh(...family('router bgp 64500', 'no network 198.18.1.0/24'))
      await back()
    })
  }

  // Only BIRD reads the bundle's file for its check: daemons of their own check the lines of FRR.
  if (kind === 'bird') {
    test('an apply that is killed during the parse check leaves the filters as they were, and loads nothing', async () => {
      const filters = join(node.bundle, 'anyward.conf')
      const before = await readFile(filters, 'utf8')
      const manifest = JSON.parse(await readFile(join(node.bundle, 'manifest.json'), 'utf8')) as Manifest
      const [same, bundle] = [join(dir, 'bundle-same'), join(dir, 'bundle-killed')]
      for (const copy of [same, bundle]) await cp(node.bundle, copy, { recursive: true })
      const apply = ['netns', 'exec', node.namespace, process.execPath, cli, 'apply', '--bundle']
      const killDuringCheck = async (attempt: number) => {
        const changed = `${before}function aw_unproven${attempt}() { return true; }\n`
        const files = { ...manifest.files, 'anyward.conf': hashOf(changed) }
        await writeFile(join(bundle, 'anyward.conf'), changed)
        await writeFile(join(bundle, 'manifest.json'), JSON.stringify({ ...manifest, files }))
        const killed = execa('ip', [...apply, bundle], { reject: false })
        const watcher = watch(node.bundle, () => {
          if (readFileSync(filters, 'utf8') === changed) killed.kill('SIGKILL')
        })
        await killed
        watcher.close()
        const journal = await readFile(journalPath(node.bundle), 'utf8').catch(() => '{}')
        return (JSON.parse(journal) as { activated?: boolean }).activated === false
      }
      // The signal may come after the check.
      let attempt = 1
      while (!(await killDuringCheck(attempt))) {
        attempt += 1
        expect(attempt).toBeLessThan(20)
        await execa('ip', [...apply, same])
      }
      const next = await execa('ip', [...apply, same], { reject: false })
      expect(next.stderr).toContain('an earlier apply was interrupted')
      expect(await readFile(filters, 'utf8')).toBe(before)
      expect(await bird('show', 'symbols')).not.toContain('aw_unproven')
      await back()
    })
  }

  test('a killed controller: the guard withdraws, and the daemon and its other routes stay', async () => {
    const pids = node.daemonPids
    process.kill(node.controllerPid, 'SIGKILL')
    await gone(patience(15_000))
    for (const pid of pids) process.kill(pid, 0)
    // In a session of its own: see NodeUnderTest.
    const controller = execa(
      'ip',
      ['netns', 'exec', node.namespace, process.execPath, cli, 'controller', '--bundle', node.bundle],
      { detached: true, reject: false, stdio: 'ignore' },
    )
    undo.push(async () => {
      process.kill(controller.pid!, 'SIGTERM')
      await controller
    })
    await back()
  })
})

interface Peer {
  readonly state: string
  readonly connectionsEstablished: number
}
