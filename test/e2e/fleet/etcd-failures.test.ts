import { readFile, stat, writeFile } from 'node:fs/promises'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { Store, WatchEvent } from '../../../src/fleet/store.ts'
import { patience } from '../../patience.ts'
import { EtcdCluster, type Member } from '../fixtures/etcd/cluster.ts'
import { until } from '../fixtures/routing/until.ts'

let cluster: EtcdCluster
beforeAll(async () => {
  cluster = await EtcdCluster.start(['fra1'])
})
afterAll(() => cluster?.stop())

const undo: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
  await cluster.isHealthy()
})

const withinMs = patience(1000)
const set = (store: Store, key: string, from: string | null, to: string, within = withinMs) =>
  store.transact({ compares: [{ key, value: from }], writes: [{ key, value: to }] }, within)

/** The members in this order, as the endpoints of a client. */
const urls = (first: Member) =>
  [first, ...cluster.members.filter((member) => member !== first)].map(({ url }) => url)

/**
 * A client that counts up as the permit is asked for: what was written is seen by reading. Returns what ends it, and then how
 * often it has counted and the longest time between two counts.
 */
function countUp(store: Store, key: string) {
  const counted: number[] = []
  let going = true
  const count = async () => {
    let number = 1
    while (going) {
      const nonce = `${number} ${performance.now()}`
      const read = await store.read([{ key }], withinMs)
      if (read.outcome !== 'read') continue
      const known = read.values.get(key) ?? null
      // Its own last write, whose reply was lost.
      if (known !== null && Number.parseInt(known, 10) === number) {
        counted.push(performance.now())
        number += 1
      } else if ((await set(store, key, known, nonce)).outcome === 'committed') {
        counted.push(performance.now())
        number += 1
      }
    }
    return number - 1
  }
  const done = count()
  const more = (than: number, what: string) =>
    until(what, async () => (counted.length > than ? null : `${counted.length} of ${than}`))
  return {
    counted,
    more,
    end: async () => {
      going = false
      return done
    },
  }
}

const faults: Record<string, (member: Member) => Promise<void>> = {
  killed: async (member) => {
    await member.kill()
    undo.push(async () => member.start())
  },
  stopped: async (member) => {
    await member.freeze()
    undo.push(async () => member.thaw())
  },
  'cut off from the other members': async (member) => {
    await member.cut('peers')
    undo.push(() => member.restoreTraffic())
  },
  'without replies': async (member) => {
    await member.cut('replies')
    undo.push(() => member.restoreTraffic())
  },
}

test.for(Object.keys(faults))(
  'a leader that is %s: its clients continue at another member, and each count is there once',
  async (fault) => {
    const key = `state/fra1/count-${fault}`
    const leader = await cluster.leader()
    const clients = await Promise.all(cluster.members.map((member) => cluster.open('fra1', urls(member))))
    const counting = clients.map((client, index) => countUp(client, `${key}-${index}`))
    await Promise.all(counting.map(({ more }) => more(5, 'it counts')))
    await faults[fault]!(leader)
    const atFault = counting.map(({ counted }) => counted.length)
    await Promise.all(
      counting.map(({ more }, index) => more(atFault[index]! + 10, 'it counts after the fault')),
    )
    const counts = await Promise.all(counting.map(({ end }) => end()))
    const last = await clients[0]!.read([{ prefix: key }], withinMs)
    if (last.outcome !== 'read') throw new Error(last.message)
    for (const [index, count] of counts.entries()) {
      // The last one may have been written without a reply.
      const value = Number.parseInt(last.values.get(`${key}-${index}`)!, 10)
      expect([count, count + 1]).toContain(value)
    }
  },
)

test('a member that is dead costs a transaction nothing: it was not sent there, and the outcome is known', async () => {
  const leader = await cluster.leader()
  const first = cluster.members.find((member) => member !== leader)!
  await first.kill()
  undo.push(async () => first.start())
  const store = await cluster.open('fra1', urls(first))
  expect(await set(store, 'state/fra1/dead-endpoint', null, 'x', patience(3000))).toEqual({
    outcome: 'committed',
  })
})

test('a member that accepts no connection costs a transaction a part of its time', async () => {
  const first = cluster.members[0]!
  const store = await cluster.open('fra1', urls(first))
  await first.cut('requests')
  undo.push(() => first.restoreTraffic())
  const key = 'state/fra1/silent-endpoint'
  expect(await set(store, key, null, 'x', patience(3000))).toEqual({ outcome: 'committed' })
})

