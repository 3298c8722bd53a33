import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FeedError } from '../../../src/feeds/feed.ts'
import { loadVrps } from '../../../src/feeds/vrp-source.ts'
import { prefix } from '../rpki/vrps.ts'

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

const load = (slurm: string | null = null, stateDir: string | null = join(dir, 'state')) =>
  loadVrps({ file, slurm, maxAgeMs: 24 * hourMs }, { stateDir, nowMs })

describe('the VRPs of a validator', () => {
  test('are fresh, and are kept as the last good ones', async () => {
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
    ['old', () => write(20, '2025-12-31T12:00:00Z'), 'is 36 hours old, and 24 hours are allowed'],
    ['shrunk', () => write(17), 'has 17 VRPs, 15 % fewer than the 20 of the last good one'],
    ['no JSON', () => writeFile(file, '{"roas": ['), 'is not JSON'],
  ])('that are %s give way to the last good ones', async (_what, spoil, reason) => {
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

  test('may shrink by a tenth, and then that is the last good', async () => {
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

  test('are as old as their file where they do not say', async () => {
    await writeFile(file, '{"roas": [{"asn": 1, "prefix": "10.0.0.0/8", "maxLength": 8}]}')
    await utimes(file, new Date(nowMs), new Date(nowMs - 50 * hourMs))
    await expect(load()).rejects.toThrow('is 2 days old, and 24 hours are allowed')
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

  test('are taken as they come where the last good ones are damaged, which is said', async () => {
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
})
