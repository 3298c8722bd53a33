import { afterEach, describe, expect, test } from 'vitest'
import { type Clock, systemClock } from '../../../../src/clock/clock.ts'
import type { ManifestNeighbor } from '../../../../src/manifest/manifest.ts'
import { type Announcements, normally } from '../../../../src/net/announcements.ts'
import { computeDesired, findDifferences } from '../../../../src/node/controller/desired.ts'
import { type DaemonFailure, Reconciler } from '../../../../src/node/controller/reconciler.ts'
import { DaemonError, type Observation, type RoutingDaemon } from '../../../../src/node/routing/daemon.ts'
import { asLists, fromLists } from '../../../observation-lists.ts'
import { patience } from '../../../patience.ts'

const covering = '192.0.2.0/24'
const host = '192.0.2.1/32'
const neighbors = [neighbor('transit1', [covering]), neighbor('tor1', [covering, host])]

function neighbor(name: string, prefixes: string[]): ManifestNeighbor {
  return {
    name,
    kind: 'transit',
    asn: 64601,
    address: '10.1.1.1',
    localAddress: null,
    family: 'ipv4',
    protocol: name,
    gtsm: false,
    passwordFile: null,
    prefixes,
  }
}

/** A daemon that accepts each set, except for the failures that a test sets. */
class ScriptedDaemon implements RoutingDaemon {
  readonly kind = 'bird'
  has = new Set<string>()
  applies = 0
  failApplies = 0
  failure: Error = new DaemonError('refused', 'BIRD refused the configuration', {
    reply: '8002 syntax error',
  })
  /** The number of observations until an apply is visible: the daemon reports success before it is done. */
  lag = 0
  /** Why it originates nothing. */
  remark: string | undefined
  #visible = new Set<string>()
  #hidden = 0

  async identify() {
    return { version: '0', routerId: '10.0.0.1' }
  }

  async apply(desired: Announcements): Promise<void> {
    this.applies += 1
    if (this.failApplies > 0) {
      this.failApplies -= 1
      throw this.failure
    }
    this.has = new Set(desired.keys())
    this.#hidden = this.lag
  }

