import { spawn } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { execa } from 'execa'
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { patience } from '../../patience.ts'
import { type Lab, labDown, labUp, until } from '../fixtures/lab/lab.ts'
import { fixture } from '../fixtures/wireguard/agent.ts'
import { Flood } from '../fixtures/wireguard/flood.ts'
import { isAlive, NodeUnderTest } from './node-under-test.ts'

let lab: Lab
const nodes: NodeUnderTest[] = []

beforeAll(async () => {
  lab = await labUp('test/e2e/failures/fleet')
  for (const node of lab.nodes) {
    const one = new NodeUnderTest(lab, node)
    await one.learn()
    nodes.push(one)
  }
}, patience(240_000))
afterAll(async () => {
  for (const node of nodes) await node.close()
  await labDown()
}, patience(60_000))

async function elapsed(ms: number): Promise<void> {
  const begun = performance.now()
  await until(
    `${ms} ms`,
    async () => performance.now() - begun,
    (now) => now > ms,
  )
}

async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'anyward-failures-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  return folder
}

describe.each(['bird', 'frr'] as const)('behind %s', (kind) => {
  let node: NodeUnderTest

  beforeAll(() => {
    node = nodes.find((candidate) => candidate.node.daemon === kind)!
  })
  afterEach(() => node.repair())

  const log = () => node.log()
  const untilLogged = async (words: string, from: number) => {
    await until(
      `the log says ${words}`,
      async () => (await log()).slice(from),
      (text) => text.includes(words),
    )
  }

  test('failure 3: when the controller is killed or hangs, its services are withdrawn in time, and announced again later', async () => {
    const deadManMs = 2000
    const change: NonNullable<Parameters<NodeUnderTest['start']>[0]>['change'] = (manifest) => {
      manifest.services[0]!.deadManMs = deadManMs
    }
    await node.restart({ change })
    const armed = () => node.until('the guard holds the lease', ({ guard }) => guard?.holding === true)
    await armed()
    node.signal('SIGKILL')
    const begun = performance.now()
    await node.untilRows('withdrawn by the guard', (rows) => rows.length === 0, 30_000)
    expect(performance.now() - begun).toBeGreaterThan(deadManMs / 2)
    await node.start({ change })
    await node.back()
    await armed()
    node.signal('SIGSTOP')
    try {
      await node.untilRows('withdrawn by the guard', (rows) => rows.length === 0, 30_000)
    } finally {
      node.signal('SIGCONT')
    }
    await node.back()
    const guardPid = (await node.status()).guard!.pid!
    await node.expectKept(async () => {
      await node.restart({
        change: (manifest) => {
          manifest.services[0]!.deadManMs = null
        },
      })
      await until(
        'the guard of the previous bundle has ended',
        async () => isAlive(guardPid),
        (alive) => !alive,
      )
      node.signal('SIGKILL')
      await elapsed(deadManMs)
    })
  })

  test('failure 11: a check command that hangs, forks and ignores SIGTERM degrades the service, and leaves no process behind', async () => {
    const folder = await makeFolder()
    const [script, mode] = [join(folder, 'check'), join(folder, 'mode')]
    await writeFile(mode, 'good')
    // One child in its process group, one outside it, and one in the foreground.
    await writeFile(
      script,
      `trap '' TERM INT HUP\n[ "$(cat ${mode})" = good ] && exit 0\nsleep 4711 &\nsetsid sleep 4711 &\nsleep 4711\n`,
    )
    await node.restart({
      change: ({ services: [service] }) => {
        service!.probe.checks.push('command')
        const pace = { intervalMs: patience(1000), timeoutMs: patience(200), rise: 2, fall: 2 }
        service!.probe.command = { ...pace, argv: ['/bin/sh', script] }
      },
    })
    const countSleepers = async () => {
      const { stdout } = await execa('ps', ['-eo', 'args'])
      return stdout.split('\n').filter((args) => args === 'sleep 4711').length
    }
    const countOpen = async () => (await readdir(`/proc/${node.controllerPid}/fd`)).length
    const failures = async () =>
      Number(
        // With this cause: on a busy machine the check may be starved first.
        /^anyward_probe_failures_total\{.*check="command",cause="command-timeout".*\} (\d+)$/m.exec(
          await node.metrics(),
        )?.[1] ?? 0,
      )
    await node.until('the check is good', ({ services }) => services[0]!.checks.command === true)
    const openBefore = await countOpen()

    await node.expectKept(async () => {
      await writeFile(mode, 'bad')
      await node.untilGrade('degraded')
      await until('20 runs failed', failures, (count) => count >= 20)
      // Processes of the present run only.
      expect(await countSleepers()).toBeLessThanOrEqual(3)
      const { services } = await node.status()
      expect(services[0]).toMatchObject({
        health: 'impaired',
        decision: 'degrade',
        reason: 'command-timeout',
      })
      expect(services[0]!.announced.every(({ degraded }) => degraded)).toBe(true)
      await writeFile(mode, 'good')
      await node.untilGrade('normal')
    })
    await until('nothing is left', countSleepers, (count) => count === 0)
    // One a run would be 20. Shortly after the start, some sockets that stay are not open yet.
    await until('no descriptor is left', countOpen, (count) => count <= openBefore + 5)
  })

  test('failure 12: an endpoint that loses nine in ten packets is degraded, and never flaps', async () => {
    await node.restart({
      change: ({ services: [service] }) => {
        // That many losses in a row do not occur.
        Object.assign(service!.probe, { fall: 30, intervalMs: 200, window: { size: 20, maxLoss: 0.2 } })
      },
    })
    await node.back()
    const before = (await node.events()).length
    const nft = (rules: string) =>
      execa('ip', ['netns', 'exec', node.node.namespace, 'nft', '-f', '-'], { input: rules })
    await node.expectKept(async () => {
      // Of some thirty initiations or echoes a second, one and two arrive. An initiation is 148 bytes long, and UDP's header 8. Not
      // by `numgen`, which a kernel may lack.
      const rules = [
        'udp dport 51820 udp length == 156 limit rate over 60/minute burst 1 packets drop;',
        'udp dport 51820 udp length != 156 limit rate over 120/minute burst 1 packets drop;',
      ]
      await nft(`table ip losses { chain input { type filter hook input priority 0; ${rules.join(' ')} }; }`)
      try {
        await node.untilGrade('degraded')
        await elapsed(3000)
        const { services } = await node.status()
        expect(services[0]).toMatchObject({ health: 'impaired', decision: 'degrade', reason: 'loss' })
      } finally {
        await nft('delete table ip losses')
      }
      await node.untilGrade('normal')
    })
    const decisions = (await node.events()).slice(before).filter(({ event }) => event === 'decision')
    expect(decisions.map(({ decision, reason }) => `${decision} ${reason}`)).toEqual([
      'degrade loss',
      'announce healthy',
    ])
  })

  test('failure 14: when the wall clock jumps, nothing is withdrawn, and the handshake timestamp only rises', async () => {
    const shift = join(await makeFolder(), 'shift')
    await writeFile(shift, '0')
    const env = {
      NODE_OPTIONS: `--import ${resolve('test/e2e/failures/shifted-clock.mjs')}`,
      ANYWARD_TEST_CLOCK: shift,
    }
    const dayMs = 86_400_000
    const handshakes = async () =>
      Number(
        /^anyward_probe_duration_seconds_count\{.*check="handshake".*\} (\d+)$/m.exec(
          await node.metrics(),
        )?.[1],
      )
    // The server ignores a handshake whose timestamp is not above the previous one.
    const goesOn = async () => {
      const begun = await handshakes()
      await until('3 handshakes more', handshakes, (count) => count >= begun + 3)
    }
    /** The stored timestamp: a controller that starts now begins above it. */
    const floor = () => readFile(join(node.manifest.paths.runtimeDir, 'probe.tai64n'))
    let before = Buffer.alloc(12)
    const floorStays = async () => {
      const now = await floor()
      expect(now.compare(before)).toBeGreaterThanOrEqual(0)
      before = now
    }
    const jump = async (days: number) => {
      await writeFile(shift, `${days * dayMs}`)
      await node.until('the clock has jumped', ({ time }) => {
        return Math.abs(Date.parse(time) - Date.now() - days * dayMs) < dayMs / 2
      })
      await goesOn()
      await floorStays()
      await node.agrees()
    }
    await node.expectKept(async () => {
      await node.restart({ env })
      for (const days of [1, -1, 3, 0]) await jump(days)
      await writeFile(shift, `${-dayMs}`)
      await node.restart({ env })
      await node.until('healthy', ({ services }) => services[0]!.reason === 'healthy')
      await goesOn()
      await floorStays()
      await node.restart()
    })
  })

  test('failure 15: a removed anycast address counts as dead, although another site answers on it', async () => {
    await node.restart({
      change: ({ services: [service] }) => {
        service!.probe.checks = service!.probe.checks.filter((check) => check !== 'address')
      },
    })
    await node.back()
    await node.removeAddress()
    await node.gone()
    const { services } = await node.status()
    expect(services[0]).toMatchObject({ health: 'unhealthy', decision: 'withdraw' })
    expect(services[0]!.reason).not.toBe('address-missing')
  })

  test.each(['full', 'read-only'])(
    'failure 21: with its state folder %s it reports that, still decides, and saves its state later',
    async (how) => {
      const disk = await makeFolder()
      const filler = join(disk, 'filler')
      await execa('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk])
      try {
        if (how === 'full') await writeFile(filler, Buffer.alloc(64 * 1024))
        else await execa('mount', ['-o', 'remount,ro', disk])
        const from = (await log()).length
        await node.restart({
          change: ({ paths }) => {
            paths.stateDir = disk
          },
        })
        const said = how === 'full' ? 'ENOSPC' : 'EROFS'
        await untilLogged(`cannot write events (${said})`, from)
        await node.removeAddress()
        await node.gone()
        await untilLogged(join(disk, 'services.json'), from)
        await node.addAddress()
        await node.back()
        if (how === 'full') await rm(filler)
        // The controller's own mount namespace has its own read-only flag.
        else await execa('nsenter', ['-t', `${node.controllerPid}`, '-m', 'mount', '-o', 'remount,rw', disk])
        await until(
          'the state is saved',
          () => execa('cat', [join(disk, 'events.jsonl')]),
          ({ stdout }) =>
            stdout.includes('"decision":"withdraw","reason":"address-missing"') &&
            stdout.includes('"decision":"announce","reason":"healthy"'),
        )
        await node.restart()
      } finally {
        await execa('umount', ['-l', disk])
      }
    },
  )

  test.each(['known', 'guessed'])(
    'forged ICMP for %s ports of the probe withdraws nothing, and a real failure is still detected',
    async (mode) => {
      const { anycast, wireguard } = node.manifest.services[0]!
      const sent = new Map<string, number>()
      const forgers = anycast.map((address) => {
        const forger = spawn('nice', [
          ...['-n', '-15', 'ip', 'netns', 'exec', node.node.namespace, 'perl', fixture('forger.pl')],
          ...[mode, String(wireguard.port), address, `/proc/${node.controllerPid}`],
        ])
        createInterface({ input: forger.stdout }).on('line', (line) => sent.set(address, Number(line)))
        return forger
      })
      const setPort = (port: number) =>
        node.run('wg', ['set', wireguard.interface, 'listen-port', String(port)])
      try {
        await node.expectKept(async () => {
          await until(
            'the flood arrives',
            async () => anycast.map((address) => sent.get(address) ?? 0),
            (counts) => counts.every((count) => count > 100),
          )
          await elapsed(8000)
        })
        const { services } = await node.status()
        expect(services[0]).toMatchObject({ decision: 'announce', reason: 'healthy' })
        await setPort(wireguard.port + 1000)
        await node.gone()
      } finally {
        for (const forger of forgers) forger.kill('SIGKILL')
        await setPort(wireguard.port)
      }
      await node.back()
    },
  )

  test('1,500 links that are created and deleted at once withdraw nothing, and hide nothing that is removed', async () => {
    const links = 1500
    const batch = join(await makeFolder(), 'batch')
    const lines = Array.from(
      { length: links },
      (_, index) => `link add va${index} group 4711 type veth peer name vb${index} group 4711`,
    )
    await writeFile(batch, `${lines.join('\n')}\n`)
    const ip = (...args: string[]) => node.run('ip', args)
    await node.expectKept(() => ip('-batch', batch))
    const before = (await node.events()).length
    // The kernel sends more events at once than fit into the buffer of a netlink socket. wireguard-go ends of that.
    await ip('link', 'del', 'group', '4711')
    await node.removeAddress()
    const removedAtMs = Date.now()
    await node.untilEvent({ event: 'decision', decision: 'withdraw' }, before)
    const decided = (await node.events())
      .slice(before)
      .find(({ event, decision }) => event === 'decision' && decision === 'withdraw')
    const tookMs = Date.parse(String(decided!.time)) - removedAtMs
    expect(tookMs).toBeLessThan(patience(2_000))
    await node.gone(patience(60_000))
    await node.addAddress()
    await until(
      'all have our routes',
      async () => {
        // On a busy machine it ends late.
        await node.reviveWireguard()
        return node.rows()
      },
      (rows) => rows.join() === node.everything.join(),
    )
    await node.agrees()
  })

  test('failure 23: a flood of handshakes that the endpoint answers with cookies withdraws nothing', async () => {
    const { publicKey, port } = node.manifest.services[0]!.wireguard
    const { namespace } = node.node
    const flood = new Flood({ namespace, code: resolve('dist'), address: '192.0.2.1', port, publicKey })
    try {
      await node.expectKept(async () => {
        await until(
          'the endpoint is under load',
          async () => flood.countCookies(),
          (count) => count > 0,
        )
        await elapsed(5000)
      })
    } finally {
      await flood.end()
    }
    expect((await node.status()).services[0]).toMatchObject({ decision: 'announce', reason: 'healthy' })
  })
})

test('failure 13: a machine that pauses for seconds withdraws nothing when it resumes', async () => {
  const pids: number[] = []
  for (const node of nodes) {
    await node.restart({
      change: ({ services: [service] }) => {
        service!.deadManMs = 4000
      },
    })
    const { guard } = await node.until('guarded', ({ guard }) => guard?.holding === true)
    pids.push(node.controllerPid, guard!.pid!, ...node.node.daemonPids, ...(await node.wireguardPids()))
  }
  const keep = (during: () => Promise<unknown>): Promise<unknown> =>
    nodes.reduce((inner, node) => () => node.expectKept(inner), during as () => Promise<unknown>)()
  await keep(async () => {
    for (const pid of pids) process.kill(pid, 'SIGSTOP')
    await elapsed(4000)
    for (const pid of pids) process.kill(pid, 'SIGCONT')
    for (const node of nodes) await node.agrees()
    await elapsed(2000)
  })
})

test('failure 13: a machine whose processors are all busy withdraws nothing', async () => {
  await Promise.all(nodes.map((node) => node.back()))
  const hogs = Array.from({ length: availableParallelism() }, () =>
    execa('timeout', ['-s', 'KILL', '5', 'nice', '-n', '-20', process.execPath, '-e', 'for (;;);'], {
      reject: false,
    }),
  )
  await nodes[0]!.expectKept(() => nodes[1]!.expectKept(() => Promise.all(hogs)))
  for (const node of nodes) await node.agrees()
})
