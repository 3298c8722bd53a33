import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FeedError } from '../../../../src/plan/feeds/feed.ts'
import { decodeSnapshot } from '../../../../src/plan/feeds/vrp-snapshot.ts'
import { loadVrps } from '../../../../src/plan/feeds/vrp-source.ts'
import { createVrpSet, prefix, vrp } from '../rpki/vrps.ts'

const hourMs = 3_600_000
const nowMs = Date.parse('2026-01-02T00:00:00Z')

let dir: string
let file: string

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'anyward-vrps-'))
  file = join(dir, 'vrps.json')
})
afterEach(() => rm(dir, { recursive: true, force: true }))

const write = (vrps: number, buildtime = '2026-01-01T23:00:00Z') =>
  writeFile(
    file,
    JSON.stringify({
      metadata: { buildtime },
      roas: Array.from({ length: vrps }, (_, index) => ({
        asn: 64500 + index,
        prefix: index % 2 === 0 ? `10.${index}.0.0/16` : `2001:db8:${index}::/48`,
        maxLength: index % 2 === 0 ? 24 : 48,
      })),
    }),
  )

const load = (slurm: string | null = null, stateDir: string | null = join(dir, 'state'), atMs = nowMs) =>
  loadVrps({ file, slurm, maxAgeMs: 24 * hourMs }, { stateDir, nowMs: atMs })

/** `soon` of them expire in an hour, the others in a day. */
const writeExpiring = (vrps: number, soon: number) =>
  writeFile(
    file,
    JSON.stringify({
      metadata: { buildtime: '2026-01-01T23:00:00Z' },
      roas: Array.from({ length: vrps }, (_, index) => ({
        asn: 64500 + index,
        prefix: `10.${index}.0.0/16`,
        maxLength: 24,
        expires: (nowMs + (index < soon ? hourMs : 24 * hourMs)) / 1000,
      })),
    }),
  )