  async observe(): Promise<Observation> {
    if (this.#hidden > 0) this.#hidden -= 1
    else this.#visible = this.has
    const originated = [...this.#visible].sort()
    const observation = fromLists({
      originated,
      neighbors: neighbors.map(({ name, prefixes }) => ({
        neighbor: name,
        session: 'up',
        announced: prefixes.filter((prefix) => this.#visible.has(prefix)),
        degraded: [],
      })),
      degraded: [],
      otherAnnouncers: null,
    })
    return this.remark === undefined ? observation : { ...observation, remark: this.remark }
  }

  close(): void {}

  async leave(): Promise<void> {}
}

const running: Reconciler[] = []
afterEach(async () => {
  for (const reconciler of running.splice(0)) await reconciler.stop()
})

function reconcile(daemon: RoutingDaemon, clock: Clock = systemClock) {
  const failures: DaemonFailure[] = []
  const verified: number[] = []
  const reconciler = new Reconciler(daemon, neighbors, clock, {
    onVerified: (tookMs) => verified.push(tookMs),
    onFailure: (failure) => failures.push(failure),
    onObserved: () => {},
    onGone: () => {},
  })
  running.push(reconciler)
  return { reconciler, failures, verified }
}

describe('the reconciler', () => {
  test('sends nothing to a daemon before there is a decision', async () => {
    const daemon = new ScriptedDaemon()
    const { reconciler } = reconcile(daemon)
    await expect.poll(() => reconciler.observation).not.toBeNull()
    expect(daemon.applies).toBe(0)
  })

  test('failure 1: a withdrawal that fails is retried until no neighbor has the route', async () => {
    const daemon = new ScriptedDaemon()
    const { reconciler, failures } = reconcile(daemon)
    reconciler.setDesired(normally([covering, host]))
    expect(await reconciler.settle(5000)).toBe(true)
    daemon.failApplies = 3
    reconciler.setDesired(new Map())
    expect(reconciler.verified).toBe(false)
    expect(await reconciler.settle(5000)).toBe(true)
    expect(daemon.has).toEqual(new Set())
    expect(failures).toEqual([
      { cause: 'refused', message: 'BIRD refused the configuration', reply: '8002 syntax error' },
    ])
  })

  test('what would keep a later announcement from BIRD is reported while nothing is announced, and changes nothing else', async () => {
    const daemon = new ScriptedDaemon()
    const { reconciler, failures } = reconcile(daemon)
    reconciler.setDesired(new Map())
    expect(await reconciler.settle(5000)).toBe(true)
    daemon.remark = 'BIRD needs the line include'
    await expect.poll(() => reconciler.failure, { timeout: patience(5000) }).not.toBeNull()
    expect(failures).toEqual([{ cause: 'drift', message: 'BIRD needs the line include', reply: null }])
    expect(await reconciler.settle(5000)).toBe(true)
    expect(daemon.applies).toBe(1)
    daemon.remark = undefined
    await expect.poll(() => reconciler.failure, { timeout: patience(5000) }).toBeNull()
  })

  test('failure 8: an accepted change is verified only after it was observed', async () => {
    const daemon = new ScriptedDaemon()
    daemon.lag = 3
    // Long, so that a busy machine does not reach the daemon's time limit.
    const { reconciler, verified } = reconcile(daemon, { ...systemClock, now: () => 0 })
    reconciler.setDesired(normally([covering]))
    expect(await reconciler.settle(5000)).toBe(true)
    expect(daemon.applies).toBe(1)
    expect(verified).toHaveLength(1)
  })

  test('failure 7: the neighbors are observed while the daemon refuses every change', async () => {
    const daemon = new ScriptedDaemon()
    const { reconciler } = reconcile(daemon)
    reconciler.setDesired(normally([covering, host]))
    expect(await reconciler.settle(5000)).toBe(true)
    daemon.failApplies = Number.POSITIVE_INFINITY
    reconciler.setDesired(normally([host]))
    daemon.has = new Set()
    await expect.poll(() => asLists(reconciler.observation!).originated, { timeout: 5000 }).toEqual([])
    expect(reconciler.verified).toBe(false)
    expect(reconciler.failure?.cause).toBe('refused')
  })

  test.each([
    new DaemonError('permission', 'cannot write announce.conf: EPERM'),
    new DaemonError('file', 'cannot write announce.conf: EROFS'),
    new DaemonError('protocol', 'BIRD answered "configure" with the unknown code 9'),
    new DaemonError('disconnected', 'BIRD closed the connection'),
    new RangeError('192.0.2.0/24 belongs to no service of this node'),
  ])(
    'the neighbors are observed after each failure that leaves the daemon able to answer: %s',
    async (failure) => {
      const daemon = new ScriptedDaemon()
      const { reconciler, failures } = reconcile(daemon)
      reconciler.setDesired(normally([covering, host]))
      expect(await reconciler.settle(5000)).toBe(true)
      daemon.failApplies = Number.POSITIVE_INFINITY
      daemon.failure = failure
      daemon.has = new Set()
      reconciler.setDesired(new Map())
      await expect.poll(() => reconciler.isWithdrawn([covering, host]), { timeout: 5000 }).toBe(true)
      await expect.poll(() => failures.at(-1)?.message, { timeout: 5000 }).toBe(failure.message)
      expect(asLists(reconciler.observation!).originated).toEqual([])
      expect(reconciler.verified).toBe(false)
    },
  )

  test('the failed change is reported where the observation fails too', async () => {
    const daemon = new ScriptedDaemon()
    const { reconciler } = reconcile(daemon)
    daemon.failApplies = Number.POSITIVE_INFINITY
    daemon.failure = new DaemonError('permission', 'cannot write announce.conf: EPERM')
    await expect.poll(() => reconciler.observation).not.toBeNull()
    daemon.observe = async () => {
      throw new DaemonError('timeout', 'BIRD did not answer')
    }
    reconciler.setDesired(new Map())
    await expect.poll(() => reconciler.failure?.cause, { timeout: 5000 }).toBe('permission')
  })

  test('a withdrawal is known to be done, although the daemon refuses another change', async () => {
    const daemon = new ScriptedDaemon()
    const { reconciler } = reconcile(daemon)
    reconciler.setDesired(normally([covering, host]))
    expect(await reconciler.settle(5000)).toBe(true)
    daemon.failApplies = Number.POSITIVE_INFINITY
    reconciler.setDesired(normally([covering]))
    await expect.poll(() => reconciler.failure, { timeout: 5000 }).not.toBeNull()
    expect(reconciler.isWithdrawn([host])).toBe(false)
    daemon.failApplies = 0
    expect(await reconciler.settle(5000)).toBe(true)
    expect(reconciler.isWithdrawn([covering, host])).toBe(true)
    daemon.failApplies = Number.POSITIVE_INFINITY
    reconciler.setDesired(new Map([[covering, 'degraded']]))
    await expect.poll(() => reconciler.failure, { timeout: 5000 }).not.toBeNull()
    expect(reconciler.verified).toBe(false)
    expect(reconciler.isWithdrawn([covering, host])).toBe(true)
  })

  test('settles on a new observation: the last one may be older than a change by another program', async () => {
    const daemon = new ScriptedDaemon()
    const { reconciler } = reconcile(daemon)
    reconciler.setDesired(new Map())
    expect(await reconciler.settle(5000)).toBe(true)
    daemon.has = new Set([covering])
    expect(await reconciler.settle(5000)).toBe(true)
    expect([...daemon.has]).toEqual([])
  })

  test('failure 6: a change by another program is corrected', async () => {
    const daemon = new ScriptedDaemon()
    const { reconciler, failures } = reconcile(daemon)
    reconciler.setDesired(normally([covering]))
    expect(await reconciler.settle(5000)).toBe(true)
    daemon.has = new Set([covering, host])
    await expect.poll(() => failures.map(({ cause }) => cause), { timeout: 5000 }).toEqual(['drift'])
    expect(await reconciler.settle(5000)).toBe(true)
    expect(daemon.has).toEqual(new Set([covering]))
  })

  test('failure 9: of a burst of desired sets the last one is applied', async () => {
    const daemon = new ScriptedDaemon()
    const { reconciler } = reconcile(daemon)
    for (let round = 0; round < 50; round += 1) {
      reconciler.setDesired(normally(round % 2 === 0 ? [covering] : []))
    }
    reconciler.setDesired(normally([covering, host]))
    expect(await reconciler.settle(5000)).toBe(true)
    expect(daemon.has).toEqual(new Set([covering, host]))
  })

  test('failure 20: an equal desired set does not reach the daemon', async () => {
    const daemon = new ScriptedDaemon()
    const { reconciler } = reconcile(daemon)
    reconciler.setDesired(normally([covering]))
    await reconciler.settle(5000)
    reconciler.setDesired(normally([covering]))
    expect(reconciler.verified).toBe(true)
    expect(daemon.applies).toBe(1)
  })
})

describe('the desired set', () => {
  test('failure 19: a shared prefix stays as long as one service wants it', () => {
    const desired = computeDesired(
      [
        { prefixes: [covering, host], decision: 'withdraw' },
        { prefixes: [covering, '192.0.2.2/32'], decision: 'announce' },
      ],
      new Map(),
    )
    expect(desired).toEqual(normally([covering, '192.0.2.2/32']))
  })

  test('failure 2: a service in an unknown state keeps its present announcements, and adds none', () => {
    const decided = [{ prefixes: [covering, host], decision: 'hold' } as const]
    expect(computeDesired(decided, normally([covering]))).toEqual(normally([covering]))
    expect(computeDesired(decided, new Map())).toEqual(new Map())
  })
})

test('a session differs if it lacks a route, has an extra one or is missing, but not if it is down', () => {
  const observed = (session: 'up' | 'down' | 'missing', announced: string[]): Observation =>
    fromLists({
      originated: [covering],
      degraded: [],
      neighbors: [
        { neighbor: 'transit1', session, announced, degraded: [] },
        { neighbor: 'tor1', session: 'up', announced: [covering], degraded: [] },
      ],
      otherAnnouncers: null,
    })
  const desired = normally([covering])
  expect(findDifferences(desired, observed('up', [covering]), neighbors)).toEqual([])
  expect(findDifferences(desired, observed('down', []), neighbors)).toEqual([])
  expect(findDifferences(desired, observed('up', []), neighbors)).toEqual([
    `${covering} is not advertised to transit1`,
  ])
  expect(findDifferences(desired, observed('missing', []), neighbors)).toEqual([
    'there is no session to transit1',
  ])
  expect(findDifferences(new Map(), observed('up', [covering]), neighbors)).toContain(
    `${covering} is still advertised to transit1`,
  )
})

test('a route differs at a neighbor that may not have it, although another one may', () => {
  const observed = fromLists({
    originated: [covering, host],
    degraded: [],
    neighbors: neighbors.map(({ name }) => ({
      neighbor: name,
      session: 'up',
      announced: [covering, host],
      degraded: [],
    })),
    otherAnnouncers: null,
  })
  expect(findDifferences(normally([covering, host]), observed, neighbors)).toEqual([
    `${host} is advertised to transit1, but the bundle does not allow it`,
  ])
})
