import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TimestampSource } from '../../../../src/node/wireguard/timestamp.ts'

describe('a TAI64N timestamp', () => {
  it('is the external form of the TAI64N page: 2^62 and ten seconds, then nanoseconds', () => {
    const source = new TimestampSource({ wallClockMs: () => 1_500 })
    expect(source.next().toString('hex')).toBe(
      `400000000000000b${(500_000_000).toString(16).padStart(8, '0')}`,
    )
  })

  it('rises at every call, also when the wall clock jumps', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -5, max: 4e12 }), { minLength: 2, maxLength: 50 }), (clock) => {
        const readings = clock.values()
        const source = new TimestampSource({ wallClockMs: () => readings.next().value ?? 0 })
        const labels = clock.map(() => source.next())
        for (let index = 1; index < labels.length; index += 1) {
          expect(labels[index]!.compare(labels[index - 1]!)).toBe(1)
        }
      }),
    )
  })

  it('is stored rarely, and always above each value that is used', () => {
    let nowMs = 1_700_000_000_000
    const kept: Buffer[] = []
    const source = new TimestampSource({ wallClockMs: () => nowMs, keep: (label) => kept.push(label) })
    for (const jumpMs of [0, 100, 3_600_000, 100, -7_200_000, 100]) {
      nowMs += jumpMs
      expect(source.next().compare(kept.at(-1)!)).toBe(-1)
    }
    expect(kept).toHaveLength(2)
  })

  it('stays above each value of an earlier process, although the clock was set back meanwhile', () => {
    let floor: Buffer | null = null
    const keep = (label: Buffer) => {
      floor = label
    }
    const before = new TimestampSource({ wallClockMs: () => 1_700_000_000_000, keep })
    const last = before.next()
    const after = new TimestampSource({ floor, wallClockMs: () => 1_600_000_000_000 })
    expect(after.next().compare(last)).toBe(1)
  })

  it('ignores a stored value that is truncated or invalid', () => {
    for (const floor of [Buffer.alloc(3), Buffer.alloc(12), Buffer.alloc(12, 0xff)]) {
      const source = new TimestampSource({ floor, wallClockMs: () => 1_500 })
      expect(source.next()).toEqual(new TimestampSource({ wallClockMs: () => 1_500 }).next())
    }
  })
})
