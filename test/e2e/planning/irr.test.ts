import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Family, families } from '../../../src/net/prefix.ts'
import { formatRange, type PrefixRange } from '../../../src/net/prefix-range.ts'
import { loadIrrSet } from '../../../src/plan/feeds/irr-source.ts'
import { readIrrSet } from '../../../src/plan/irr/read-set.ts'
import type { IrrFilter } from '../../../src/plan/sites/fleet.ts'
import { patience } from '../../patience.ts'
import { meaningOf } from '../../unit/plan/irr/meaning.ts'
import { Irrd } from '../fixtures/irr/irrd.ts'

let irrd: Irrd
let stateDir: string
beforeAll(async () => {
  irrd = await Irrd.start()
})
afterAll(() => irrd.stop())
beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'anyward-irr-e2e-'))
  irrd.isSilent = false
  return () => rm(stateDir, { recursive: true, force: true })
})

const load = (family: Family, options: Parameters<typeof loadFilter>[2] = {}) =>
  loadFilter({ type: 'as-set', asSet: 'AS-EXAMPLE' }, family, options)
const loadFilter = (
  filter: IrrFilter,
  family: Family,
  { nowMs = 0, timeoutMs = 20_000, sources = [] as string[] } = {},
) =>
  loadIrrSet(filter, family, {
    server: irrd.server,
    sources,
    timeoutMs,
    stateDir,
    baseDir: stateDir,
    nowMs,
  })
const example = {
  sets: { 'AS-EXAMPLE': ['AS1', 'AS-INNER'], 'AS-INNER': ['AS2', 'AS-EXAMPLE'] },
  routes: { AS1: ['20.0.0.0/9', '20.128.0.0/9', '2001:db8::/32'], AS2: ['30.0.0.0/16', '20.0.0.0/9'] },
}

test('an AS read with bgpq4 has the routes of its origin, and a private one none', async () => {
  irrd.content = example
  const ipv4 = await loadFilter({ type: 'asn', asn: 1 }, 'ipv4')
  expect(ipv4.ranges.map(formatRange)).toEqual(['20.0.0.0/8 ge 9 le 9'])
  const ipv6 = await loadFilter({ type: 'asn', asn: 1 }, 'ipv6')
  expect(ipv6.ranges.map(formatRange)).toEqual(['2001:db8::/32'])
  await expect(loadFilter({ type: 'asn', asn: 64601 }, 'ipv4')).rejects.toThrow('Invalid AS number: 64601')
})

test('a route-set read with bgpq4 has the prefixes of its family, also of sets inside', async () => {
  const members = ['20.0.0.0/24', '30.0.0.0/16^17-18', '2001:db8::/32', 'RS-INNER']
  irrd.content = { sets: { 'RS-EXAMPLE': members, 'RS-INNER': ['40.0.0.0/24'] }, routes: {} }
  const filter: IrrFilter = { type: 'route-set', routeSet: 'RS-EXAMPLE' }
  const ipv4 = await loadFilter(filter, 'ipv4')
  expect(ipv4.ranges.map(formatRange)).toEqual(['20.0.0.0/24', '30.0.0.0/16 ge 17 le 18', '40.0.0.0/24'])
  expect(ipv4.warnings).toEqual([])
  const ipv6 = await loadFilter(filter, 'ipv6')
  expect(ipv6.ranges.map(formatRange)).toEqual(['2001:db8::/32'])
  expect(ipv6.warnings).toEqual([])
})

