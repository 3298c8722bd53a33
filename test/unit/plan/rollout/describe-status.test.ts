import { describe, expect, test } from 'vitest'
import { readRolloutState } from '../../../../src/fleet/rollout/state-message.ts'
import { describeForPage, stampTimes } from '../../../../src/plan/rollout/describe-status.ts'
import type { NodeState, Rollout, RolloutNode } from '../../../../src/plan/rollout/rollout.ts'

const node = (name: string, state: NodeState, detail: string | null = null): RolloutNode => ({
  ...{ node: name, site: name.slice(0, 4), state, detail, serial: null, failure: null },
  ...{ from: 'a', to: 'b', before: null },
})
const rollout = (nodes: readonly RolloutNode[], change: Partial<Rollout> = {}): Rollout => ({
  ...{ format: 1, id: '20261130T030000Z', startedBy: 'alice@noc1', startedAt: '2026-11-30T03:00:00.000Z' },
  ...{ sitesHash: '', soakMs: 60_000, state: 'running', aim: 'forward', reason: null },
  waves: [{ name: 'canary', nodes }],
  ...change,
})

describe('a rollout for the page', () => {
  test('has what `rollout status` says, with counts, and fits what a node reads', () => {
    const found = describeForPage(
      rollout([node('ams1-a', 'done', 'as planned'), node('fra1-a', 'changed', 'well,\nsoaking')], {
        ...{
          state: 'paused',
          aim: 'pause',
          reason: 'paused by alice@noc1',
          since: '2026-11-30T03:05:00.000Z',
        },
      }),
    )
    expect(found).toMatchObject({
      sentence: 'rollout 20261130T030000Z: paused: paused by alice@noc1',
      since: '2026-11-30T03:05:00.000Z',
      waves: [
        {
          name: 'canary',
          state: 'paused',
          counts: { done: 1, working: 1, waiting: 0, failed: 0, undone: 0 },
        },
      ],
    })
    expect(readRolloutState(JSON.stringify(found))).toEqual(found)
  })

  test('of a thousand nodes has those that are neither done nor waiting, and stays small', () => {
    const nodes = Array.from({ length: 1000 }, (_, at) => node(`n${at}`, at < 500 ? 'done' : 'waiting'))
    const found = describeForPage(
      rollout([...nodes.slice(0, 499), node('bad', 'failed', 'x'.repeat(5000)), ...nodes.slice(500)]),
    )
    expect(found.waves[0]!.nodes.map(({ node }) => node)).toEqual(['bad'])
    expect(found.waves[0]!.counts).toMatchObject({ done: 499, failed: 1, waiting: 500 })
    expect(JSON.stringify(found).length).toBeLessThan(2000)
  })
})

test('a state has the time since when a node waits at the same gate, and the rollout is what it is', () => {
  const first = stampTimes(
    rollout([node('ams1-a', 'waiting')]),
    rollout([node('ams1-a', 'waiting', 'waits: x')]),
    '1',
  )
  const second = stampTimes(first, rollout([node('ams1-a', 'waiting', 'waits: x')]), '2')
  expect(second).toMatchObject({ since: '1', waves: [{ nodes: [{ since: '1' }] }] })
  const third = stampTimes(second, rollout([node('ams1-a', 'waiting', 'waits: y')], { aim: 'pause' }), '3')
  expect(third).toMatchObject({ since: '3', waves: [{ nodes: [{ since: '3' }] }] })
})
