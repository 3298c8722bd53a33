import { describe, expect, test } from 'vitest'
import {
  type DrainInput,
  type DrainState,
  describeDrain,
  initialDrain,
  reduceDrain,
  restoreDrain,
  saveDrain,
} from '../../../../src/node/decision/drain.ts'

const settings = { idleMs: 3000, limitMs: 60_000, undrainMs: 10_000 }
const base: DrainInput = {
  intent: 'serve',
  settings,
  degradable: true,
  announced: true,
  degraded: { neighbors: 0, verified: false },
  traffic: null,
}
const verified = { neighbors: 3, verified: true }

/** Runs steps of `[at, changes to the input]`, and returns the stage after each. */
function run(
  steps: readonly [at: number, changes: Partial<DrainInput>][],
  from: DrainState = initialDrain(0),
) {
  let state = from
  let input = base
  const stages = steps.map(([now, changes]) => {
    input = { ...input, ...changes }
    state = reduceDrain(state, input, now)
    return state.stage
  })
  return { state, input, stages }
}

describe('a drain', () => {
  test('degrades first, and withdraws when the neighbors have the degraded routes and no peer has sent for the idle time', () => {
    const { stages, state } = run([
      [1000, { intent: 'drain' }],
      [1100, { degraded: verified, traffic: { idleSince: 1050, sending: 1 } }],
      [3000, { traffic: { idleSince: 2900, sending: 1 } }],
      [5899, {}],
      [5900, {}],
    ])
    expect(stages).toEqual(['degrading', 'degrading', 'degrading', 'degrading', 'drained'])
    expect(state).toEqual({ stage: 'drained', since: 5900, readySince: null, ending: 'traffic-gone' })
  })

  test('does not count idle time from before the neighbors had the degraded routes', () => {
    const { stages } = run([
      [1000, { intent: 'drain', traffic: { idleSince: 0, sending: 0 } }],
      [20_000, { degraded: verified }],
      [22_999, {}],
      [23_000, {}],
    ])
    expect(stages).toEqual(['degrading', 'degrading', 'degrading', 'drained'])
  })

  test('restarts the wait when a neighbor has lost the degraded routes', () => {
    const { stages } = run([
      [1000, { intent: 'drain', degraded: verified, traffic: { idleSince: 0, sending: 0 } }],
      [1200, {}],
      [3000, { degraded: { neighbors: 2, verified: false } }],
      [3500, { degraded: verified }],
      [6499, {}],
      [6500, {}],
    ])
    expect(stages).toEqual(['degrading', 'degrading', 'degrading', 'degrading', 'degrading', 'drained'])
  })

  test('with an idle time of 0 waits only for the neighbors, also if they seem ready at once', () => {
    const { stages, state } = run([
      [1000, { intent: 'drain', settings: { ...settings, idleMs: 0 }, degraded: verified }],
      [1001, { degraded: { neighbors: 0, verified: false } }],
      [1002, { degraded: verified }],
    ])
    expect(stages).toEqual(['degrading', 'degrading', 'drained'])
    expect(state.ending).toBe('traffic-gone')
  })

  test('withdraws at its limit while traffic goes on', () => {
    const { stages, state } = run([
      [1000, { intent: 'drain', degraded: verified, traffic: { idleSince: 900, sending: 2 } }],
      [60_999, { traffic: { idleSince: 60_900, sending: 2 } }],
      [61_000, { traffic: { idleSince: 61_000, sending: 2 } }],
    ])
    expect(stages).toEqual(['degrading', 'degrading', 'drained'])
    expect(state.ending).toBe('limit')
  })

  test('withdraws at its limit, not before, if the traffic is unknown', () => {
    const { stages, state } = run([
      [1000, { intent: 'drain', degraded: verified }],
      [60_999, {}],
      [61_000, {}],
    ])
    expect(stages).toEqual(['degrading', 'degrading', 'drained'])
    expect(state.ending).toBe('limit')
  })

  test('withdraws at its limit if a neighbor never has the degraded routes', () => {
    const idle = { idleSince: 0, sending: 0 }
    const { stages } = run([
      [1000, { intent: 'drain', traffic: idle }],
      [60_999, {}],
      [61_000, {}],
    ])
    expect(stages).toEqual(['degrading', 'degrading', 'drained'])
  })

  test.each<[string, Partial<DrainInput>, string]>([
    ['with a limit of 0', { settings: { ...settings, limitMs: 0 } }, 'at-once'],
    ['without degraded routes in the daemon', { degradable: false }, 'at-once'],
    ['while nothing is announced', { announced: false }, 'nothing-announced'],
    [
      'before the first observation, after a controller without drain stages',
      { announced: null },
      'nothing-announced',
    ],
  ])('withdraws at once %s', (_name, changes, ending) => {
    const { state } = run([[1000, { ...changes, intent: 'drain' }]])
    expect(state).toEqual({ stage: 'drained', since: 1000, readySince: null, ending })
  })

  test('ends when the service is withdrawn for another reason', () => {
    const { stages, state } = run([
      [1000, { intent: 'drain' }],
      [2000, { announced: false }],
    ])
    expect(stages).toEqual(['degrading', 'drained'])
    expect(state.ending).toBe('nothing-announced')
  })

  test('stays drained, independent of later observations', () => {
    const { stages } = run([
      [1000, { intent: 'drain', announced: false }],
      [2000, { announced: true, traffic: { idleSince: 2000, sending: 5 } }],
      [9_000_000, {}],
    ])
    expect(stages).toEqual(['drained', 'drained', 'drained'])
  })

  test('an order to withdraw does not wait', () => {
    const { stages } = run([
      [1000, { intent: 'drain' }],
      [1001, { intent: 'withdraw' }],
    ])
    expect(stages).toEqual(['degrading', 'drained'])
  })
})

