import { readdirSync, readFileSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { execa } from 'execa'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { programVersion } from '../../../src/cli/program-version.ts'
import { systemClock } from '../../../src/clock/clock.ts'
import { type Manifest, requireManifest } from '../../../src/manifest/manifest.ts'
import { normally } from '../../../src/net/announcements.ts'
import { askGuard } from '../../../src/node/guard/ask.ts'
import { createGuardClient, type GuardClient } from '../../../src/node/guard/client.ts'
import { guardSocketOf } from '../../../src/node/guard/protocol.ts'
import { spawnGuard } from '../../../src/node/guard/spawn.ts'
import { createBird } from '../../../src/node/routing/bird/bird.ts'
import type { RoutingDaemon } from '../../../src/node/routing/daemon.ts'
import { createFrr } from '../../../src/node/routing/frr/frr.ts'
import { guardSerialOf } from '../../../src/node/service/serials.ts'
import { patience } from '../../patience.ts'
import { everything, otherCovering4 } from '../fixtures/routing/configs.ts'
import { untilAnnounced } from '../fixtures/routing/expectations.ts'
import { type Pair, startPair } from '../fixtures/routing/pair.ts'
import { until } from '../fixtures/routing/until.ts'
import { squat } from '../fixtures/squatter.ts'

const cli = resolve('dist/cli/main.js')
const deadManMs = 2000
const anycast = ['192.0.2.1', '2001:db8:51::1']
/** The routes left when the service with `deadManMs` is withdrawn. */
const kept = new Set([otherCovering4])

describe.each(['bird', 'frr'] as const)("the dead man's guard behind %s", (kind) => {
  let pair: Pair
  let daemon: RoutingDaemon
  let manifest: Manifest
  let bundle: string
  const undo: (() => void)[] = []

  beforeAll(async () => {
    pair = await startPair(kind)
    const dir = dirname(pair.manifest.paths.daemonSocket)
    bundle = `${dir}-bundle`
    manifest = requireManifest({
      ...pair.manifest,
      paths: { ...pair.manifest.paths, runtimeDir: `${dir}-run`, stateDir: `${dir}-state` },
      services: pair.manifest.services.map((service) =>
        service.name === 'vpn' ? { ...service, anycast, deadManMs } : service,
      ),
    })
    daemon = kind === 'bird' ? createBird({ manifest }) : createFrr({ manifest })
  })
  afterAll(async () => {
    daemon?.close()
    await pair?.stop()
  })

  beforeEach(async () => {
    for (const folder of [bundle, manifest.paths.runtimeDir]) {
      await rm(folder, { recursive: true, force: true })
      await mkdir(folder)
    }
    await writeBundle(manifest)
    for (const address of anycast) await inside('ip', ['addr', 'replace', full(address), 'dev', 'lo'])
    await daemon.apply(normally(everything))
    await untilAnnounced(pair, everything)
  })
  afterEach(async () => {
    for (const step of undo.splice(0).reverse()) step()
    for (const pid of guards()) kill(pid, 'SIGKILL')
    await until('no guard is left', async () => (guards().length === 0 ? null : `${guards()}`))
  })

  const inside = (program: string, args: readonly string[]) =>
    execa('ip', ['netns', 'exec', pair.namespace, program, ...args])
  const full = (address: string) => `${address}/${address.includes(':') ? 128 : 32}`
  const addressesOn = async () => {
    const { stdout } = await inside('ip', ['-j', 'addr', 'show', 'dev', 'lo'])
    const [link] = JSON.parse(stdout) as [{ addr_info: { local: string }[] }]
    return anycast.filter((address) => link.addr_info.some(({ local }) => local === address))
  }
  const writeBundle = (written: Manifest) => writeFile(join(bundle, 'manifest.json'), JSON.stringify(written))
  const logged = () => readFile(join(manifest.paths.runtimeDir, 'guard.log'), 'utf8')
  /** The processes of this node's guards. */
  const guards = () =>
    readdirSync('/proc')
      .filter((entry) => /^\d+$/.test(entry))
      .map(Number)
      .filter((pid) => {
        try {
          const argv = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
          return argv.includes('guard') && argv.includes(bundle)
        } catch {
          return false
        }
      })
  const program = () => ['ip', 'netns', 'exec', pair.namespace, process.execPath, cli]
  const start = () => spawnGuard(manifest, program(), bundle)

  /** A stand-in for the controller that renews its lease until it is stopped or killed. */
  const startController = (of = manifest) => {
    const client = createGuardClient({
      manifest: of,
      clock: systemClock,
      serial: guardSerialOf(of, programVersion),
      spawn: start,
      log: pino({ enabled: false }),
    })!
    client.start()
    const beat = () => client.renew(['vpn', 'other'])
    beat()
    let timer: NodeJS.Timeout | undefined = setInterval(beat, client.intervalMs)
    const stop = () => {
      clearInterval(timer)
      timer = undefined
    }
    const goOn = () => {
      beat()
      timer = setInterval(beat, client.intervalMs)
    }
    const die = () => {
      stop()
      client.close()
    }
    undo.push(die)
    return { client, stop, goOn, die }
  }
  const holds = (client: GuardClient, besides = 0) =>
    until('the guard holds the lease', async () =>
      client.state.holding && client.state.pid !== besides ? null : JSON.stringify(client.state),
    )
  const ended = (pid: number) =>
    until(`guard ${pid} has ended`, async () => (guards().includes(pid) ? 'it is there' : null))
  /** Polls the neighbors' tables meanwhile. */
  const expectKept = async (during: Promise<unknown>) => {
    let done = false
    const misses: string[] = []
    const looking = (async () => {
      while (!done) {
        const has = await pair.received('tor1')
        if (has.length !== 3) misses.push(has.join())
        await delay(20)
      }
    })()
    await during
    done = true
    await looking
    expect(misses).toEqual([])
  }
  /** Milliseconds until the guarded service is withdrawn and the other one is not. */
  const withdrawn = async () => {
    const begun = performance.now()
    await untilAnnounced(pair, kept, 30_000)
    return performance.now() - begun
  }

  test('failure 3: withdraws in time when the controller is killed, keeps the service without deadManMs, and ends', async () => {
    const { client, die } = startController()
    await holds(client)
    await expectKept(delay(deadManMs * 1.5))
    die()
    const tookMs = await withdrawn()
    expect(tookMs).toBeGreaterThan(deadManMs / 2)
    expect(tookMs).toBeLessThan(deadManMs + patience(5000))
    await ended(client.state.pid!)
    expect(await logged()).toMatch(/"event":"dead-man","service":"vpn"/)
    expect(await addressesOn()).toEqual(anycast)
  })

  test('an unprivileged user who holds locks does not prevent the guard from starting', async () => {
    const { runtimeDir } = manifest.paths
    const squatter = await squat(pair.namespace, { runtimeDir, bundleDir: bundle })
    await holds(startController().client)
    expect(squatter.taken).toEqual([])
    await squatter.end()
  })

  test('failure 2: another controller takes over the lease, and no neighbor loses a route', async () => {
    const first = startController()
    await holds(first.client)
    await expectKept(
      (async () => {
        first.die()
        await delay(deadManMs / 3)
        const second = startController()
        await holds(second.client)
        expect(second.client.state.pid).toBe(first.client.state.pid)
        await delay(deadManMs * 1.5)
      })(),
    )
  })

  test('failure 4: with a stopped daemon as well, the addresses are removed until the daemon runs again', async () => {
    const { client, die } = startController()
    await holds(client)
    await pair.daemon.freeze()
    try {
      die()
      await until(
        'the addresses are removed',
        async () => ((await addressesOn()).length === 0 ? null : 'they are there'),
        { withinMs: 30_000 },
      )
    } finally {
      pair.daemon.thaw()
    }
    await withdrawn()
    await ended(client.state.pid!)
    expect(await addressesOn()).toEqual(anycast)
  })

  // The following tests need no daemon.
  if (kind === 'frr') return

  test('failure 3: withdraws when the controller is stopped, and does not act after it resumes', async () => {
    const { client, stop, goOn } = startController()
    await holds(client)
    stop()
    await withdrawn()
    expect(guards()).toEqual([client.state.pid])
    goOn()
    await until('the lease runs again', async () => {
      const asked = await askGuard(guardSocketOf(manifest), { type: 'ask' })
      asked?.socket.destroy()
      return (asked?.reply.leases.vpn ?? 0) > 0 ? null : JSON.stringify(asked?.reply)
    })
    // The controller announces again, and the guard does not withdraw that.
    await daemon.apply(normally(everything))
    await untilAnnounced(pair, everything)
    await expectKept(delay(deadManMs * 1.5))
  })

  test('a controller that announces again without renewing its lease is withdrawn again', async () => {
    const { client, stop } = startController()
    await holds(client)
    stop()
    await withdrawn()
    await daemon.apply(normally(everything))
    await withdrawn()
  })

  test('a released lease withdraws nothing, and the guard ends', async () => {
    const { client, stop, die } = startController()
    await holds(client)
    stop()
    await client.release(['vpn', 'other'])
    die()
    await expectKept(ended(client.state.pid!))
    await untilAnnounced(pair, everything)
  })

  test('a killed guard is replaced, and a guard that hangs is killed', async () => {
    const { client } = startController()
    await holds(client)
    const first = client.state.pid!
    await expectKept(
      (async () => {
        kill(first, 'SIGKILL')
        await holds(client, first)
        const second = client.state.pid!
        kill(second, 'SIGSTOP')
        await until('the hung guard has a successor', async () =>
          client.state.holding && client.state.pid !== second ? null : JSON.stringify(client.state),
        )
        await ended(second)
        expect(guards()).toEqual([client.state.pid])
      })(),
    )
  })

  test('the guard of another bundle takes over the lease before the old one ends', async () => {
    const first = startController()
    await holds(first.client)
    const changed = { ...manifest, listen: ['127.0.0.1:9'] }
    await expectKept(
      (async () => {
        first.die()
        await writeBundle(changed)
        const second = startController(changed)
        await holds(second.client)
        expect(second.client.state.pid).not.toBe(first.client.state.pid)
        await ended(first.client.state.pid!)
        await delay(deadManMs)
      })(),
    )
    await writeBundle(manifest)
  })

  test('a guard that no controller has contacted yet takes over the lease of its predecessor, and withdraws when it expires', async () => {
    const { client, die } = startController()
    await holds(client)
    await start()
    await ended(client.state.pid!)
    die()
    await withdrawn()
  })

  test('of two guards that start at once, one remains', async () => {
    const { client } = startController()
    await holds(client)
    await Promise.all([start(), start()])
    await until('one is left', async () => (guards().length === 1 ? null : `${guards()}`))
    await holds(client)
    await expectKept(delay(deadManMs * 1.5))
  })

  test('invalid requests on its socket change nothing', async () => {
    const { client, die } = startController()
    await holds(client)
    const path = guardSocketOf(manifest)
    for (const text of ['{"type":"announce"}\n', '\0\n', '[]\n', 'x'.repeat(400_000)]) {
      const socket = connect({ path })
      socket.on('error', () => {})
      socket.write(text)
      await new Promise<void>((done) => socket.on('close', () => done()))
    }
    expect((await askGuard(path, { type: 'ask' }))?.reply.pid).toBe(client.state.pid)
    die()
    await withdrawn()
  })

  test('only its owner may use its socket, and a stale socket is replaced', async () => {
    await writeFile(guardSocketOf(manifest), '')
    const { client } = startController()
    await holds(client)
    const { stdout } = await execa('stat', ['-c', '%a %F', guardSocketOf(manifest)])
    expect(stdout).toBe('600 socket')
  })

  test('failure 13: after a pause of the machine, with guard and controller, the controller does not count as dead', async () => {
    const { client, stop, goOn } = startController()
    await holds(client)
    stop()
    kill(client.state.pid!, 'SIGSTOP')
    await expectKept(
      (async () => {
        await delay(deadManMs * 2)
        kill(client.state.pid!, 'SIGCONT')
        // The controller resumes a little later.
        await delay(deadManMs / 5)
        goOn()
        await holds(client)
        await delay(deadManMs * 1.5)
      })(),
    )
  })

  test('failure 13: if the controller does not resume after the pause, its services are withdrawn', async () => {
    const { client, die } = startController()
    await holds(client)
    kill(client.state.pid!, 'SIGSTOP')
    die()
    await delay(deadManMs * 2)
    kill(client.state.pid!, 'SIGCONT')
    await withdrawn()
  })

  test('on SIGTERM it withdraws first if no controller renews the lease, and only ends otherwise', async () => {
    const { client, die } = startController()
    await holds(client)
    const first = client.state.pid!
    await expectKept(
      (async () => {
        kill(first, 'SIGTERM')
        await holds(client, first)
        await ended(first)
      })(),
    )
    die()
    kill(client.state.pid!, 'SIGTERM')
    await withdrawn()
    await ended(client.state.pid!)
  })
})

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // The process has ended.
  }
}
