import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Clock, systemClock } from '../../../../src/clock/clock.ts'
import { LocalStore } from '../../../../src/fleet/local/local-store.ts'
import type { Store } from '../../../../src/fleet/store.ts'
import { type Claim, RolloutLock } from '../../../../src/plan/rollout/store/rollout-lock.ts'
import { OperationError } from '../../../../src/text/operation-error.ts'
import { patience } from '../../../patience.ts'

let dir: string
let store: LocalStore
let nonces = 0
const limitMs = patience(30_000)

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'anyward-lock-'))
  store = new LocalStore(join(dir, 'store'), { lookEveryMs: 20 })
})
afterEach(async () => {
  await store.close()
  await rm(dir, { recursive: true, force: true })
})

const open = (clock: Clock = systemClock, of: Store = store) =>
  new RolloutLock(of, clock, () => `engine-${++nonces}`)

/** Its command was killed: it has written its first beat, and no other. */
const killed: Clock = { ...systemClock, after: () => systemClock.after(0, () => {}) }

/** A hundred times as fast. */
const fast: Clock = {
  ...systemClock,
  now: () => systemClock.now() * 100,
  sleep: (ms) => systemClock.sleep(ms / 100),
}

const alice: Claim = {
  rollout: 'r1',
  by: 'alice@noc1',
  folder: 'noc1:/srv/out',
  folderId: 'here',
  replaces: 'engine',
}
const bob: Claim = { ...alice, by: 'bob@noc2', folder: 'noc2:/srv/out', folderId: 'there' }

/** Whether it may still order. */
async function mayOrder(lock: RolloutLock): Promise<boolean> {
  const writes = [{ key: 'target/fra1/fra1-a', value: `${++nonces}` }]
  return (await store.transact({ compares: lock.fence, writes }, limitMs)).outcome === 'committed'
}

test(
  'another rollout is refused until the first one is over, also while that one rests',
  async () => {
    const first = open()
    await first.take(alice)
    const second = { ...bob, rollout: 'r2' }
    const refusal = 'rollout r1, which alice@noc1 drives, is not over'
    await expect(open().take(second)).rejects.toThrow(refusal)
    await expect(open().check(second)).rejects.toThrow(refusal)
    expect(await mayOrder(first)).toBe(true)
    await first.release(false)
    expect(await mayOrder(first)).toBe(false)
    const refused = await open()
      .take(second)
      .catch((error: OperationError) => error)
    expect(refused).toMatchObject({ message: refusal, outcome: 'refused' })
    expect((refused as OperationError).hint).toContain('noc1:/srv/out')
    expect((refused as OperationError).hint).toContain('--take-over r1')
    await first.take(alice)
    await first.release(true)
    await open().check(second)
    const other = open()
    await other.take(second)
    expect(await mayOrder(other)).toBe(true)
    await other.release(true)
    expect(await mayOrder(other)).toBe(false)
    const left = await store.read([{ prefix: 'rollout/' }], limitMs)
    expect(left).toEqual({ outcome: 'read', values: new Map() })
  },
  limitMs,
)

test(
  'another command is refused while an engine drives the rollout, and takes it over once that one is dead',
  async () => {
    const alive = open()
    await alive.take(alice)
    await expect(open().take(bob)).rejects.toThrow('rollout r1 is driven by another command, of alice@noc1')
    await alive.release(false)
    const dead = open(killed)
    await dead.take(alice)
    const next = open(fast)
    await next.take(bob)
    expect(await mayOrder(next)).toBe(true)
    expect(await mayOrder(dead)).toBe(false)
    await next.release(false)
  },
  limitMs,
)

