import { expect, test } from 'vitest'
import { type Clock, systemClock } from '../../../../../src/clock/clock.ts'
import { RemoteProbes } from '../../../../../src/node/probe/remote/remote-probes.ts'
import type { SightResult } from '../../../../../src/node/probe/remote/sight.ts'

/** A clock that is moved by hand. */
class Bed {
  nowMs = 0
  readonly begun: [node: string, atMs: number][] = []
  readonly #due: { atMs: number; work: () => void }[] = []
  readonly #pending: (() => void)[] = []
  readonly probes: RemoteProbes
  result: SightResult = 'good'

  constructor(targets: number, { hangs = false, intervalMs = 10_000, random = (): number => 0.5 } = {}) {
    const clock: Clock = {
      ...systemClock,
      now: () => this.nowMs,
      after: (delayMs, work) => {
        const entry = { atMs: this.nowMs + delayMs, work }
        this.#due.push(entry)
        const timer = { cancel: () => void this.#due.splice(this.#due.indexOf(entry), 1), unref: () => timer }
        return timer
      },
    }
    this.probes = new RemoteProbes({
      ...{ intervalMs, clock, random },
      targets: Array.from({ length: targets }, (_, at) => ({
        ...{ service: 'vpn', site: `site${at}`, node: `node${at}` },
        probe: () => {
          this.begun.push([`node${at}`, this.nowMs])
          return hangs
            ? new Promise<SightResult>((resolve) => this.#pending.push(() => resolve(this.result)))
            : Promise.resolve(this.result)
        },
        close: async () => {},
      })),
    })
  }

  async pass(ms: number): Promise<void> {
    const endMs = this.nowMs + ms
    for (;;) {
      const next = this.#due.toSorted((a, b) => a.atMs - b.atMs)[0]
      if (next === undefined || next.atMs > endMs) break
      this.#due.splice(this.#due.indexOf(next), 1)
      this.nowMs = next.atMs
      next.work()
      await new Promise((resolve) => setImmediate(resolve))
    }
    this.nowMs = endMs
  }

  answerAll(): void {
    for (const resolve of this.#pending.splice(0)) resolve()
  }
}

test('each target is probed once in an interval, and no two at the same time', async () => {
  const bed = new Bed(5)
  await bed.pass(20_000)
  expect(bed.begun).toEqual(Array.from({ length: 10 }, (_, at) => [`node${at % 5}`, 1000 + 2000 * at]))
})

test('the first probe of two nodes that start together comes at different times', async () => {
  const starts = [0.1, 0.9].map((share) => new Bed(5, { random: () => share }))
  for (const bed of starts) await bed.pass(2000)
  expect(starts.map(({ begun }) => begun[0]![1])).toEqual([200, 1800])
})

test('at most eight probes run, also where none of a hundred targets answers', async () => {
  const bed = new Bed(100, { hangs: true })
  await bed.pass(60_000)
  expect(bed.begun.map(([node]) => node)).toEqual(Array.from({ length: 8 }, (_, at) => `node${at}`))
  bed.answerAll()
  await bed.pass(1000)
  expect(bed.begun[8]![0]).toBe('node8')
})

test('a target without a result says nothing, and one whose probe hangs says nothing after a while', async () => {
  const bed = new Bed(2)
  expect(bed.probes.sightings()).toEqual([])
  await bed.pass(3000)
  expect(bed.probes.sightings()).toEqual([{ service: 'vpn', site: 'site0', node: 'node0', reached: true }])
  const hanging = new Bed(1, { hangs: true })
  hanging.result = 'good'
  await hanging.pass(10_000)
  hanging.answerAll()
  await hanging.pass(10_000)
  expect(hanging.probes.sightings()).toHaveLength(1)
  await hanging.pass(50_000)
  // The second one has not ended.
  expect(hanging.begun).toHaveLength(2)
  expect(hanging.probes.sightings()).toEqual([])
})

test('three bad results make a target one that is not reached', async () => {
  const bed = new Bed(1)
  bed.result = 'bad'
  await bed.pass(24_000)
  expect(bed.probes.sightings()).toEqual([])
  await bed.pass(10_000)
  expect(bed.probes.sightings()).toMatchObject([{ reached: false }])
})

test('a node without targets does nothing, and nothing begins after the end', async () => {
  const none = new Bed(0)
  await none.pass(60_000)
  expect(none.probes.sightings()).toEqual([])
  const bed = new Bed(3)
  await bed.probes.close()
  await bed.pass(60_000)
  expect(bed.begun).toEqual([])
})
