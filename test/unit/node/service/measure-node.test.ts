import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { systemClock } from '../../../../src/clock/clock.ts'
import type { Manifest } from '../../../../src/manifest/manifest.ts'
import { AgentFile, agentFileOf } from '../../../../src/node/service/agent-file.ts'
import { createMeasure } from '../../../../src/node/service/measure-node.ts'
import { createMetrics } from '../../../../src/telemetry/metrics.ts'

const idle = {
  wireguard: { measure: () => {} },
  counts: { look: async () => ({ neighbors: new Map(), cacheUp: null }) },
  clock: { now: () => 0, wall: () => 5000 },
}

const dayMs = 86_400_000
let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anyward-measure-'))
})
afterEach(() => rm(folder, { recursive: true }))

async function createCertificate(days: number): Promise<string> {
  const argv = ['req', '-x509', '-newkey', 'ed25519', '-nodes', '-keyout', '/dev/null', '-subj', '/CN=x']
  const { stdout } = await execa('openssl', [...argv, '-days', String(days)])
  return `${stdout}\n`
}

async function read(metrics: ReturnType<typeof createMetrics>, name: string): Promise<[string, number][]> {
  const text = await metrics.registry.getSingleMetricAsString(name)
  return [...text.matchAll(/^\w+\{(.*)\} (\S+)$/gm)].map(([, labels, value]) => [labels!, Number(value)])
}

test('the first certificate of a file that ends counts, and files that cannot be read are left out', async () => {
  const path = (name: string) => join(folder, name)
  await writeFile(path('ca.crt'), (await createCertificate(300)) + (await createCertificate(20)))
  await writeFile(path('node.crt'), await createCertificate(10))
  // A read of it would never end.
  await execa('mkfifo', [path('pipe.crt')])
  await writeFile(path('damaged.crt'), '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n')
  const manifest = {
    store: { caFile: path('ca.crt'), certFile: path('node.crt') },
    rescue: { caFile: path('damaged.crt'), certFile: path('pipe.crt') },
    paths: { runtimeDir: folder },
  } as unknown as Manifest
  const metrics = createMetrics()
  const measure = createMeasure({ ...idle, manifest, membership: null, metrics })
  const look = () => {
    measure()
    return read(metrics, 'anyward_certificate_expiry_timestamp_seconds')
  }
  // No scrape waits for the disk.
  expect(await look()).toEqual([])
  await vi.waitFor(async () => expect(await look()).toHaveLength(2))
  const found = await look()
  expect(found.map(([labels]) => labels)).toEqual(['certificate="store"', 'certificate="store-ca"'])
  const days = found.map(([, end]) => (end * 1000 - Date.now()) / dayMs)
  expect(days[0]).toBeCloseTo(10, 1)
  expect(days[1]).toBeCloseTo(20, 1)
})

test('a beat that rises again is no longer counted as stale', async () => {
  const metrics = createMetrics()
  let stale = [{ site: 'fra1', node: 'fra1-a', ageMs: 5000 }]
  const manifest = { store: null, rescue: null, paths: { runtimeDir: folder } } as unknown as Manifest
  const measure = createMeasure({
    ...idle,
    manifest,
    membership: { stale: () => stale, clocks: () => [] },
    metrics,
  })
  measure()
  expect(await read(metrics, 'anyward_stale_beat_age_seconds')).toEqual([['site="fra1",node="fra1-a"', 5]])
  stale = []
  measure()
  expect(await read(metrics, 'anyward_stale_beat_age_seconds')).toEqual([])
})

test('clocks are those of the sixteen nodes that follow by name, by what the store has, without session rescue', async () => {
  const metrics = createMetrics()
  const named = (at: number) => `n${String(at).padStart(2, '0')}`
  const clocks = () =>
    Array.from({ length: 20 }, (_, at) => ({ node: named(19 - at), aheadMs: 1000 * (19 - at) }))
  const found = async (rescue: object | null) => {
    metrics.clockSkew.reset()
    const manifest = {
      node: 'n10',
      store: null,
      rescue,
      paths: { runtimeDir: folder },
    } as unknown as Manifest
    createMeasure({ ...idle, manifest, membership: { stale: () => [], clocks }, metrics })()
    return read(metrics, 'anyward_clock_skew_seconds')
  }
  const expected = [11, 12, 13, 14, 15, 16, 17, 18, 19, 0, 1, 2, 3, 4, 5, 6]
  expect(await found(null)).toEqual(expected.map((at) => [`node="${named(at)}"`, at]))
  expect(await found({ caFile: '/nowhere', certFile: '/nowhere' })).toEqual([])
})

