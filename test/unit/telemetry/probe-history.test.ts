import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ProbeHistory } from '../../../src/telemetry/probe-history.ts'

const second = 1_700_000_000

describe('the history of probe times', () => {
  test('has the smallest, the middle and the largest time of each second, and its bad probes', () => {
    const history = new ProbeHistory(3)
    for (const ms of [5, 1, 3]) history.addTime('vpn', 'ping', ms, second * 1000)
    history.addBad('vpn', 'ping', (second + 2) * 1000 + 999)
    const [ping, ...others] = [...history.read((second + 2) * 1000)]
    expect(others).toEqual([])
    expect(ping).toEqual({
      ...{ service: 'vpn', check: 'ping' },
      min: [1, null, null],
      median: [3, null, null],
      max: [5, null, null],
      bad: [0, 0, 1],
    })
  })

  test('forgets what is older than its seconds, although the places are used again', () => {
    const history = new ProbeHistory(3)
    history.addTime('vpn', 'ping', 7, second * 1000)
    history.addBad('vpn', 'ping', second * 1000)
    expect([...history.read((second + 3) * 1000)][0]).toMatchObject({
      max: [null, null, null],
      bad: [0, 0, 0],
    })
    history.addTime('vpn', 'ping', 1, (second + 3) * 1000)
    expect([...history.read((second + 3) * 1000)][0]).toMatchObject({ max: [null, null, 1], bad: [0, 0, 0] })
  })

  test('agrees with a simple model, whatever the probes and the clock do', () => {
    const probe = fc.record({
      check: fc.constantFrom('handshake', 'ping'),
      ms: fc.option(fc.double({ min: 0, max: 1000, noNaN: true })),
      stepMs: fc.integer({ min: 0, max: 4000 }),
    })
    fc.assert(
      fc.property(fc.array(probe, { maxLength: 60 }), (probes) => {
        const history = new ProbeHistory(5)
        const taken: { check: string; ms: number | null; at: number }[] = []
        let wall = second * 1000
        for (const { check, ms, stepMs } of probes) {
          wall += stepMs
          taken.push({ check, ms, at: Math.floor(wall / 1000) })
          if (ms === null) history.addBad('vpn', check, wall)
          else history.addTime('vpn', check, ms, wall)
        }
        for (const { check, min, median, max, bad } of history.read(wall)) {
          const from = history.firstSecond(wall)
          for (let at = 0; at < 5; at += 1) {
            const those = taken.filter((one) => one.check === check && one.at === from + at)
            const times = those.flatMap(({ ms }) => (ms === null ? [] : [ms])).toSorted((a, b) => a - b)
            const near = (ms: number | undefined) => (ms === undefined ? null : expect.closeTo(ms, 1))
            expect(min[at]).toEqual(near(times[0]))
            expect(median[at]).toEqual(near(times[times.length >> 1]))
            expect(max[at]).toEqual(near(times.at(-1)))
            expect(bad[at]).toBe(those.length - times.length)
          }
        }
      }),
    )
  })
})
