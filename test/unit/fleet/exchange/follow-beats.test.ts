import { expect, test } from 'vitest'
import { systemClock } from '../../../../src/clock/clock.ts'
import { Beats } from '../../../../src/fleet/exchange/beats.ts'
import { followBeats } from '../../../../src/fleet/exchange/follow-beats.ts'
import type { ReadOutcome } from '../../../../src/fleet/store.ts'

const times = { readBeatsEveryMs: 10_000, callWithinMs: 1000 }

/** A store that takes `readTakesMs` for each read of its beats, and the delay of the next one. */
class Bed {
  nowMs = 0
  readTakesMs = 100
  reply: ReadOutcome = { outcome: 'unknown', message: 'no reply in time' }
  reads = 0
  random = 0.5
  readonly failures: string[] = []
  next: { readonly delayMs: number; readonly run: () => void } | null = null
  readonly beats = new Beats(35_000)
  readonly watch

  constructor() {
    const after = (delayMs: number, run: () => void) => {
      this.next = { delayMs, run }
      const timer = {
        cancel: () => {
          this.next = null
        },
        unref: () => timer,
      }
      return timer
    }
    const read = async () => {
      this.reads += 1
      this.nowMs += this.readTakesMs
      return this.reply
    }
    const store = {
      read,
      watch: () => {
        throw new Error('the beats are watched')
      },
    }
    this.watch = followBeats(
      this.beats,
      store,
      { ...systemClock, now: () => this.nowMs, after },
      {
        times,
        onFailure: (message) => this.failures.push(message),
        random: () => this.random,
      },
    )
  }

  /** Until the next read has ended. */
  async readOnce(): Promise<void> {
    const { delayMs, run } = this.next!
    this.next = null
    this.nowMs += delayMs
    run()
    await new Promise((resolve) => setImmediate(resolve))
  }

  say(...numbers: readonly (readonly [node: string, number: number])[]): void {
    const values = numbers.map(
      ([node, number]) => [`beat/${node}`, JSON.stringify({ number, well: ['vpn'] })] as const,
    )
    this.reply = { outcome: 'read', values: new Map(values) }
  }

  get well(): string[] {
    return ['ams1/a', 'fra1/a'].filter((node) => this.beats.saysWell(node, 'vpn', this.nowMs))
  }
}

test('nodes count as soon as a read shows that their beats have risen, and no longer when the store has lost them', async () => {
  const bed = new Bed()
  bed.say(['ams1/a', 5], ['fra1/a', 9])
  await bed.readOnce()
  expect(bed.well).toEqual([])
  bed.say(['ams1/a', 6], ['fra1/a', 9])
  await bed.readOnce()
  expect(bed.well).toEqual(['ams1/a'])
  expect(bed.nowMs).toBe(10_100)
  bed.say(['fra1/a', 10])
  await bed.readOnce()
  expect(bed.well).toEqual(['fra1/a'])
})

test('a read that fails is repeated, and what was seen before stays until it is old', async () => {
  const bed = new Bed()
  bed.say(['ams1/a', 5])
  await bed.readOnce()
  bed.say(['ams1/a', 6])
  await bed.readOnce()
  bed.reply = { outcome: 'unknown', message: 'no reply in time' }
  await bed.readOnce()
  expect(bed.next?.delayMs).toBe(3750)
  expect(bed.failures).toEqual(['no reply in time'])
  expect(bed.well).toEqual(['ams1/a'])
  while (bed.nowMs < 45_100) await bed.readOnce()
  expect(bed.well).toEqual([])
})

test('nodes read at different moments, also after an outage that has ended for all of them at once', async () => {
  const delays = async (random: number, outage: boolean) => {
    const bed = new Bed()
    bed.random = random
    if (!outage) bed.say(['ams1/a', 5])
    await bed.readOnce()
    bed.say(['ams1/a', 6])
    await bed.readOnce()
    return bed.next!.delayMs
  }
  expect(await delays(0, false)).toBe(8900)
  expect(await delays(0.99, false)).toBe(10_880)
  expect(await delays(0, true)).toBe(0)
  expect(await delays(0.99, true)).toBe(9800)
})

test('after it is closed nothing is read', async () => {
  const bed = new Bed()
  bed.watch.close()
  expect(bed.next).toBeNull()
  const other = new Bed()
  const ends = other.readOnce()
  other.watch.close()
  await ends
  expect([other.next, other.reads]).toEqual([null, 1])
})