test(
  'an engine that hangs, and goes on after another took over, ends and orders nothing',
  async () => {
    const beats: (() => void)[] = []
    const hanging: Clock = {
      ...systemClock,
      after: (_, work) => {
        beats.push(work)
        return systemClock.after(0, () => {})
      },
    }
    const first = open(hanging)
    await first.take(alice)
    const second = open(fast)
    await second.take(bob)
    expect(first.lost.aborted).toBe(false)
    const lost = new Promise((resolve) => first.lost.addEventListener('abort', resolve))
    beats.shift()!()
    await lost
    expect(first.lost.reason).toBeInstanceOf(OperationError)
    expect(first.lost.reason.message).toBe('rollout r1 was taken over by bob@noc2, in noc2:/srv/out')
    expect(await mayOrder(first)).toBe(false)
    // Nothing of the other's is removed.
    await first.release(true)
    expect(await mayOrder(second)).toBe(true)
    await second.release(true)
  },
  limitMs,
)

test(
  'the lock of the folder proves that an engine there is dead: it is not waited for',
  async () => {
    await open(killed).take(alice)
    const waits: Clock = { ...systemClock, sleep: () => Promise.reject(new Error('it waits')) }
    const next = open(waits)
    await next.take({ ...alice, by: 'carol@noc1' })
    expect(await mayOrder(next)).toBe(true)
    await next.release(false)
    // A new one from there too: it is begun only once the last one is over. Another folder of the same name is not that one.
    const again = { ...alice, rollout: 'r2', replaces: 'folder' } as const
    await expect(open(waits).take({ ...again, folderId: 'elsewhere' })).rejects.toThrow('is not over')
    await expect(open(waits).take({ ...again, replaces: 'engine' })).rejects.toThrow('is not over')
    const last = open(waits)
    await last.take(again)
    expect(await mayOrder(last)).toBe(true)
    await last.release(true)
  },
  limitMs,
)

test(
  'a rollout that replaces another takes its lock, but not from an engine that beats',
  async () => {
    const first = open()
    await first.take(alice)
    const instead = { ...bob, rollout: 'r2', replaces: { rollout: 'r1' } } as const
    await expect(open().take(instead)).rejects.toThrow('is driven by another command')
    await first.release(false)
    await expect(open().take({ ...instead, replaces: { rollout: 'r0' } })).rejects.toThrow('is not over')
    const second = open()
    await second.take(instead)
    expect(await mayOrder(second)).toBe(true)
    await second.release(true)
  },
  limitMs,
)

test(
  'of two commands that take it at once, one gets it',
  async () => {
    const locks = Array.from({ length: 4 }, () => open())
    const taken = await Promise.allSettled(
      locks.map((lock, index) => lock.take({ ...bob, rollout: `r${index}` })),
    )
    expect(taken.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const lock of locks) await lock.release(true)
  },
  limitMs,
)

test(
  'a request without an answer that was executed has taken it',
  async () => {
    let requests = 0
    const deaf: Store = {
      read: store.read.bind(store),
      watch: store.watch.bind(store),
      close: async () => {},
      transact: async (...args) => {
        const outcome = await store.transact(...args)
        requests += 1
        return requests === 1 ? { outcome: 'unknown', message: 'no reply in time' } : outcome
      },
    }
    const lock = open(fast, deaf)
    await lock.take(alice)
    expect(await mayOrder(lock)).toBe(true)
    await lock.release(true)
  },
  limitMs,
)

test(
  'a store that refuses, and a lock of another version, are errors with a cure',
  async () => {
    const refusing: Store = {
      read: store.read.bind(store),
      watch: store.watch.bind(store),
      close: async () => {},
      transact: async () => ({ outcome: 'refused', message: 'permission denied' }),
    }
    await expect(open(systemClock, refusing).take(alice)).rejects.toMatchObject({
      message: 'the store: permission denied',
      hint: expect.stringContaining('scripts/etcd/users'),
    })
    const writes = [{ key: 'rollout/lock', value: '{"format":2}' }]
    await store.transact({ compares: [], writes }, limitMs)
    await expect(open().take(alice)).rejects.toThrow('none that this version reads')
  },
  limitMs,
)