test('a transaction whose reply is lost is not sent to another member, which would call it a conflict', async () => {
  const first = cluster.members[0]!
  const store = await cluster.open('fra1', urls(first))
  const key = 'state/fra1/not-repeated'
  await set(store, key, null, 'old')
  await first.cut('replies')
  undo.push(() => first.restoreTraffic())
  expect(await set(store, key, 'old', 'new', patience(3000))).toMatchObject({ outcome: 'unknown' })
  // The next request goes to another member first.
  expect(await store.read([{ key }], withinMs)).toEqual({ outcome: 'read', values: new Map([[key, 'new']]) })
})

test('a member without a quorum: reads and transactions there are unknown, in their time', async () => {
  const member = cluster.members[0]!
  const alone = await cluster.open('fra1', [member.url])
  expect((await alone.read([{ key: 'x' }], withinMs)).outcome).toBe('read')
  await member.cut('peers')
  undo.push(() => member.restoreTraffic())
  for (let attempt = 0; attempt < 5; attempt++) {
    const start = performance.now()
    const [read, written] = await Promise.all([
      alone.read([{ key: 'x' }], withinMs),
      set(alone, 'state/fra1/alone', null, String(attempt)),
    ])
    expect(performance.now() - start).toBeLessThan(withinMs + patience(500))
    expect([read.outcome, written.outcome]).toEqual(['unknown', 'unknown'])
  }
})

test('no member at all: unknown, in its time', async () => {
  const store = await cluster.open('fra1')
  await Promise.all(cluster.members.map((member) => member.kill()))
  undo.push(() => cluster.startAll())
  const start = performance.now()
  expect(await store.read([{ key: 'x' }], withinMs)).toMatchObject({ outcome: 'unknown' })
  expect(await set(store, 'state/fra1/none', null, 'x')).toMatchObject({ outcome: 'unknown' })
  expect(performance.now() - start).toBeLessThan(2 * withinMs + patience(500))
})

test.for(['stopped', 'cut off from the other members', 'killed'])(
  'a watch at a member that is %s continues at another one, with all values',
  async (fault) => {
    const member = cluster.members[0]!
    const prefix = `state/fra1/watch-${fault}/`
    const events: WatchEvent[] = []
    const watching = await cluster.open('fra1', urls(member))
    const watch = watching.watch(prefix, (event) => events.push(event))
    undo.push(async () => watch.close())
    await until('the watch has a snapshot', async () => (events.length > 0 ? null : 'nothing'))
    await faults[fault]!(member)
    const writer = await cluster.open('fra1', urls(cluster.members[1]!))
    await until('it is written', async () => {
      const { outcome } = await set(writer, `${prefix}a`, null, 'x')
      return outcome === 'committed' || outcome === 'conflict' ? null : outcome
    })
    // A member that hangs is noticed before its connection is.
    const withinMs = fault === 'stopped' ? 8000 : 60_000
    const look = async () => {
      const seen = events.some(
        (event) =>
          (event.event === 'snapshot' && event.values.get(`${prefix}a`) === 'x') ||
          (event.event === 'changes' && event.changes.some(({ value }) => value === 'x')),
      )
      return seen ? null : JSON.stringify(events)
    }
    await until('the watch sees it', look, { withinMs })
  },
)

test('all members lose power: what was acknowledged is there, and what was only written is not', async () => {
  const store = await cluster.open('fra1')
  const control = cluster.members.map(({ unsyncedFile }) => unsyncedFile)
  const acknowledged = new Map<string, string>()
  for (let number = 0; number < 50; number++) {
    const [key, value] = [`state/fra1/power/${number}`, String(number)]
    if ((await set(store, key, null, value, patience(5000))).outcome === 'committed')
      acknowledged.set(key, value)
  }
  await Promise.all(control.map((file) => writeFile(file, 'written')))
  expect(await readFile(control[0]!, 'utf8')).toBe('written')
  await cluster.losePower()
  const read = await store.read([{ prefix: 'state/fra1/power/' }], patience(10_000))
  expect(acknowledged.size).toBe(50)
  expect(read).toEqual({
    outcome: 'read',
    values: new Map([...acknowledged].sort(([a], [b]) => (a < b ? -1 : 1))),
  })
  // Otherwise the simulation loses nothing, and proves nothing.
  const kept = await Promise.all(
    control.map((file) =>
      stat(file).then(
        ({ size }) => size > 0,
        () => false,
      ),
    ),
  )
  expect(kept).toEqual([false, false, false])
})