test('prefixes are those of the last look at the daemon that has ended, and a look that fails leaves none', async () => {
  const metrics = createMetrics()
  let nowMs = 0
  let received = 7
  const counts = {
    look: async () => {
      if (received === 0) throw new Error('the daemon does not answer')
      return { neighbors: new Map([['tor', { received, sent: 2 }]]), cacheUp: false }
    },
  }
  const manifest = { store: null, rescue: null, paths: { runtimeDir: folder } } as unknown as Manifest
  const measure = createMeasure({
    ...idle,
    counts,
    clock: { now: () => nowMs, wall: () => 5000 },
    manifest,
    membership: null,
    metrics,
  })
  const found = async () => {
    measure()
    return read(metrics, 'anyward_bgp_received_prefixes')
  }
  // No scrape waits for the daemon.
  expect(await found()).toEqual([])
  await vi.waitFor(async () => expect(await found()).toEqual([['neighbor="tor"', 7]]))
  received = 0
  // Not asked again so soon.
  expect(await found()).toEqual([['neighbor="tor"', 7]])
  nowMs = 6000
  await vi.waitFor(async () => expect(await found()).toEqual([]))
})

test.each([
  ['the last look at BIRD', 'bird', ['0', 'Nan']],
  ["the daemon's own watch, and not this look, on FRR", 'frr', ['1', '1']],
])('whether there is an RTR cache is of %s', async (_name, daemon, expected) => {
  const metrics = createMetrics()
  let nowMs = 0
  let fails = false
  const counts = {
    look: async () => {
      if (fails) throw new Error('the daemon does not answer')
      return { neighbors: new Map([['tor', { received: 1, sent: 1 }]]), cacheUp: false }
    },
  }
  const manifest = { daemon, rpki: {}, store: null, rescue: null, paths: { runtimeDir: folder } }
  const clock = { now: () => nowMs, wall: () => 5000 }
  const parts = {
    ...idle,
    counts,
    clock,
    manifest: manifest as unknown as Manifest,
    membership: null,
    metrics,
  }
  const measure = createMeasure(parts)
  metrics.rpkiCacheUp.set(1)
  const found = async (prefixes: number) => {
    await vi.waitFor(async () => {
      measure()
      expect(await read(metrics, 'anyward_bgp_received_prefixes')).toHaveLength(prefixes)
    })
    return (await metrics.registry.getSingleMetricAsString('anyward_rpki_cache_up')).split(' ').at(-1)
  }
  const before = await found(1)
  fails = true
  nowMs = 6000
  expect([before, await found(0)]).toEqual(expected)
})

test('what the agent has written is measured, and a file that is not its own is not', async () => {
  const metrics = createMetrics()
  const manifest = { store: null, rescue: null, paths: { runtimeDir: folder } } as unknown as Manifest
  let nowMs = 0
  let wallMs = 5000
  const measure = createMeasure({
    ...idle,
    clock: { now: () => nowMs, wall: () => wallMs },
    manifest,
    membership: null,
    metrics,
  })
  const found = async () => {
    measure()
    const texts = ['timestamp_seconds', 'store_up', 'change_timestamp_seconds'].map((name) =>
      metrics.registry.getSingleMetricAsString(`anyward_agent_${name}`),
    )
    return (await Promise.all(texts)).join('\n').match(/^anyward.*$/gm)
  }
  expect(await found()).toBeNull()
  const file = new AgentFile(agentFileOf(folder), { ...systemClock, wall: () => 5000 }, () => false)
  file.ended('r1', 'failed')
  await file.close()
  nowMs = 2000
  await vi.waitFor(async () =>
    expect(await found()).toEqual([
      'anyward_agent_timestamp_seconds 5',
      'anyward_agent_store_up 0',
      'anyward_agent_change_timestamp_seconds{outcome="failed"} 5',
    ]),
  )
  // One that is gone may have left it.
  wallMs += 30_000
  expect(await found()).toEqual([
    'anyward_agent_timestamp_seconds 5',
    'anyward_agent_change_timestamp_seconds{outcome="failed"} 5',
  ])
  await writeFile(agentFileOf(folder), '{"format":1,"writtenMs":"soon"}')
  nowMs = 4000
  await vi.waitFor(async () => expect(await found()).toBeNull())
})