describe('undrain', () => {
  const drained: DrainState = { stage: 'drained', since: 0, readySince: null, ending: 'limit' }

  test('announces degraded first, and counts from the first announcement', () => {
    const { stages } = run(
      [
        [1000, { intent: 'serve', announced: false }],
        [50_000, { announced: true }],
        [59_999, {}],
        [60_000, {}],
      ],
      drained,
    )
    expect(stages).toEqual(['returning', 'returning', 'returning', 'none'])
  })

  test('restarts its time when the service was withdrawn meanwhile', () => {
    const { stages } = run(
      [
        [1000, { announced: true }],
        [9000, { announced: false }],
        [12_000, { announced: true }],
        [21_999, {}],
        [22_000, {}],
      ],
      drained,
    )
    expect(stages).toEqual(['returning', 'returning', 'returning', 'returning', 'none'])
  })

  test('serves at once with a time of 0, or without degraded routes', () => {
    expect(run([[1000, { settings: { ...settings, undrainMs: 0 } }]], drained).stages).toEqual(['none'])
    expect(run([[1000, { degradable: false }]], drained).stages).toEqual(['none'])
  })

  test('serves at once if no neighbor has the degraded routes', () => {
    const { stages } = run([
      [1000, { intent: 'drain' }],
      [1050, { intent: 'serve' }],
    ])
    expect(stages).toEqual(['degrading', 'none'])
  })

  test('returns slowly if the neighbors have the degraded routes', () => {
    const { stages } = run([
      [1000, { intent: 'drain', degraded: verified }],
      [1100, {}],
      [2000, { intent: 'serve' }],
      [11_999, {}],
      [12_000, {}],
    ])
    expect(stages).toEqual(['degrading', 'degrading', 'returning', 'returning', 'none'])
  })

  test('a drain during the return stays degraded, with a new limit', () => {
    const { stages, state } = run(
      [
        [1000, { announced: true, degraded: verified }],
        [4900, { intent: 'drain', traffic: { idleSince: 4000, sending: 1 } }],
        [5000, {}],
        [8000, {}],
      ],
      drained,
    )
    expect(stages).toEqual(['returning', 'degrading', 'degrading', 'drained'])
    expect(state.ending).toBe('traffic-gone')
  })
})

describe('what outlives a restart', () => {
  const degrading: DrainState = { stage: 'degrading', since: 1000, readySince: 1500, ending: null }
  const through = (state: DrainState, awayMs: number) =>
    restoreDrain(JSON.parse(JSON.stringify(saveDrain(state, 11_000))), awayMs, 50)

  test('a drain goes on, and the time without a controller counts', () => {
    const restored = through(degrading, 20_000)
    expect(restored).toEqual({ stage: 'degrading', since: 50 - 30_000, readySince: null, ending: null })
    const { stages } = run(
      [
        [29_000, { intent: 'drain', announced: null }],
        [30_050, {}],
      ],
      restored,
    )
    expect(stages).toEqual(['degrading', 'drained'])
  })

  test('a drained node stays drained', () => {
    const drained: DrainState = { stage: 'drained', since: 1000, readySince: null, ending: 'limit' }
    expect(through(drained, 1e12)).toMatchObject({ stage: 'drained', ending: 'limit' })
  })

  test('a clock that was set back does not shorten the age of a drain', () => {
    expect(through(degrading, -5_000_000)).toEqual(through(degrading, 0))
    expect(through(degrading, Number.NaN)).toEqual(through(degrading, 0))
  })

  test.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a list', []],
    ['an unknown stage', { stage: 'gone', forMs: 5, ending: null }],
    ['no time', { stage: 'degrading', ending: null }],
    ['an infinite time', { stage: 'degrading', forMs: Number.POSITIVE_INFINITY, ending: null }],
    ['drained without an ending', { stage: 'drained', forMs: 5, ending: null }],
    ['an ending without drained', { stage: 'none', forMs: 5, ending: 'limit' }],
  ])('%s in the file is no drain', (_name, saved) => {
    expect(restoreDrain(saved, 0, 7)).toEqual(initialDrain(7))
  })
})

describe('what it waits for', () => {
  const wait = (stage: DrainState['stage'], changes: Partial<DrainInput>, readySince: number | null = null) =>
    describeDrain({ stage, since: 0, readySince, ending: null }, { ...base, ...changes })

  test.each<[Partial<DrainInput>, string]>([
    [
      { degraded: { neighbors: 1, verified: false } },
      'degraded at 1 neighbor, waiting for all of them to have the degraded routes',
    ],
    [
      { degraded: verified },
      'degraded at 3 neighbors, waiting for the limit: the traffic cannot be measured',
    ],
    [
      { degraded: verified, traffic: { idleSince: 0, sending: 2 } },
      'degraded at 3 neighbors, waiting for traffic to go: 2 peers still send',
    ],
    [
      { degraded: verified, traffic: { idleSince: 0, sending: 1 } },
      'degraded at 3 neighbors, waiting for traffic to go: 1 peer still sends',
    ],
    [
      { degraded: verified, traffic: { idleSince: 0, sending: 0 } },
      'degraded at 3 neighbors, waiting for traffic to stay away',
    ],
  ])('while degrading: %j', (changes, text) => {
    expect(wait('degrading', changes)).toBe(text)
  })

  test('during the return, and without a drain', () => {
    expect(wait('returning', { announced: false })).toBe(
      'waiting for the service to be announced, degraded at first',
    )
    expect(wait('returning', {}, 5)).toBe('degraded for a while, so that clients come back slowly')
    expect(wait('drained', {})).toBe(null)
    expect(wait('none', {})).toBe(null)
  })
})
