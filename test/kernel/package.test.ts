import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFailed, test } from 'vitest'
import { hashOf } from '../../src/files/hash.ts'
import { until } from '../e2e/fixtures/lab/lab.ts'
import { patience } from '../patience.ts'
import { startEtcd, stopEtcd, storeBlock } from './fixture/etcd.ts'
import { Journal } from './fixture/journal.ts'
import {
  bundle,
  deadManMs,
  killAll,
  Machine,
  mainPid,
  neighborAsn,
  nodeAsn,
  prefix,
  show,
  status,
} from './fixture/machine.ts'
import { Neighbor, type Route } from './fixture/neighbor.ts'

const controller = 'anyward-controller.service'
const agent = 'anyward-agent.service'
const repair = 'anyward-repair.service'
const guard = 'anyward-guard.service'
const limitMs = patience(240_000)

let dir: string
let deb: string
/** The same with a higher version, of the package and of the program. */
let newer: string

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'kernel-package-'))
  deb = (await execa('scripts/package', ['--out', dir], { stdin: 'ignore' })).stdout
  const tree = join(dir, 'tree')
  await execa('dpkg-deb', ['--raw-extract', deb, tree])
  const control = join(tree, 'DEBIAN/control')
  await writeFile(control, (await readFile(control, 'utf8')).replace(/^Version: .*$/m, 'Version: 99.0.0'))
  const manifest = join(tree, 'usr/lib/anyward/package.json')
  const program = JSON.parse(await readFile(manifest, 'utf8')) as object
  await writeFile(manifest, JSON.stringify({ ...program, version: '99.0.0' }))
  newer = join(dir, 'newer.deb')
  await execa('dpkg-deb', ['--root-owner-group', '-Zgzip', '--build', tree, newer])
}, limitMs)
afterAll(() => rm(dir, { recursive: true, force: true }))

