import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../../../src/clock/clock.ts'
import { acquireLock } from '../../../../src/files/lock.ts'
import type { Manifest } from '../../../../src/manifest/manifest.ts'
import { type Announcements, normally } from '../../../../src/net/announcements.ts'
import type { RoutingDaemon } from '../../../../src/node/routing/daemon.ts'
import { withdrawServices } from '../../../../src/node/withdraw/ladder.ts'
import type { RemovedAddresses } from '../../../../src/node/withdraw/removed-addresses.ts'
import { patience } from '../../../patience.ts'

const prefixes = { a: '192.0.2.0/24', b: '198.51.100.0/24', c: '203.0.113.0/24' }
const plain = { load: async () => {}, restore: async () => [], removed: [] }
const addresses = plain as unknown as RemovedAddresses

let runtimeDir: string
let originated: Announcements

beforeEach(async () => {
  runtimeDir = await mkdtemp(join(tmpdir(), 'anyward-ladder-'))
  originated = normally(Object.values(prefixes))
})
afterEach(() => rm(runtimeDir, { recursive: true }))

/** A daemon needs some time for its answer, in which another process may ask it. */
const daemon = {
  kind: 'bird',
  async observe() {
    const present = originated
    await delay(30)
    return { originated: present, neighbors: [] }
  },
  async apply(desired: Announcements) {
    await delay(30)
    originated = desired
  },
} as unknown as RoutingDaemon

function withdraw(
  service: keyof typeof prefixes,
  changed: Partial<Parameters<typeof withdrawServices>[0]> = {},
) {
  const manifest = {
    daemon: 'bird',
    paths: { runtimeDir, announceFile: null },
    services: Object.entries(prefixes).map(([name, prefix]) => ({
      name,
      prefixes: [prefix],
      anycast: [`${prefix}-address`],
    })),
  } as unknown as Manifest
  return withdrawServices({
    ...{ manifest, daemon, addresses, services: new Set([service]), clock: systemClock },
    ...changed,
  })
}

test('two processes that withdraw different services at the same time undo nothing of each other', async () => {
  const both = await Promise.all([withdraw('a'), withdraw('b')])
  expect(both.map(({ withdrawn, troubles }) => ({ withdrawn, troubles }))).toEqual([
    { withdrawn: true, troubles: [] },
    { withdrawn: true, troubles: [] },
  ])
  expect([...originated.keys()]).toEqual([prefixes.c])
})

test('a withdrawal waits a short time for another that hangs, and then goes on', async () => {
  const lock = await acquireLock(join(runtimeDir, 'withdraw.lock'))
  expect(lock.outcome).toBe('locked')
  const startedAt = performance.now()
  expect(await withdraw('a')).toMatchObject({ withdrawn: true, troubles: [] })
  expect(performance.now() - startedAt).toBeLessThan(patience(5000))
  expect(originated.has(prefixes.a)).toBe(false)
  if (lock.outcome === 'locked') lock.release()
})

test('a withdrawal needs no lock file', async () => {
  await rm(runtimeDir, { recursive: true })
  expect(await withdraw('a')).toMatchObject({ withdrawn: true, troubles: [] })
  runtimeDir = await mkdtemp(join(tmpdir(), 'anyward-ladder-'))
})

test.each(['refuses', 'does not answer'])(
  'no address is removed if a controller is back while the daemon %s',
  async (what) => {
    const removed: string[] = []
    let isBack = false
    const broken = {
      kind: 'bird',
      apply: async () => {
        isBack = true
        if (what === 'refuses') throw new Error('refused')
      },
      observe: async () => {
        if (what === 'does not answer') throw new Error('timeout')
        return { originated, neighbors: [] }
      },
    } as unknown as RoutingDaemon
    const result = await withdraw('a', {
      daemon: broken,
      services: new Set(Object.keys(prefixes)),
      addresses: { ...plain, remove: async (some: string[]) => removed.push(...some) } as never,
      isOver: () => isBack,
    })
    expect(result.way).toBeNull()
    expect(removed).toEqual([])
  },
)