describe('an as-set read with bgpq4', () => {
  test('contains what its direct and indirect members registered, aggregated', async () => {
    irrd.content = example
    const ipv4 = await load('ipv4', { sources: ['FIRST'] })
    expect(ipv4.ranges.map(formatRange)).toEqual(['20.0.0.0/8 ge 9 le 9', '30.0.0.0/16'])
    expect(ipv4.warnings).toEqual([])
    expect((await load('ipv6')).ranges.map(formatRange)).toEqual(['2001:db8::/32'])
  })

  test('comes with the warnings of bgpq4', async () => {
    irrd.content = { ...example, sets: { 'AS-EXAMPLE': ['AS1', 'AS4200000001'] } }
    const { ranges, warnings } = await load('ipv4')
    expect(ranges.map(formatRange)).toEqual(['20.0.0.0/8 ge 9 le 9'])
    expect(warnings).toEqual([
      {
        feed: 'AS-EXAMPLE ipv4',
        reason: 'ERROR:Invalid AS number: 4200000001',
        hint: null,
        lastGoodAgeMs: null,
      },
    ])
  })

  const faults: readonly [string, Partial<Irrd>, RegExp][] = [
    ['is unknown', { content: { sets: {}, routes: {} } }, /^has no IPv4 prefixes$/],
    ['has no routes', { content: { ...example, routes: {} } }, /^has no IPv4 prefixes$/],
    [
      'can be read in part only',
      { content: { ...example, refuses: ['!gas2'] } },
      /^the answer is incomplete: ERROR:Error expanding !gas2 : F the database is not here$/,
    ],
    ['does not come in time', { isSilent: true }, /^no answer within 1 s$/],
  ]
  test.each(faults)('that %s is replaced by the last good one, with a warning', async (_, fault, reason) => {
    irrd.content = example
    const good = await load('ipv4')
    Object.assign(irrd, fault)
    const { ranges, warnings } = await load('ipv4', { nowMs: 60_000, timeoutMs: 1000 })
    expect(ranges).toEqual(good.ranges)
    expect(warnings).toEqual([
      {
        feed: 'AS-EXAMPLE ipv4',
        reason: expect.stringMatching(reason),
        hint: expect.any(String),
        lastGoodAgeMs: 60_000,
      },
    ])
    expect(irrd.connections).toBe(0)
  })

  test.each(faults)('that %s is an error when there is no last good one', async (_, fault, reason) => {
    irrd.content = example
    Object.assign(irrd, fault)
    await expect(load('ipv4', { timeoutMs: 1000 })).rejects.toMatchObject({
      problems: [{ feed: 'AS-EXAMPLE ipv4', reason: expect.stringMatching(reason) }],
    })
  })

  test('is an error with the remedy where bgpq4 is not installed', async () => {
    const path = process.env.PATH
    process.env.PATH = stateDir
    try {
      await expect(load('ipv4')).rejects.toThrow(
        'AS-EXAMPLE ipv4: bgpq4 is not installed\n    apt-get install bgpq4, or write the prefixes in a file and name it instead of the as-set: irr: { file: … }',
      )
    } finally {
      process.env.PATH = path
    }
  })
})

describe('our aggregation, compared with bgpq4 -A', () => {
  test.each([...families])(
    'has as many entries or fewer, and accepts the same prefixes: %s',
    async (family) => {
      let saved = 0
      for (let round = 1; round <= 12; round += 1) {
        const prefixes = somePrefixes(family, round)
        irrd.content = { sets: { 'AS-EXAMPLE': ['AS1'] }, routes: { AS1: prefixes } }
        const argv = [family === 'ipv4' ? '-4' : '-6', '-j', '-A', '-h', irrd.server, 'AS-EXAMPLE']
        const theirs = takeAll((await execa('bgpq4', argv, { timeout: patience(20_000) })).stdout, family)
        const { ranges: ours } = await load(family, { nowMs: round, sources: [`ROUND${round}`] })
        expect(meaningOf(ours)).toEqual(meaningOf(takeAll(prefixes.join('\n'), family)))
        expect(meaningOf(ours)).toEqual(meaningOf(theirs))
        expect(ours.length).toBeLessThanOrEqual(theirs.length)
        saved += theirs.length - ours.length
      }
      expect(saved).toBeGreaterThan(0)
    },
  )
})

function takeAll(text: string, family: Family): readonly PrefixRange[] {
  const set = readIrrSet(text, family)
  if (!set.ok || set.value.leftOut.length > 0) throw new Error(`cannot be read: ${text.slice(0, 500)}`)
  return set.value.ranges
}

/** Up to 400 prefixes within a few shorter ones, denser and denser. The same for the same seed. */
function somePrefixes(family: Family, seed: number): string[] {
  let state = seed * 7919
  const next = (below: number) => {
    state = (state * 48271) % 2147483647
    return state % below
  }
  const spread = 4 + (seed % 6)
  const prefixes = Array.from({ length: 20 + next(380) }, () => {
    const length = next(spread + 1)
    // The bits after the first 14 or 28: at most 10, the rest of them zero.
    const value = next(2 ** length) << (10 - length)
    if (family === 'ipv4') return `20.${value >> 8}.${value & 255}.0/${14 + length}`
    return `2a00:${(value << 2).toString(16)}::/${20 + length}`
  })
  return [...new Set(prefixes)]
}
