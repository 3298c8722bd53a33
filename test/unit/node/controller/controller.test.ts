import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { systemClock } from '../../../../src/clock/clock.ts'
import { type Manifest, requireManifest } from '../../../../src/manifest/manifest.ts'
import { Controller } from '../../../../src/node/controller/controller.ts'
import type { VerifiedChange } from '../../../../src/node/controller/parts.ts'
import type { ServicePermit } from '../../../../src/node/controller/services/permit-keeper.ts'
import { serving } from '../../../../src/node/decision/intent.ts'
import type { GuardClient } from '../../../../src/node/guard/client.ts'
import { DaemonError, type Observation, type RoutingDaemon } from '../../../../src/node/routing/daemon.ts'
import { fromLists } from '../../../observation-lists.ts'

const golden = join(import.meta.dirname, '../../../golden/example/out/fra1/fra1-a/manifest.json')
const example = requireManifest(JSON.parse(await readFile(golden, 'utf8')))

function withOnStop(onStop: 'withdraw' | 'keep'): Manifest {
  const services = example.services.map((service) => ({
    ...service,
    onStop,
    drain: { idleMs: 0, limitMs: 0, undrainMs: 0 },
    probe: { ...service.probe, intervalMs: 30 },
  }))
  return { ...example, services }
}

interface StartOptions {
  readonly found?: readonly string[]
  readonly failing?: Partial<RoutingDaemon>
  readonly saveIntent?: () => Promise<void>
  readonly isStuck?: () => boolean
  readonly wall?: () => number
  readonly guard?: GuardClient | null
  readonly permit?: ServicePermit
}

/** A guard that does not reply to a hand-over before `answer`. */
function waitingGuard(): GuardClient & { readonly answer: () => void } {
  let resolve = () => {}
  const answered = new Promise<void>((done) => {
    resolve = done
  })
  return {
    intervalMs: 1000,
    start: () => {},
    renew: () => {},
    release: async () => {},
    handOver: () => answered,
    close: () => {},
    state: { holding: true, pid: 1, problem: null },
    answer: resolve,
  }
}

/** Every session is up, and has what the daemon originates. */
function observationOf({ neighbors }: Manifest, originated: ReadonlySet<string>): Observation {
  return fromLists({
    originated: [...originated].sort(),
    neighbors: neighbors.map(({ name, prefixes }) => ({
      neighbor: name,
      session: 'up',
      announced: prefixes.filter((prefix) => originated.has(prefix)),
      degraded: [],
    })),
    degraded: [],
    otherAnnouncers: null,
  })
}

/** A daemon that applies each set, and an endpoint that is always good. */
function start(
  manifest: Manifest,
  {
    found = [],
    failing = {},
    saveIntent = async () => {},
    isStuck = () => false,
    wall = () => systemClock.wall(),
    guard = null,
    permit,
  }: StartOptions = {},
) {
  let originated: ReadonlySet<string> = new Set(found)
  let cycles = 0
  const withdrawn: VerifiedChange[] = []
  /** The number of probe cycles started before the daemon first got an announcement. */
  let cyclesBefore: number | null = null
  const daemon: RoutingDaemon = {
    kind: 'bird',
    identify: async () => ({ version: '0', routerId: manifest.routerId }),
    apply: async (desired) => {
      originated = new Set(desired.keys())
      if (desired.size > 0) cyclesBefore ??= cycles
    },
    observe: async () => observationOf(manifest, originated),
    close: () => {},
    leave: async () => {},
    ...failing,
  }
  const controller = new Controller({
    manifest,
    daemon,
    daemonVersion: '0',
    probesOf: () => ({
      endpoint: {
        isAskingClosely: false,
        runCycle: async () => {
          cycles += 1
          if (isStuck()) await new Promise(() => {})
          return { outcome: 'good', handshakeMs: 1, pingMs: 1 }
        },
        saveSilences: () => [],
        restoreSilences: () => {},
        close: () => {},
      },
      side: [],
    }),
    clock: { ...systemClock, wall },
    observer: {
      probed: () => {},
      checked: () => {},
      decided: () => {},
      verified: () => {},
      withdrawn: (changes) => withdrawn.push(...changes),
      failed: () => {},
      observed: () => {},
      intended: () => {},
      permitAnswered: () => {},
    },
    store: {
      intent: serving,
      saveIntent,
      findForeignIntent: async () => null,
      services: null,
      saveServices: () => {},
    },
    traffic: { watch: () => {}, view: () => null, close: () => {} },
    guard,
    lastResort: null,
    serial: null,
    fleet:
      permit === undefined
        ? null
        : {
            permitOf: () => permit,
            holds: () => false,
            remoteOf: () => null,
            contact: () => ({ ok: true, sinceMs: 0, problem: null }),
          },
  })
  controller.start()
  return { controller, withdrawn, announced: () => [...originated].sort(), cyclesBefore: () => cyclesBefore }
}

