import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { createConntrackProbe } from '../../../../../src/node/probe/side/conntrack.ts'

const folder = mkdtempSync(join(tmpdir(), 'anyward-conntrack-'))
afterAll(() => rmSync(folder, { recursive: true }))

const probe = createConntrackProbe(
  { maxUse: 0.9, intervalMs: 10_000, timeoutMs: 5_000, rise: 2, fall: 3 },
  folder,
)

function fill(count: string, max: string): void {
  writeFileSync(join(folder, 'nf_conntrack_count'), count)
  writeFileSync(join(folder, 'nf_conntrack_max'), max)
}

describe('the connection tracking table', () => {
  it('is inconclusive where the kernel tracks no connections', async () => {
    expect(await probe.run()).toMatchObject({ outcome: 'inconclusive', cause: 'no-conntrack' })
  })

  it('is good up to the allowed share, and bad above it', async () => {
    fill('90\n', '100\n')
    expect(await probe.run()).toMatchObject({
      outcome: 'good',
      cause: null,
      detail: '90 of 100 connections are tracked, 90 %',
    })
    fill('91\n', '100\n')
    expect(await probe.run()).toMatchObject({
      outcome: 'bad',
      cause: 'conntrack-full',
      detail: '91 of 100 connections are tracked, 91 %; at most 90 % are to be',
    })
  })

  it('without a limit is never full', async () => {
    fill('1000\n', '0\n')
    expect(await probe.run()).toMatchObject({ outcome: 'good' })
  })

  it('that cannot be read as numbers is inconclusive', async () => {
    fill('many\n', '100\n')
    expect(await probe.run()).toMatchObject({ outcome: 'inconclusive' })
  })
})
