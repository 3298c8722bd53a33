import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Store, TransactOutcome, WatchEvent } from '../src/fleet/store.ts'
import { until } from './e2e/fixtures/routing/until.ts'
import { patience } from './patience.ts'

/** A store for the statements below, with faults. */
export interface StoreBed {
  /** A client of its own. The nodes of the site fra1 use it. */
  open(): Promise<Store>
  /** From now on: executed, but no reply arrives. Returns what ends it. */
  loseReplies(): Promise<() => Promise<void>>
  /** From now on: not executed before it ends. Returns what ends it. */
  delayRequests(): Promise<() => Promise<void>>
  /** The changes until now can no longer be read one by one by a watch that has not seen them. */
  forgetChanges(watched: Store): Promise<void>
  stop(): Promise<void>
}

const withinMs = patience(5000)
const shortMs = patience(400)

/** What every store must do: the same statements for each. */
export function describeStore(name: string, startBed: () => Promise<StoreBed>): void {
  describe(name, () => {
    let bed: StoreBed
    let store: Store
    let number = 0
    /** Each test has keys of its own. */
    const newKey = (rest = '') => `state/fra1/t${++number}${rest}`

    beforeAll(async () => {
      bed = await startBed()
      store = await bed.open()
    })
    afterAll(() => bed?.stop())

    const set = (key: string, from: string | null, to: string | null, by = store, within = withinMs) =>
      by.transact({ compares: [{ key, value: from }], writes: [{ key, value: to }] }, within)
    const get = async (key: string, by = store) => {
      const read = await by.read([{ key }], withinMs)
      return read.outcome === 'read' ? (read.values.get(key) ?? null) : read
    }

    test('a key is written if it has the compared value, and otherwise keeps its own', async () => {
      const key = newKey()
      expect(await set(key, 'x', 'a')).toEqual({ outcome: 'conflict' })
      expect(await set(key, null, 'a')).toEqual({ outcome: 'committed' })
      expect(await set(key, null, 'b')).toEqual({ outcome: 'conflict' })
      expect(await set(key, 'a ', 'b')).toEqual({ outcome: 'conflict' })
      expect(await get(key)).toBe('a')
      expect(await set(key, 'a', null)).toEqual({ outcome: 'committed' })
      expect(await get(key)).toBeNull()
    })

    test('an empty text is a value', async () => {
      const key = newKey()
      expect(await set(key, null, '')).toEqual({ outcome: 'committed' })
      expect(await set(key, null, 'b')).toEqual({ outcome: 'conflict' })
      expect(await get(key)).toBe('')
      expect(await set(key, '', 'b')).toEqual({ outcome: 'committed' })
    })

    test('one compared value that differs keeps all keys from being written', async () => {
      const [a, b] = [newKey(), newKey()]
      await set(a, null, '1')
      const writes = [a, b].map((key) => ({ key, value: '2' }))
      const both = { compares: [a, b].map((key) => ({ key, value: '1' })), writes }
      expect(await store.transact(both, withinMs)).toEqual({ outcome: 'conflict' })
      expect([await get(a), await get(b)]).toEqual(['1', null])
      await set(b, null, '1')
      expect(await store.transact(both, withinMs)).toEqual({ outcome: 'committed' })
      expect([await get(a), await get(b)]).toEqual(['2', '2'])
    })

    test('a transaction that writes a key twice is refused, and writes nothing', async () => {
      const key = newKey()
      const writes = [
        { key, value: '1' },
        { key, value: '2' },
      ]
      expect(await store.transact({ compares: [], writes }, withinMs)).toMatchObject({ outcome: 'refused' })
      expect(await get(key)).toBeNull()
    })

    test('a read has the keys of its selection and no others', async () => {
      const key = newKey()
      const keys = [`${key}/a`, `${key}/é`, `${key}0`, `${key}.`]
      await store.transact(
        { compares: [], writes: keys.map((each) => ({ key: each, value: each })) },
        withinMs,
      )
      const read = await store.read([{ prefix: `${key}/` }, { key: `${key}.` }], withinMs)
      const wanted = [`${key}.`, `${key}/a`, `${key}/é`]
      expect(read).toEqual({ outcome: 'read', values: new Map(wanted.map((each) => [each, each])) })
    })

    test('a read of two keys never sees half of a transaction', async () => {
      const [a, b] = [newKey(), newKey()]
      const other = await bed.open()
      let writing = true
      const write = async () => {
        for (let round = 0; round < 60; round++) {
          const value = String(round)
          await other.transact({ compares: [], writes: [a, b].map((key) => ({ key, value })) }, withinMs)
        }
        writing = false
      }
      const torn: unknown[] = []
      const read = async () => {
        while (writing) {
          const got = await store.read([{ key: a }, { key: b }], withinMs)
          if (got.outcome !== 'read' || got.values.get(a) !== got.values.get(b)) torn.push(got)
        }
      }
      await Promise.all([write(), read()])
      expect(torn).toEqual([])
    })

    test('of 200 races between compare-and-sets, each has exactly one winner, whose value is there', async () => {
      const key = newKey()
      const clients = await Promise.all([bed.open(), bed.open(), bed.open()])
      let value: string | null = null
      for (let round = 0; round < 200; round++) {
        const outcomes: TransactOutcome[] = await Promise.all(
          clients.map((client, index) => set(key, value, `${round}-${index}`, client)),
        )
        const winners = outcomes.flatMap(({ outcome }, index) => (outcome === 'committed' ? [index] : []))
        expect(winners, JSON.stringify(outcomes)).toHaveLength(1)
        value = `${round}-${winners[0]}`
        expect(await get(key)).toBe(value)
      }
    })

    test('without a reply the outcome is unknown, and a read shows what was written', async () => {
      const key = newKey()
      const client = await bed.open()
      await get(key, client)
      const end = await bed.loseReplies()
      const start = performance.now()
      const outcome = await set(key, null, 'a', client, shortMs)
      const tookMs = performance.now() - start
      await end()
      expect(outcome).toMatchObject({ outcome: 'unknown' })
      expect(tookMs).toBeLessThan(shortMs + patience(300))
      expect(await get(key, client)).toBe('a')
    })

    test('a write that comes late changes nothing that was written meanwhile', async () => {
      const key = newKey()
      await set(key, null, 'first')
      const client = await bed.open()
      await get(key, client)
      const end = await bed.delayRequests()
      expect(await set(key, 'first', 'late', client, shortMs)).toMatchObject({ outcome: 'unknown' })
      const ended = end()
      const newer = await setOverAny(key, 'newer')
      await ended
      expect(['first', 'late']).toContain(newer.over)
      // Whatever is still on its way has arrived once another client of the store has written this.
      expect(await set(`${key}-after`, null, 'x', client)).toEqual({ outcome: 'committed' })
      expect(await get(key)).toBe('newer')
    })

    /** As the permit does it: what was written is seen by reading, and a conflict leads to another read. */
    async function setOverAny(key: string, to: string): Promise<{ over: string | null }> {
      for (;;) {
        const over = await get(key)
        if (typeof over === 'object' && over !== null) continue
        if ((await set(key, over, to)).outcome === 'committed') return { over }
      }
    }

    test('a watch sees each transaction on its keys, complete and in order, from a snapshot on', async () => {
      const key = newKey('/')
      const other = await bed.open()
      await set(`${key}a`, null, '-1')
      const events: WatchEvent[] = []
      const watch = store.watch(key, (event) => events.push(event))
      await until('the watch has a snapshot', async () => (events.length > 0 ? null : 'nothing'))
      for (let round = 0; round < 50; round++) {
        const value = String(round)
        const writes = [`${key}a`, `${key}b`, newKey()].map((each) => ({ key: each, value }))
        await (round % 2 === 0 ? store : other).transact({ compares: [], writes }, withinMs)
      }
      await set(`${key}a`, '49', null)
      await until('the watch has the last change', async () =>
        events.length >= 52 ? null : `${events.length} events`,
      )
      watch.close()
      const rounds = Array.from({ length: 50 }, (_, round) => ({
        event: 'changes',
        changes: ['a', 'b'].map((name) => ({ key: key + name, value: String(round) })),
      }))
      expect(events).toEqual([
        { event: 'snapshot', values: new Map([[`${key}a`, '-1']]) },
        ...rounds,
        { event: 'changes', changes: [{ key: `${key}a`, value: null }] },
      ])
    })

    test('a watch that has missed changes says so with a snapshot of all values', async () => {
      const key = newKey('/')
      const client = await bed.open()
      const events: WatchEvent[] = []
      const watch = client.watch(key, (event) => events.push(event))
      await until('the watch has a snapshot', async () => (events.length > 0 ? null : 'nothing'))
      await set(`${key}a`, null, '1')
      await until('the watch has the change', async () => (events.length > 1 ? null : 'only a snapshot'))
      await bed.forgetChanges(client)
      await set(`${key}b`, null, '2')
      const seen = () => events.findLast(({ event }) => event === 'snapshot')
      await until('the watch has all values', async () => {
        const snapshot = seen()
        const all = new Map<string, string | null>(snapshot?.event === 'snapshot' ? snapshot.values : [])
        for (const event of events.slice(events.indexOf(snapshot!)))
          if (event.event === 'changes') for (const { key: of, value } of event.changes) all.set(of, value)
        return all.get(`${key}a`) === '1' && all.get(`${key}b`) === '2' ? null : JSON.stringify(events)
      })
      watch.close()
      expect(events.filter(({ event }) => event === 'snapshot').length).toBeGreaterThan(1)
    })

    test('a watch that is closed gets no more events', async () => {
      const key = newKey('/')
      const events: WatchEvent[] = []
      const watch = store.watch(key, (event) => events.push(event))
      await until('the watch has a snapshot', async () => (events.length > 0 ? null : 'nothing'))
      const second: WatchEvent[] = []
      const stays = store.watch(key, (event) => second.push(event))
      await until('the second watch has a snapshot', async () => (second.length > 0 ? null : 'nothing'))
      watch.close()
      await set(`${key}a`, null, '1')
      await until('the second watch has the change', async () => (second.length > 1 ? null : 'nothing'))
      stays.close()
      expect(events).toHaveLength(1)
    })
  })
}