const everything = example.services.flatMap(({ prefixes }) => prefixes).sort()

test('a controller announces once the endpoint was good for long enough, not before', async () => {
  const { controller, announced, cyclesBefore } = start(withOnStop('withdraw'))
  await expect.poll(announced).toEqual(everything)
  expect(cyclesBefore()).toBeGreaterThanOrEqual(example.services[0]!.probe.rise)
  await controller.stop(1000)
})

test('a controller that stops withdraws', async () => {
  const { controller, announced } = start(withOnStop('withdraw'))
  await expect.poll(announced).toEqual(everything)
  expect(await controller.stop(1000)).toBe(true)
  expect(announced()).toEqual([])
})

test.each([
  ['at once', async () => {}],
  ['when it announces', (announced: () => string[]) => expect.poll(announced).toEqual(everything)],
])('a controller that gives way %s changes nothing, whatever happens meanwhile', async (_when, ready) => {
  const guard = waitingGuard()
  const { controller, announced } = start(withOnStop('withdraw'), {
    found: everything,
    guard,
  })
  await ready(announced)
  const leaving = controller.giveWay()
  controller.takeLinks(new Map())
  const order = controller.setIntent({ intent: 'withdraw', reason: null, since: 0, until: null })
  await expect(order).rejects.toThrow('this controller gives way to the next one: repeat the order')
  guard.answer()
  await leaving
  expect(announced()).toEqual(everything)
})

test('a controller that is stopped while it gives way withdraws', async () => {
  const guard = waitingGuard()
  const { controller, announced } = start(withOnStop('withdraw'), { guard })
  await expect.poll(announced).toEqual(everything)
  const leaving = controller.giveWay()
  const stopping = controller.stop(1000)
  guard.answer()
  expect(await leaving).toBe(false)
  expect(await stopping).toBe(true)
  expect(announced()).toEqual([])
})

test('a withdrawal at the neighbors is reported at once, although the file of it cannot be written', async () => {
  const manifest = withOnStop('withdraw')
  let originated: ReadonlySet<string> = new Set()
  let isDenied = false
  const { controller, withdrawn } = start(manifest, {
    failing: {
      // Like BIRD: `disable` withdraws the routes, and the owned file cannot be written.
      apply: async (desired) => {
        originated = new Set(desired.keys())
        if (isDenied) throw new DaemonError('permission', 'cannot write announce.conf: EPERM')
      },
      observe: async () => observationOf(manifest, originated),
    },
  })
  await expect.poll(() => controller.status().daemon.verified).toBe(true)
  await expect.poll(() => [...originated].sort()).toEqual(everything)
  isDenied = true
  await controller.setIntent({ intent: 'withdraw', reason: null, since: 0, until: null })
  await expect.poll(() => withdrawn.map(({ service, to }) => `${service} ${to}`)).toEqual(['vpn withdraw'])
  const { services, daemon } = controller.status()
  expect(services.flatMap(({ announced }) => announced)).toEqual([])
  expect(daemon).toMatchObject({ verified: false, trouble: { cause: 'permission' } })
  isDenied = false
  await controller.stop(3000)
})

test('a controller that stops keeps its own announcements where onStop is keep', async () => {
  const { controller, announced } = start(withOnStop('keep'))
  await expect.poll(announced).toEqual(everything)
  expect(await controller.stop(1000)).toBe(true)
  expect(announced()).toEqual(everything)
})

test('existing announcements stay until the state of the endpoint is known', async () => {
  const { controller, announced } = start(withOnStop('keep'), { found: everything })
  await expect.poll(() => controller.status().daemon.verified).toBe(true)
  expect(announced()).toEqual(everything)
  expect(await controller.stop(1000)).toBe(true)
  expect(announced()).toEqual(everything)
})

test('a dead endpoint is withdrawn also from a daemon that has not answered yet: it may start with old files', async () => {
  const applied: string[][] = []
  const manifest = withOnStop('keep')
  const { controller } = start(manifest, {
    failing: {
      apply: async (desired) => {
        applied.push([...desired.keys()])
        throw new DaemonError('not-running', 'BIRD does not listen')
      },
      observe: async () => {
        throw new DaemonError('not-running', 'BIRD does not listen')
      },
    },
  })
  controller.takeLinks(new Map())
  await expect.poll(() => applied[0]).toEqual([])
  await controller.stop(100)
})

