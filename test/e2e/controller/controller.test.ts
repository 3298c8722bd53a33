import { readFileSync } from 'node:fs'
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { getPriority, tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { NodeStatus } from '../../../src/control/status.ts'
import type { Manifest } from '../../../src/manifest/manifest.ts'
import { BirdClient } from '../../../src/node/routing/bird/client.ts'
import { patience } from '../../patience.ts'
import { expectGoodMetrics } from '../fixtures/http/promtool.ts'
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
import { squat } from '../fixtures/squatter.ts'

/** `session` and `pid` are the same where a process leads a session. */
async function childrenOf(parent: number) {
  const { stdout } = await execa('ps', ['-o', 'pid=,sid=,args=', '--ppid', String(parent)])
  return stdout.split('\n').map((line) => {
    const [pid, session, ...words] = line.trim().split(/\s+/)
    return { pid: Number(pid), session: Number(session), command: words.join(' ') }
  })
}

/** CAP_SYS_NICE, the 24th of the capabilities. */
const capabilities = /^CapEff:\s*(\w+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]
const maySetPriority = ((BigInt(`0x${capabilities}`) >> 23n) & 1n) === 1n

let lab: Lab

beforeAll(async () => {
  lab = await labUp('test/e2e/fixtures/fleet')
}, patience(120_000))
afterAll(labDown, patience(60_000))

describe.each(['bird', 'frr'] as const)('the controller behind %s', (daemon) => {
  let node: LabNode
  let tables: NeighborTables
  /** The neighbors' routes while every service is healthy. */
  let everything: string[]
  let controllerPid: number
  /** What the controllers have logged that a test started. */
  let logged = ''

  beforeAll(async () => {
    node = lab.nodes.find((candidate) => candidate.daemon === daemon)!
    controllerPid = node.controllerPid
    tables = new NeighborTables(lab, node)
    everything = await tables.read()
  })
  afterAll(() => tables.close())

  const status = async (): Promise<NodeStatus> => (await (await fetch(node.statusUrl)).json()) as NodeStatus
  const said = async () => {
    const { services } = await status()
    return services
      .flatMap(({ announced }) => announced.map(({ neighbor, prefix }) => `${neighbor} ${prefix}`))
      .sort()
  }
  const gone = (timeoutMs?: number) =>
    until(
      'no neighbor has our routes',
      () => tables.read(),
      (rows) => rows.length === 0,
      timeoutMs,
    )
  const back = () =>
    until(
      'all neighbors have our routes',
      () => tables.read(),
      (rows) => rows.join() === everything.join(),
    )
  const verified = () => until('verified', status, ({ daemon: { verified } }) => verified)
  const removeAddress = () => inside(node, 'ip', ['addr', 'del', '192.0.2.1/32', 'dev', 'lo'])
  const addAddress = () => inside(node, 'ip', ['addr', 'add', '192.0.2.1/32', 'dev', 'lo'])
  const startController = (bundle = node.bundle) => {
    const args = ['netns', 'exec', node.namespace, process.execPath, cli, 'controller', '--bundle', bundle]
    // In a session of its own: see NodeUnderTest.
    const child = execa('ip', args, { detached: true, reject: false, all: true, buffer: false })
    child.all.on('data', (chunk: Buffer) => {
      logged += chunk.toString()
    })
    controllerPid = child.pid!
    return { ended: child }
  }
  /** Polls the neighbors while `during` runs; if a route is missing in a poll, the log of the controllers is printed. */
  const expectKept = async (during: () => Promise<unknown>): Promise<void> => {
    logged = ''
    let done = false
    const misses = new Set<string>()
    const looking = (async () => {
      while (!done) {
        const rows = await tables.read()
        if (rows.join() !== everything.join()) misses.add(rows.join())
      }
    })()
    await during()
    done = true
    await looking
    expect([...misses], logged).toEqual([])
  }

  test('status reports exactly what the neighbors have', async () => {
    expect(everything.length).toBeGreaterThanOrEqual(2)
    expect(await said()).toEqual(everything)
    expect((await status()).services[0]).toMatchObject({
      health: 'healthy',
      decision: 'announce',
      reason: 'healthy',
    })
  })

  test.runIf(maySetPriority)(
    'runs at a higher priority than other programs: each of its threads, and its session',
    async () => {
      const threads = await readdir(`/proc/${node.controllerPid}/task`)
      expect(threads.length).toBeGreaterThan(1)
      expect(threads.map((thread) => getPriority(Number(thread)))).toEqual(threads.map(() => -10))
      // Where the kernel has autogroup scheduling.
      const group = await readFile(`/proc/${node.controllerPid}/autogroup`, 'utf8').catch(() => null)
      if (group !== null) expect(group).toMatch(/nice -10$/m)
    },
  )

  test.runIf(maySetPriority)('starts a program in its own session, with the same priority', async () => {
    const children = await childrenOf(node.controllerPid)
    const monitor = children.find(({ command }) => command.includes('monitor'))!
    // The session of a program of its own would have the default priority: docs/decisions/0007.
    expect(monitor.session).toBe(node.controllerPid)
    expect(getPriority(monitor.pid)).toBe(-10)
    const group = await readFile(`/proc/${monitor.pid}/autogroup`, 'utf8').catch(() => null)
    if (group !== null) expect(group).toMatch(/nice -10$/m)
  })

  test('failure 16: withdraws at once when the anycast address is removed', async () => {
    await removeAddress()
    await gone(2000)
    expect((await status()).services[0]).toMatchObject({ decision: 'withdraw', reason: 'address-missing' })
    await addAddress()
    await back()
  })

  test('withdraws when the WireGuard interface is set down', async () => {
    await inside(node, 'ip', ['link', 'set', node.wireguardInterface, 'down'])
    await gone(2000)
    expect((await status()).services[0]).toMatchObject({ decision: 'withdraw', reason: 'interface-down' })
    await inside(node, 'ip', ['link', 'set', node.wireguardInterface, 'up'])
    await back()
  })

  test('failure 4: a stopped daemon is reported as unverified, and the withdrawal takes effect after SIGCONT', async () => {
    await verified()
    for (const pid of node.daemonPids) process.kill(pid, 'SIGSTOP')
    try {
      const stuck = await until('trouble', status, ({ daemon: { trouble } }) => trouble !== null)
      expect(stuck.daemon).toMatchObject({ verified: false, trouble: { cause: 'timeout' } })
      await removeAddress()
      await until('withdraw', status, ({ services }) => services[0]!.decision === 'withdraw')
    } finally {
      for (const pid of node.daemonPids) process.kill(pid, 'SIGCONT')
    }
    await gone()
    await until('verified', status, ({ daemon: { verified } }) => verified)
    expect(await said()).toEqual([])
    await addAddress()
    await back()
  })

  test('failure 4: when the daemon is killed, the neighbors drop its routes at once: no graceful restart is negotiated', async () => {
    await verified()
    // With graceful restart a neighbor would keep the routes for minutes, which status could not detect.
    for (const neighbor of lab.neighbors) {
      for (const { protocol } of neighbor.sessions.filter((session) => session.node === node.name)) {
        const client = new BirdClient({ socketPath: neighbor.controlSocket, deadlineMs: patience(5000) })
        const { lines } = await client.send(`show protocols all ${protocol}`)
        client.close()
        const said = lines.map(({ text }) => text).join('\n')
        expect(said).toContain('Neighbor capabilities')
        expect(said).not.toMatch(/AF (?:supported|preserved): *ipv/)
      }
    }
  })

  test('failure 2: a controller that is killed and started again never flaps a healthy prefix', async () => {
    await verified()
    await expectKept(async () => {
      process.kill(controllerPid, 'SIGKILL')
      startController()
      await until('announce again', status, ({ services }) => services[0]!.reason === 'healthy')
    })
    expect(await said()).toEqual(everything)
  })

  test('failure 3: after SIGKILL the announcements stay, after SIGTERM they are withdrawn within two seconds', async () => {
    process.kill(controllerPid, 'SIGKILL')
    expect(await tables.read()).toEqual(everything)
    const child = startController()
    await until('announce again', status, ({ services }) => services[0]!.reason === 'healthy')
    await verified()
    const begun = performance.now()
    process.kill(controllerPid, 'SIGTERM')
    const { exitCode } = await child.ended
    expect(performance.now() - begun).toBeLessThan(patience(2500))
    expect(exitCode).toBe(0)
    expect(await tables.read()).toEqual([])
  })

  test('failure 3: a controller stopped by SIGTERM keeps its announcements where onStop is keep, without a fence', async () => {
    const kept = await mkdtemp(join(tmpdir(), 'anyward-keep-'))
    try {
      await cp(node.bundle, kept, { recursive: true })
      const manifest = await readFile(join(kept, 'manifest.json'), 'utf8')
      await writeFile(
        join(kept, 'manifest.json'),
        manifest.replace('"onStop": "withdraw"', '"onStop": "keep"'),
      )
      const child = startController(kept)
      await back()
      await verified()
      process.kill(controllerPid, 'SIGTERM')
      expect((await child.ended).exitCode).toBe(0)
      expect(await tables.read()).toEqual(everything)
      const { stdout } = await execa('ip', ['netns', 'exec', node.namespace, 'nft', 'list', 'tables'])
      expect(stdout).not.toContain('anyward_fence')
    } finally {
      await rm(kept, { recursive: true })
    }
  })

  test('a controller ends at once when it hands over, and the next one continues without a withdrawal', async () => {
    const first = startController()
    await back()
    await verified()
    let second = first
    await expectKept(async () => {
      process.kill(controllerPid, 'SIGHUP')
      expect((await first.ended).exitCode).toBe(0)
      second = startController()
      await until('announce again', status, ({ services }) => services[0]!.reason === 'healthy')
      await verified()
    })
    process.kill(controllerPid, 'SIGHUP')
    await second.ended
  })

  test('failure 3: a controller flaps nothing after SIGSTOP and SIGCONT, and acts on what it missed', async () => {
    void startController()
    await until('announce', status, ({ services }) => services[0]!.reason === 'healthy')
    await verified()
    await expectKept(async () => {
      process.kill(controllerPid, 'SIGSTOP')
      const begun = performance.now()
      await until(
        'three seconds',
        async () => performance.now() - begun,
        (ms) => ms > 3000,
      )
      process.kill(controllerPid, 'SIGCONT')
      await verified()
    })
    process.kill(controllerPid, 'SIGSTOP')
    await removeAddress()
    process.kill(controllerPid, 'SIGCONT')
    await gone(3000)
    process.kill(controllerPid, 'SIGKILL')
    await addAddress()
  })

  test('failure 16: a controller started without the anycast address announces nothing', async () => {
    await removeAddress()
    startController()
    await until('withdraw', status, ({ services }) => services[0]!.reason === 'address-missing')
    // Long enough for `rise` good probes, if they counted.
    await until('probes have run', status, (now) => now.services[0]!.probe !== null)
    expect(await tables.read()).toEqual([])
    await addAddress()
    await back()
  })

  test('a second controller refuses to start', async () => {
    const args = [cli, 'controller', '--bundle', node.bundle]
    const second = await inside(node, process.execPath, args).catch((error) => error)
    expect(second.exitCode).toBe(1)
    expect(second.stderr).toContain(`another controller is already running for ${node.name}`)
    expect(await tables.read()).toEqual(everything)
  })

  test('the refusal names the process of the running controller, until that process is killed', async () => {
    const args = [cli, 'controller', '--bundle', node.bundle]
    const second = await inside(node, process.execPath, args).catch((error) => error)
    expect(second.stderr).toContain(`is already running for ${node.name} (process ${controllerPid})`)
    process.kill(controllerPid, 'SIGKILL')
    startController()
    await back()
    await verified()
  })

  test('an unprivileged user who holds locks prevents neither controller nor guard from starting', async () => {
    const { paths } = JSON.parse(await readFile(join(node.bundle, 'manifest.json'), 'utf8')) as Manifest
    process.kill(controllerPid, 'SIGKILL')
    const squatter = await squat(node.namespace, { ...paths, bundleDir: paths.bundleDir! })
    startController()
    await until('a new controller', status, ({ daemon: { verified } }) => verified)
    await back()
    expect(squatter.taken).toEqual([])
    await squatter.end()
  })

  test('the bundle of another node is refused, and the announcements do not change', async () => {
    const other = lab.nodes.find((candidate) => candidate.name !== node.name)!
    const args = [cli, 'controller', '--bundle', other.bundle]
    const refused = await inside(node, process.execPath, args).catch((error) => error)
    expect(refused.exitCode).toBe(1)
    expect(refused.stderr).toContain(
      `this is the bundle of ${other.name}, and this machine has none of its addresses`,
    )
    expect(await tables.read()).toEqual(everything)
  })

  test('drain withdraws and survives a restart, undrain announces again', async () => {
    const drained = await inside(node, process.execPath, [cli, 'drain', '--reason', 'test', '--json'])
    expect(JSON.parse(drained.stdout)).toMatchObject({
      node: node.name,
      services: [{ decision: 'withdraw', reason: 'drained', announced: [] }],
    })
    expect(await tables.read()).toEqual([])
    process.kill(controllerPid, 'SIGKILL')
    startController()
    await until('drained still', status, ({ services }) => services[0]!.reason === 'drained')
    await until('healthy', status, ({ services }) => services[0]!.health === 'healthy')
    expect(await tables.read()).toEqual([])
    await inside(node, process.execPath, [cli, 'undrain'])
    await back()
  })

  test('withdraw works while no controller runs', async () => {
    process.kill(controllerPid, 'SIGKILL')
    expect(await tables.read()).toEqual(everything)
    const withdrawn = await inside(node, process.execPath, [cli, 'withdraw', '--json'])
    expect(JSON.parse(withdrawn.stdout).services[0]).toMatchObject({ decision: 'withdraw', announced: [] })
    await gone(1000)
    startController()
    await until('withdrawn still', status, ({ services }) => services[0]!.reason === 'operator-withdrew')
    await until('healthy', status, ({ services }) => services[0]!.health === 'healthy')
    expect(await tables.read()).toEqual([])
    await inside(node, process.execPath, [cli, 'undrain'])
    await back()
  })

  test('metrics pass promtool check metrics', async () => {
    await expectGoodMetrics(await (await fetch(node.statusUrl.replace(/status$/, 'metrics'))).text())
  })

  test('metrics report what was observed', async () => {
    await verified()
    const text = await (await fetch(node.statusUrl.replace(/status$/, 'metrics'))).text()
    for (const row of everything) {
      const [neighbor, prefix] = row.split(' ')
      expect(text).toContain(`anyward_announced{service="vpn",neighbor="${neighbor}",prefix="${prefix}"} 1`)
    }
    expect(text).toContain('anyward_decision{service="vpn",decision="announce",reason="healthy"} 1')
    expect(text).toContain('anyward_verified 1')
  })
})

test('failure 1: a broken bird.conf does not keep a dead site announced', async () => {
  const node = lab.nodes.find(({ daemon }) => daemon === 'bird')!
  const tables = new NeighborTables(lab, node)
  const everything = await tables.read()
  expect(everything.length).toBeGreaterThan(0)
  const status = async () => (await (await fetch(node.statusUrl)).json()) as NodeStatus
  const pid = node.daemonPids[0]!
  const argv = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0')
  const config = argv[argv.indexOf('-c') + 1]!
  const sound = await readFile(config, 'utf8')
  try {
    await writeFile(config, `${sound}\nthis is not BIRD's language\n`)
    await inside(node, 'ip', ['addr', 'del', '192.0.2.1/32', 'dev', 'lo'])
    await until(
      'gone',
      () => tables.read(),
      (rows) => rows.length === 0,
      3000,
    )
    // The withdrawal took effect through `disable`; the refusal of the configuration is still counted and logged.
    await until(
      'the refusal is counted',
      async () => (await fetch(node.statusUrl.replace(/status$/, 'metrics'))).text(),
      (metrics) => /anyward_reconcile_failures_total\{cause="refused"\} [1-9]/.test(metrics),
      3000,
    )
  } finally {
    await writeFile(config, sound)
    await inside(node, 'ip', ['addr', 'add', '192.0.2.1/32', 'dev', 'lo'])
  }
  await until(
    'back',
    () => tables.read(),
    (rows) => rows.join() === everything.join(),
  )
  await until('verified', status, ({ daemon: { verified } }) => verified)
  tables.close()
})

test('a bundle with a truncated manifest is refused with its path and the remedy', async () => {
  const node = lab.nodes[0]!
  const torn = await mkdtemp(join(tmpdir(), 'anyward-torn-'))
  const text = await readFile(join(node.bundle, 'manifest.json'), 'utf8')
  await writeFile(join(torn, 'manifest.json'), text.slice(0, 700))
  const refused = await inside(node, process.execPath, [cli, 'controller', '--bundle', torn]).catch(
    (error) => error,
  )
  expect(refused.exitCode).toBe(1)
  expect(refused.stderr).toContain('manifest.json:1:1 is truncated')
  await rm(torn, { recursive: true })
})