describe.each(['bird', 'frr'] as const)('the package under systemd, on %s', (daemon) => {
  const machine = new Machine()
  const neighbor = new Neighbor()
  const journal = new Journal([controller, guard, agent, repair])
  const way = daemon === 'bird' ? 'owned-file' : 'network-line'

  const gone = () =>
    until(
      'the neighbor has no route',
      () => neighbor.routes(),
      (routes) => routes.length === 0,
    )
  const there = () =>
    until(
      'the neighbor has the route',
      () => neighbor.routes(),
      (routes) => routes.some((route) => route.prefix === prefix),
    )
  /** BIRD dates a route by a clock that it converts at each query, so that the same one differs by milliseconds. */
  const unchangedSince = async (before: readonly Route[]) => {
    const now = await neighbor.routes()
    expect(now.map((route) => route.prefix)).toEqual(before.map((route) => route.prefix))
    for (const [at, route] of now.entries()) {
      expect(Math.abs(route.sinceS - before[at]!.sinceS), JSON.stringify({ before, now })).toBeLessThan(1)
    }
  }
  const reason = async () => (await status()).services[0]!.reason
  const untilReason = (wanted: string) =>
    until(`the reason is ${wanted}`, reason, (found) => found === wanted)
  const replaced = (unit: string, pid: number) =>
    until(
      `${unit} has another process`,
      () => mainPid(unit),
      (now) => now !== 0 && now !== pid,
    )

  /** What the neighbor has, again and again until the work has ended. */
  const watchRoutes = async (work: Promise<unknown>): Promise<string[][]> => {
    const looks: string[][] = []
    let isOver = false
    const end = () => {
      isOver = true
    }
    work.then(end, end)
    while (!isOver) {
      looks.push((await neighbor.routes()).map((route) => route.prefix))
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    return looks
  }

  const timed = async (what: string, run: () => Promise<unknown>): Promise<number> => {
    const startedAt = performance.now()
    await run()
    const tookMs = Math.round(performance.now() - startedAt)
    console.log(`${daemon}: ${what}: ${tookMs} ms`)
    return tookMs
  }

  beforeEach(async () => {
    await journal.mark()
    onTestFailed(async () => {
      const lines = (await journal.entries()).map(({ atMs, message }) => `${Math.round(atMs)} ${message}`)
      console.log(lines.join('\n'))
    })
  })

  beforeAll(async () => {
    await execa('ip', ['address', 'add', '192.0.2.1/32', 'dev', 'lo'])
    await machine.addWireguard()
    await neighbor.start(nodeAsn, neighborAsn)
    if (daemon === 'frr') await execa('sed', ['-i', 's/^bgpd=no/bgpd=yes/', '/etc/frr/daemons'])
    // Three times what the unit has: programs start at a third of the host's speed.
    await mkdir(`/run/systemd/system/${controller}.d`, { recursive: true })
    await writeFile(
      `/run/systemd/system/${controller}.d/slow.conf`,
      '[Service]\nTimeoutStartSec=90\nWatchdogSec=30\n',
    )
    await execa('dpkg', ['--install', deb])
    await execa('systemctl', ['start', daemon])
    await machine.install(daemon)
  }, limitMs)

  afterAll(async () => {
    await execa('dpkg', ['--purge', 'anyward'], { reject: false })
    await execa('systemctl', ['stop', daemon], { reject: false })
    await neighbor.stop()
    await machine.removeWireguard()
    await execa('ip', ['address', 'delete', '192.0.2.1/32', 'dev', 'lo'], { reject: false })
  }, limitMs)

  test(
    'starts the controller as its own user, with the guard, and announces',
    async () => {
      expect(await neighbor.routes()).toEqual([])
      await execa('systemctl', ['start', controller])
      await there()
      for (const unit of [controller, guard]) {
        expect(await show(unit, 'ActiveState'), unit).toBe('active')
        const { stdout } = await execa('ps', ['-o', 'user=', '-p', String(await mainPid(unit))])
        expect(stdout.trim(), unit).toBe('anyward')
      }
      expect(await reason()).toBe('healthy')
    },
    limitMs,
  )

  test(
    'names a wrong key, a missing interface, and announces again after each',
    async () => {
      await machine.setKey('wrong')
      await gone()
      // Its own user may ask the kernel's WireGuard, other than a wireguard-go of root.
      await untilReason('wrong-key')
      await machine.setKey('right')
      await there()
      await machine.removeWireguard()
      await gone()
      await untilReason('interface-missing')
      await machine.addWireguard()
      await there()
      await untilReason('healthy')
    },
    limitMs,
  )

  const isGuardedByItsUnit = () =>
    until(
      'the guard is the process of its own unit, and has the deadlines',
      async () => ({ state: (await status()).guard, pid: await mainPid(guard) }),
      ({ state, pid }) => state?.holding === true && state.pid === pid,
    )

  test(
    'a reload replaces the controller, and the neighbor sees no change',
    async () => {
      const before = await there()
      const pid = await mainPid(controller)
      await timed('reload', async () => {
        await execa('systemctl', ['reload', controller])
        await replaced(controller, pid)
        await untilReason('healthy')
      })
      await unchangedSince(before)
      expect(await journal.first(/"event":"dead-man/)).toBeUndefined()
      await isGuardedByItsUnit()
    },
    limitMs,
  )

  test(
    'the guard withdraws a stopped controller, and then the watchdog of systemd replaces it',
    async () => {
      const pid = await mainPid(controller)
      const tookMs = await timed('SIGSTOP until withdrawn', async () => {
        process.kill(pid, 'SIGSTOP')
        await gone()
      })
      // The last renewal was up to a fifth of the deadline ago.
      expect(tookMs).toBeGreaterThan(deadManMs * 0.75)
      expect(tookMs).toBeLessThan(deadManMs * 1.05 + patience(1500))
      await replaced(controller, pid)
      await there()
      const withdrawal = await journal.first(/"event":"dead-man-withdrawal"/)
      expect(JSON.parse(withdrawal!.message)).toMatchObject({ services: ['vpn'], way, lasting: true })
      const watchdog = await journal.first(/[Ww]atchdog timeout/)
      expect(withdrawal!.atMs).toBeLessThan(watchdog!.atMs)
      expect(await journal.first(/"event":"dead-man-over"/)).toBeDefined()
      await isGuardedByItsUnit()
    },
    limitMs,
  )

  test(
    'where the guard is gone as well, ExecStopPost withdraws',
    async () => {
      await untilReason('healthy')
      const own = await mainPid(controller)
      // The controller then starts a guard of its own, in its own unit.
      await execa('systemctl', ['stop', guard])
      const tookMs = await timed('SIGKILL of all until withdrawn', async () => {
        killAll(controller)
        await gone()
      })
      expect(tookMs).toBeLessThan(patience(3000))
      await replaced(controller, own)
      await there()
      const command = await journal.first(/^oslo-a: withdrawn by: /)
      expect(command?.message).toContain(`withdrawn by: ${way}`)
      expect(await journal.first(/"event":"dead-man/)).toBeUndefined()
      await execa('systemctl', ['start', guard])
      await isGuardedByItsUnit()
    },
    limitMs,
  )

  test(
    'an upgrade replaces the running controller and its guard, and the neighbor sees no change',
    async () => {
      await untilReason('healthy')
      const before = await there()
      const [pid, guards] = [await mainPid(controller), await mainPid(guard)]
      await timed('upgrade', async () => {
        await execa('dpkg', ['--install', newer])
        await replaced(controller, pid)
        await untilReason('healthy')
      })
      await unchangedSince(before)
      expect((await execa('anyward', ['--version'])).stdout).toBe('99.0.0')
      await replaced(guard, guards)
      await isGuardedByItsUnit()
      await unchangedSince(before)
      expect(await journal.first(/"event":"dead-man/)).toBeUndefined()
    },
    limitMs,
  )

  test(
    'a stop withdraws, and a start announces again',
    async () => {
      await execa('systemctl', ['stop', controller])
      expect(await neighbor.routes()).toEqual([])
      await execa('systemctl', ['start', controller])
      await there()
    },
    limitMs,
  )

  test(
    'an apply that is killed is undone by the unit that repairs it, and the neighbor never loses the route',
    async () => {
      const folder = join(dir, `${daemon}-repair`)
      await machine.plan(folder, daemon, { neighbor: ', prepend: 1' })
      const installed = () => readFile('/etc/anyward/bundle/manifest.json', 'utf8')
      const before = await installed()
      const apply = execa('anyward', ['apply', '--bundle', join(folder, bundle)], { reject: false })
      const isVerifying = new Promise((resolve) => {
        apply.stderr.on('data', (text: Buffer) => /^verify$/m.test(String(text)) && resolve(true))
      })
      expect(await Promise.race([isVerifying, apply])).toBe(true)
      apply.kill('SIGKILL')
      await apply
      expect(existsSync('/etc/anyward/apply.json')).toBe(true)
      const ended = execa('systemctl', ['start', repair])
      const looks = watchRoutes(ended)
      await ended
      expect((await looks).filter((routes) => !routes.includes(prefix))).toEqual([])
      expect(await show(repair, 'Result')).toBe('success')
      expect(existsSync('/etc/anyward/apply.json')).toBe(false)
      expect(await installed()).toBe(before)
    },
    limitMs,
  )

  test(
    'the agent carries out a rollout in its own unit, and the neighbor never loses the route',
    async () => {
      const folder = join(dir, `${daemon}-store`)
      await startEtcd(join(folder, 'keys'))
      await machine.plan(folder, daemon, { fleet: storeBlock })
      await execa('anyward', ['apply', '--reload', '--bundle', join(folder, bundle)])
      await untilReason('healthy')
      await execa('systemctl', ['start', agent])
      await machine.plan(folder, daemon, { fleet: storeBlock, neighbor: ', prepend: 1' })
      await there()
      const rollout = ['--sites', join(folder, 'sites'), '--out', join(folder, 'out'), '--json']
      const start = async () => {
        const argv = ['rollout', 'start', '--store-keys', join(folder, 'keys/planner'), ...rollout]
        const { stdout, stderr } = await execa('anyward', argv, { reject: false, timeout: patience(60_000) })
        return { stdout, stderr }
      }
      // The unit is active before the agent has said anything; until then, the rollout is refused.
      const ended = until('the agent is there', start, ({ stdout }) => stdout !== '')
      const looks = watchRoutes(ended)
      const { stdout } = await ended
      expect((await looks).filter((routes) => !routes.includes(prefix))).toEqual([])
      expect(JSON.parse(stdout)).toMatchObject({ state: 'done', reason: null })
      expect((await status()).bundle).toBe(
        hashOf(await readFile(join(folder, bundle, 'manifest.json'), 'utf8')),
      )
      expect(await show(agent, 'NRestarts')).toBe('0')
      await execa('systemctl', ['stop', agent])
      await stopEtcd()
    },
    limitMs,
  )

  test(
    'a removal withdraws and leaves no process; a purge keeps the keys',
    async () => {
      await execa('dpkg', ['--remove', 'anyward'])
      expect(await neighbor.routes()).toEqual([])
      expect((await execa('ps', ['-u', 'anyward', '-o', 'args='], { reject: false })).stdout).toBe('')
      expect(existsSync('/usr/bin/anyward')).toBe(false)
      await execa('dpkg', ['--purge', 'anyward'])
      expect(existsSync('/var/lib/anyward')).toBe(false)
      expect(existsSync('/etc/anyward/probe.key')).toBe(true)
    },
    limitMs,
  )
})