test('a drain whose end cannot be saved does not end the controller', async () => {
  const { controller, announced } = start(withOnStop('withdraw'), {
    saveIntent: async () => {
      throw new Error('disk full')
    },
  })
  await expect.poll(announced).toEqual(everything)
  const since = Date.now()
  const draining = controller.setIntent({ intent: 'drain', reason: null, since, until: since + 300 })
  await expect(draining).rejects.toThrow('disk full')
  await expect.poll(announced).toEqual([])
  await expect.poll(announced, { timeout: 3000 }).toEqual(everything)
  await controller.stop(1000)
})

test('a drain withdraws a healthy endpoint, and its end announces it again', async () => {
  const { controller, announced } = start(withOnStop('withdraw'))
  await expect.poll(announced).toEqual(everything)
  const since = Date.now()
  await controller.setIntent({ intent: 'drain', reason: null, since, until: since + 300 })
  await expect.poll(announced).toEqual([])
  await expect.poll(announced, { timeout: 3000 }).toEqual(everything)
  await controller.stop(1000)
})

test('failure 11: a probe that never returns makes the endpoint unhealthy', async () => {
  let stuck = false
  const { controller, announced } = start(withOnStop('withdraw'), { isStuck: () => stuck })
  await expect.poll(announced).toEqual(everything)
  stuck = true
  await expect.poll(announced, { timeout: 15_000 }).toEqual([])
  expect(controller.status().services[0]).toMatchObject({ decision: 'withdraw', reason: 'probe-stuck' })
  await controller.stop(1000)
}, 30_000)

test('a maintenance window is reported in advance, drains by itself, and its end announces again', async () => {
  const manifest: Manifest = {
    ...withOnStop('withdraw'),
    maintenance: [{ cron: '0 3 * * sun', durationMs: 7_200_000, timezone: 'Europe/Berlin' }],
  }
  // A Sunday in winter: 03:00 in Berlin is 02:00 UTC.
  const begin = Date.UTC(2026, 10, 22, 2)
  let wall = begin - 1000
  const { controller, announced } = start(manifest, { wall: () => wall })
  await expect.poll(announced).toEqual(everything)
  expect(controller.status().maintenance).toMatchObject({
    active: null,
    next: { start: '2026-11-22T02:00:00.000Z', until: '2026-11-22T04:00:00.000Z' },
  })
  wall = begin
  await expect.poll(announced, { timeout: 5000 }).toEqual([])
  expect(controller.status()).toMatchObject({
    operator: { intent: 'drain', source: 'calendar', until: '2026-11-22T04:00:00.000Z' },
    maintenance: { next: { start: '2026-11-29T02:00:00.000Z' } },
  })
  wall = begin + 7_200_000
  await expect.poll(announced, { timeout: 5000 }).toEqual(everything)
  await controller.stop(1000)
}, 30_000)

test('an order waits for the permit; without it the service stays, degraded', async () => {
  const calls: string[] = []
  let mayWithdraw = false
  const permit: ServicePermit = {
    ask: async (reason) => {
      calls.push(`ask ${reason}`)
      return mayWithdraw
        ? { phase: 'granted', nonce: 'n', actBeforeMs: Number.POSITIVE_INFINITY }
        : { phase: 'refused', remaining: 1, required: 2 }
    },
    mayWithdraw: () => true,
    sayWell: () => calls.push('well'),
    sayNotWell: () => calls.push('not well'),
    reportWithdrawal: (cause, reason) => calls.push(`${cause} ${reason}`),
  }
  const { controller, announced } = start(withOnStop('withdraw'), { permit })
  await expect.poll(() => calls.at(-1)).toBe('well')
  expect(announced()).toEqual(everything)
  await controller.setIntent({ intent: 'withdraw', reason: null, since: 0, until: null })
  await controller.settle(1000)
  expect(announced()).toEqual(everything)
  expect(controller.status().services[0]).toMatchObject({ decision: 'degrade', reason: 'last-site' })
  mayWithdraw = true
  await expect.poll(announced, { timeout: 5000 }).toEqual([])
  await controller.setIntent({ intent: 'serve', reason: null, since: 0, until: null })
  await expect.poll(() => calls.at(-1)).toBe('well')
  expect(announced()).toEqual(everything)
  await controller.setIntent({ intent: 'withdraw', reason: 'x', since: 0, until: null, forcedBy: 'root' })
  await controller.settle(1000)
  expect(announced()).toEqual([])
  expect(calls.at(-1)).toBe('order operator-withdrew')
  expect(new Set(calls)).toEqual(
    new Set(['not well', 'well', 'ask operator-withdrew', 'order operator-withdrew']),
  )
  await controller.stop(1000)
})
