import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../../../src/clock/clock.ts'
import { Beats } from '../../../../src/fleet/exchange/beats.ts'
import { ServicePermit } from '../../../../src/fleet/exchange/service-permit.ts'
import { WatchedValues } from '../../../../src/fleet/exchange/watched-values.ts'
import { LocalStore } from '../../../../src/fleet/local/local-store.ts'
import type { Store, Transaction } from '../../../../src/fleet/store.ts'
import { until } from '../../../e2e/fixtures/routing/until.ts'
import { patience } from '../../../patience.ts'

const key = 'permit/vpn'
const withinMs = patience(5000)

/** A store whose replies to transactions of a register are late: they are executed when the test says so. */
async function openBed() {
  const dir = await mkdtemp(join(tmpdir(), 'anyward-permit-'))
  const store = new LocalStore(dir, { compactAfter: 100, lookEveryMs: 20 })
  const late: Transaction[] = []
  const requests: string[] = []
  let isLate = true
  const slow: Store = {
    read: (selection, within) => {
      requests.push('read')
      return store.read(selection, within)
    },
    transact: async (transaction, within) => {
      requests.push('transact')
      const isOfRegister = transaction.writes.some((write) => write.key === key)
      if (!isOfRegister || !isLate) return store.transact(transaction, within)
      late.push(transaction)
      return { outcome: 'unknown', message: 'no reply in time' }
    },
    watch: (prefix, onEvent) => store.watch(prefix, onEvent),
    close: () => store.close(),
  }
  const watched = {
    entries: new WatchedValues(slow, 'state/'),
    registers: new WatchedValues(slow, 'permit/'),
  }
  const service = new ServicePermit(
    { site: 'fra1', node: 'fra1-a' },
    { name: 'vpn', minSites: 0 },
    {
      ...{ store: slow, clock: systemClock, beats: new Beats(1000), watched, createNonce: randomUUID },
      times: {
        ...{ answerWithinMs: patience(300), inAllWithinMs: patience(2000), actWithinMs: patience(2000) },
        ...{ callWithinMs: withinMs, retryMs: 20 },
      },
      onFailure: () => {},
    },
  )
  onTestFinished(async () => {
    await service.close()
    watched.entries.close()
    watched.registers.close()
    await store.close()
    await rm(dir, { recursive: true })
  })
  const read = async (of: string) => {
    const outcome = await store.read([{ key: of }], withinMs)
    if (outcome.outcome !== 'read') throw new Error(outcome.message)
    return outcome.values.get(of)
  }
  const executeLate = () => {
    isLate = false
    return Promise.all(late.map((transaction) => store.transact(transaction, withinMs)))
  }
  return { service, store, requests, read, executeLate }
}

test('a request that the store executes after the node is well again leaves it out of the register', async () => {
  const { service, read, executeLate } = await openBed()
  expect(await service.ask('no-reply')).toEqual({ phase: 'unreachable' })
  service.sayWell()
  await until('its entry says so', async () => {
    const entry = await read('state/fra1/fra1-a/vpn')
    return entry?.includes('"well":true') ? null : `${entry}`
  })
  const outcomes = await executeLate()
  expect(outcomes.length).toBeGreaterThan(0)
  expect(outcomes.filter(({ outcome }) => outcome !== 'conflict')).toEqual([])
  expect(await read(key)).toBeUndefined()
})

test('a request that is executed late while the node still wants to withdraw is its permit', async () => {
  const { service, read, executeLate } = await openBed()
  expect(await service.ask('no-reply')).toEqual({ phase: 'unreachable' })
  await executeLate()
  expect(JSON.parse((await read(key))!)).toMatchObject([{ node: 'fra1/fra1-a', cause: 'permit' }])
  expect(await service.ask('no-reply')).toMatchObject({ phase: 'granted' })
})

test('where the store has another entry than the node knows, the node reads it, and its permit is granted at once', async () => {
  const { service, store, requests, executeLate } = await openBed()
  await executeLate()
  service.sayNotWell()
  await until('it knows its entry', async () => (service.entry === null ? 'it does not' : null))
  // Such as a request that the node has given up, or a copy that the store was restored from.
  const other = JSON.stringify({ well: true, nonce: 'other' })
  await store.transact({ compares: [], writes: [{ key: 'state/fra1/fra1-a/vpn', value: other }] }, withinMs)
  requests.length = 0
  expect(await service.ask('no-reply')).toMatchObject({ phase: 'granted' })
  expect(requests.length).toBeLessThanOrEqual(8)
  expect(JSON.parse(service.entry!.text)).toMatchObject({ well: false })
})
