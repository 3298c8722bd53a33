import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { formatRange } from '../../../../src/net/prefix-range.ts'
import { FeedError } from '../../../../src/plan/feeds/feed.ts'
import { loadIrrSet } from '../../../../src/plan/feeds/irr-source.ts'

let folder: string
let file: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anyward-irr-'))
  file = join(folder, 'peer.txt')
})
afterEach(() => rm(folder, { recursive: true, force: true }))

async function load(nowMs = 0, family: 'ipv4' | 'ipv6' = 'ipv4') {
  const options = {
    server: null,
    sources: [],
    timeoutMs: 5000,
    stateDir: join(folder, 'state'),
    baseDir: folder,
  }
  const set = await loadIrrSet({ type: 'file', file: 'peer.txt' }, family, { ...options, nowMs })
  return { ranges: set.ranges.map(formatRange), warnings: set.warnings }
}
const lines = (count: number) => Array.from({ length: count }, (_, n) => `20.0.${2 * n}.0/24\n`).join('')
const keptIn = async () =>
  join(folder, 'state/last-good', (await readdir(join(folder, 'state/last-good')))[0]!)

describe('an IRR set from a file', () => {
  test('is aggregated, and read from a path relative to the fleet’s folder', async () => {
    await writeFile(file, '20.0.0.0/9\n20.128.0.0/9\n2001:db8::/32\n')
    expect(await load()).toEqual({ ranges: ['20.0.0.0/8 ge 9 le 9'], warnings: [] })
    expect(await load(0, 'ipv6')).toEqual({ ranges: ['2001:db8::/32'], warnings: [] })
  })

  test('has a warning that names the ignored lines', async () => {
    await writeFile(file, '20.0.0.0/9\n20.0.0.1/9\n')
    expect(await load()).toEqual({
      ranges: ['20.0.0.0/9'],
      warnings: [
        {
          feed: 'peer.txt ipv4',
          reason: 'line 2 "20.0.0.1/9" has host bits set beyond /9',
          hint: null,
          lastGoodAgeMs: null,
        },
      ],
    })
  })

  const faults: readonly [string, () => Promise<void>, string][] = [
    ['is missing', () => rm(file), 'is not there'],
    ['is empty', () => writeFile(file, ''), 'has no IPv4 prefixes'],
    ['has comments only', () => writeFile(file, '# 502 Bad Gateway\n'), 'has no IPv4 prefixes'],
    [
      'has no valid entry',
      () => writeFile(file, '502\n'),
      'has no IPv4 prefixes: line 1 "502" has no prefix length',
    ],
    ['has the other family only', () => writeFile(file, '2001:db8::/32'), 'has no IPv4 prefixes'],
    ['is half written', () => writeFile(file, '{ "NN": ['), 'begins like JSON, but is not valid JSON'],
    ['is not text', () => writeFile(file, Buffer.from([0xff, 0xfe, 0])), 'is not UTF-8'],
  ]
  test.each(faults)('that %s is replaced by the last good one, with a warning', async (_, damage, reason) => {
    await writeFile(file, '20.0.0.0/9\n')
    const good = await load(1000)
    await damage()
    const { ranges, warnings } = await load(61_000)
    expect(ranges).toEqual(good.ranges)
    expect(warnings).toEqual([
      { feed: 'peer.txt ipv4', reason, hint: expect.any(String), lastGoodAgeMs: 60_000 },
    ])
  })

  test.each(faults.slice(1))(
    'that %s is an error, with the remedy, when there is no last good one',
    async (_, damage, reason) => {
      await damage()
      const error = await load().catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(FeedError)
      expect((error as FeedError).problems).toEqual([
        { feed: 'peer.txt ipv4', reason, hint: expect.stringMatching(/./) },
      ])
    },
  )

  test('that lost more than half of its entries is refused until its last good copy is removed', async () => {
    await writeFile(file, lines(10))
    await load(0)
    await writeFile(file, lines(4))
    const refused = await load(5000)
    expect(refused.ranges).toHaveLength(10)
    expect(refused.warnings).toEqual([
      {
        feed: 'peer.txt ipv4',
        reason: 'shrank from 10 entries to 4',
        hint: `if the new set is correct, remove ${await keptIn()}`,
        lastGoodAgeMs: 5000,
      },
    ])
    await rm(await keptIn())
    expect((await load(6000)).ranges).toHaveLength(4)
  })

  test('that lost half of its entries is accepted', async () => {
    await writeFile(file, lines(10))
    await load(0)
    await writeFile(file, lines(5))
    expect(await load()).toEqual({ ranges: expect.objectContaining({ length: 5 }), warnings: [] })
  })

  test('is used, with a warning, where the last good copy cannot be stored', async () => {
    await writeFile(join(folder, 'state'), 'a file where a folder should be')
    await writeFile(file, '20.0.0.0/9\n')
    const { ranges, warnings } = await load()
    expect(ranges).toEqual(['20.0.0.0/9'])
    expect(warnings.map(({ reason }) => reason)).toEqual([
      'the last good one cannot be read (ENOTDIR)',
      expect.stringMatching(/^it cannot be saved as the last good copy \(E\w+\)$/),
    ])
  })

  test('reports also that the last good copy is damaged', async () => {
    await writeFile(file, '20.0.0.0/9\n')
    await load()
    const kept = await keptIn()
    await writeFile(kept, 'nonsense')
    await rm(file)
    await expect(load()).rejects.toThrow(
      `peer.txt ipv4: is not there; the last good copy was damaged; it is now ${kept}.damaged\n    write one prefix per line to ${file}`,
    )
  })
})