describe('the VRPs of a validator', () => {
  test('are the same in a file of another shape than the usual one', async () => {
    const roas = [
      { asn: 64500, prefix: '10.0.0.0/16', maxLength: 24 },
      { asn: 64501, prefix: '10.1.0.0/16', maxLength: 16 },
    ]
    const source = [{ type: 'roa', tal: 'ripe', chainValidity: { notAfter: '2026-01-03T00:00:00Z' } }]
    const metadata = { buildtime: '2026-01-01T23:00:00Z' }
    for (const entries of [
      roas,
      roas.map(({ asn, prefix, maxLength }) => ({ prefix, maxLength, asn: `AS${asn}` })),
      roas.map((roa) => ({ ...roa, source })),
    ]) {
      await writeFile(file, JSON.stringify({ metadata, roas: entries }))
      const { vrps, expired, snapshot, warnings } = await load(null, null)
      expect([vrps.size, expired, warnings]).toEqual([2, 0, []])
      expect(snapshot.generatedMs).toBe(Date.parse(metadata.buildtime))
      expect(vrps.validate(prefix('10.0.1.0/24'), 64500)).toBe('valid')
      expect(vrps.validate(prefix('10.1.1.0/24'), 64501)).toBe('invalid-length')
    }
  })

  test('are fresh, and stored as the last good ones', async () => {
    await write(20)
    const { vrps, origin, warnings } = await load()
    expect([vrps.size, origin, warnings]).toEqual([20, 'fresh', []])
    await rm(file)
    const kept = await load()
    expect(kept).toMatchObject({ origin: 'last-good', vrps: { size: 20 } })
    expect(kept.warnings).toEqual([
      {
        feed: file,
        reason: 'is not there',
        hint: 'name the file that the validator writes, and let this user read it',
        lastGoodAgeMs: hourMs,
      },
    ])
    expect(kept.vrps.validate(prefix('10.2.1.0/24'), 64502)).toBe('valid')
    expect(kept.vrps.validate(prefix('2001:db8:3::/48'), 64503)).toBe('valid')
  })

  test.each<[string, () => Promise<void>, string]>([
    ['empty', () => write(0), 'has no VRPs'],
    ['old', () => write(20, '2025-12-31T12:00:00Z'), 'is 36 hours old, and 24 hours is the limit'],
    ['shrunk', () => write(17), 'has 17 VRPs, 15 % fewer than the 20 of the last good one'],
    ['no JSON', () => writeFile(file, '{"roas": ['), 'is not JSON'],
  ])('that are %s are replaced by the last good ones', async (_what, spoil, reason) => {
    await write(20)
    await load()
    await spoil()
    const { vrps, origin, warnings } = await load()
    expect([vrps.size, origin, warnings.map((warning) => warning.reason)]).toEqual([
      20,
      'last-good',
      [reason],
    ])
  })

  test('may shrink by a tenth, and are then the last good ones', async () => {
    await write(20)
    await load()
    await write(18)
    expect(await load()).toMatchObject({ origin: 'fresh', vrps: { size: 18 }, warnings: [] })
  })

  test('are refused where there are no last good ones', async () => {
    await write(0)
    await expect(load()).rejects.toThrow(FeedError)
    await expect(load(null, null)).rejects.toThrow(`${file}: has no VRPs`)
  })

  test('without a date are as old as their file', async () => {
    await writeFile(file, '{"roas": [{"asn": 1, "prefix": "10.0.0.0/8", "maxLength": 8}]}')
    await utimes(file, new Date(nowMs), new Date(nowMs - 50 * hourMs))
    await expect(load()).rejects.toThrow('is 2 days old, and 24 hours is the limit')
  })

  test('have local exceptions, which are not counted as a loss', async () => {
    await write(20)
    const slurm = join(dir, 'slurm.json')
    await writeFile(
      slurm,
      JSON.stringify({
        slurmVersion: 1,
        validationOutputFilters: { prefixFilters: [{ prefix: '0.0.0.0/0' }], bgpsecFilters: [] },
        locallyAddedAssertions: { prefixAssertions: [], bgpsecAssertions: [] },
      }),
    )
    expect(await load(slurm)).toMatchObject({ origin: 'fresh', vrps: { size: 10 } })
    expect(await load()).toMatchObject({ origin: 'fresh', vrps: { size: 20 }, warnings: [] })
    await writeFile(slurm, '{}')
    await expect(load(slurm)).rejects.toThrow(`${slurm}: `)
  })

  test('are accepted, with a warning, where the last good ones are damaged', async () => {
    await write(20)
    await load()
    const state = join(dir, 'state', 'last-good')
    const [name] = await readdir(state)
    await writeFile(join(state, name!), 'nonsense')
    await write(5)
    const { vrps, warnings } = await load()
    expect(vrps.size).toBe(5)
    expect(warnings).toMatchObject([{ reason: expect.stringContaining('damaged') }])
  })

  test('are removed from the last good ones when they expire', async () => {
    await writeExpiring(20, 5)
    await load()
    await rm(file)
    expect(await load()).toMatchObject({ origin: 'last-good', vrps: { size: 20 } })
    const later = await load(null, undefined, nowMs + 2 * hourMs)
    expect(later).toMatchObject({ origin: 'last-good', vrps: { size: 15 } })
    expect(later.vrps.validate(prefix('10.0.0.0/16'), 64500)).toBe('not-found')
    await expect(load(null, undefined, nowMs + 25 * hourMs)).rejects.toThrow(`${file}: is not there`)
  })

  test('that have expired do not count as a loss, other missing ones do', async () => {
    await writeExpiring(20, 5)
    await load()
    const laterMs = nowMs + 2 * hourMs
    const later = await load(null, undefined, laterMs)
    expect(later).toMatchObject({ origin: 'fresh', expired: 5, vrps: { size: 15 }, warnings: [] })
    await writeExpiring(18, 5)
    const shrunk = await load(null, undefined, laterMs)
    expect(shrunk).toMatchObject({ origin: 'last-good', vrps: { size: 15 } })
    expect(shrunk.warnings).toMatchObject([
      { reason: 'has 13 VRPs, 13 % fewer than the 15 of the last good one' },
    ])
  })

  test('that have all expired are reported as expired, not as an empty file', async () => {
    await writeExpiring(20, 20)
    await expect(load(null, undefined, nowMs + 2 * hourMs)).rejects.toThrow(
      'has no VRPs that are still valid: all 20 have expired',
    )
  })

  test('are read from a snapshot without expiry, and then never expire', async () => {
    const { tables } = createVrpSet([vrp('10.0.0.0/8 64500'), vrp('2001:db8::/32 64501')])
    const bytes = [tables.ipv4, tables.ipv6].flatMap((table) =>
      [...table.words, table.lengths, table.asns, table.maxLengths].map((column) =>
        Buffer.from(column.buffer, column.byteOffset, column.byteLength),
      ),
    )
    const header = JSON.stringify({ generatedMs: nowMs, ipv4: 1, ipv6: 1 })
    const snapshot = decodeSnapshot(`${header}\n${Buffer.concat(bytes).toString('base64')}`)
    expect(snapshot?.vrps.firstExpiryMs).toBe(Number.POSITIVE_INFINITY)
    expect(snapshot?.vrps.validate(prefix('2001:db8::/32'), 64501)).toBe('valid')
  })
})
