import { describe, expect, test } from 'vitest'
import type { NodeReport } from '../../../../src/fleet/permit/floor.ts'
import { type Register, withHolder } from '../../../../src/fleet/permit/register.ts'
import type { Asking, PermitView } from '../../../../src/fleet/permit/request.ts'
import {
  mayWithdraw,
  type PermitEvent,
  type PermitState,
  stepPermit,
} from '../../../../src/fleet/permit/state.ts'

const asking: Asking = { site: 'fra1', node: 'fra1-a', minSites: 2, reason: 'no-reply' }
const times = { answerWithinMs: 1000, inAllWithinMs: 2500, actWithinMs: 500 }
const report = (node: string, changes: Partial<NodeReport> = {}): NodeReport => ({
  ...{ node, site: node.slice(0, 4), entry: `${node} 1`, well: true, fresh: true },
  ...changes,
})
const view = (reports: NodeReport[], register: Register = []): PermitView => ({ register, reports })
const enough = [report('ams1-a'), report('lon1-a')]

/** The states and effects of these events, one after the other. */
function run(...events: PermitEvent[]) {
  let state: PermitState = { phase: 'none' }
  let effect = null
  for (const event of events) ({ state, effect } = stepPermit(state, event, asking, times))
  return { state, effect }
}
const ask = { event: 'ask', nonce: 'x1', watched: null, nowMs: 0 } as const
const published = { event: 'published', nowMs: 10 } as const
const readAt = (nowMs: number, what: PermitView): PermitEvent => ({ event: 'read', view: what, nowMs })

describe('a request', () => {
  test('publishes that the node is not well before it reads, and reads before it commits', () => {
    expect(run(ask)).toMatchObject({ effect: { effect: 'publish' } })
    expect(run(ask, published)).toMatchObject({ effect: { effect: 'read' } })
    expect(run(ask, published, readAt(20, view(enough)))).toMatchObject({
      state: { phase: 'committing' },
      effect: {
        effect: 'commit',
        transaction: {
          register: [],
          entries: [
            { node: 'ams1-a', entry: 'ams1-a 1' },
            { node: 'lon1-a', entry: 'lon1-a 1' },
          ],
          next: [{ node: 'fra1-a', site: 'fra1', nonce: 'x1', cause: 'permit', reason: 'no-reply' }],
        },
      },
    })
  })

  test('begins with one transaction where what the node has watched permits it, and falls back to the ordinary course', () => {
    const claim = { ...ask, watched: view(enough) }
    expect(run(claim)).toMatchObject({
      state: { phase: 'claiming' },
      effect: { effect: 'claim', transaction: { next: [{ node: 'fra1-a', nonce: 'x1' }] } },
    })
    const { state } = run(claim, { event: 'committed', nowMs: 400 })
    expect([mayWithdraw(state, 499), mayWithdraw(state, 500)]).toEqual([true, false])
    expect(run(claim, { event: 'conflict', nowMs: 10 })).toMatchObject({ effect: { effect: 'publish' } })
    expect(run(claim, { event: 'unknown', nowMs: 10 })).toMatchObject({ effect: { effect: 'publish' } })
  })

  test('is never refused, nor repeated, by what the node has watched', () => {
    const publishes = { effect: { effect: 'publish' } }
    const holder = { site: 'fra1', node: 'fra1-a', nonce: 'x0', cause: 'permit', reason: 'no-reply' } as const
    expect(run({ ...ask, watched: view([report('ams1-a')]) })).toMatchObject(publishes)
    expect(run({ ...ask, watched: view(enough, [holder]) })).toMatchObject(publishes)
  })

  test('is granted once its transaction has succeeded, for a time that counts from before it was sent', () => {
    const { state } = run(ask, published, readAt(20, view(enough)), { event: 'committed', nowMs: 400 })
    expect([mayWithdraw(state, 400), mayWithdraw(state, 519), mayWithdraw(state, 520)]).toEqual([
      true,
      true,
      false,
    ])
  })

  test('without a reply is granted if the register has its nonce, and asks again if it has not', () => {
    const lost = [ask, published, readAt(20, view(enough)), { event: 'unknown', nowMs: 300 }] as const
    expect(run(...lost)).toMatchObject({ state: { phase: 'reading' }, effect: { effect: 'read' } })
    const mine = { site: 'fra1', node: 'fra1-a', nonce: 'x1', cause: 'permit', reason: 'no-reply' } as const
    expect(run(...lost, readAt(310, view([], withHolder([], mine)))).state).toEqual({
      ...{ phase: 'granted', nonce: 'x1', actBeforeMs: 800 },
    })
    expect(run(...lost, readAt(310, view(enough)))).toMatchObject({ effect: { effect: 'commit' } })
  })

  test('that the register has with an older nonce is written again: a late return must not remove it', () => {
    const older = { site: 'fra1', node: 'fra1-a', nonce: 'x0', cause: 'permit', reason: 'no-reply' } as const
    expect(run(ask, published, readAt(20, view([], [older])))).toMatchObject({
      state: { phase: 'committing' },
      effect: { effect: 'commit', transaction: { entries: [], next: [{ nonce: 'x1' }] } },
    })
  })

  test('that takes too long counts the store as unreachable, whatever it answers then', () => {
    expect(run(ask, { event: 'published', nowMs: 1000 }).state).toEqual({ phase: 'unreachable' })
    expect(run(ask, published, { event: 'unknown', nowMs: 1010 }).state).toEqual({ phase: 'unreachable' })
    expect(run(ask, published, readAt(20, view(enough)), { event: 'committed', nowMs: 1020 }).state).toEqual({
      phase: 'unreachable',
    })
  })

  test('goes on while there are answers, but not for ever', () => {
    const slow = [ask, { event: 'published', nowMs: 900 }, readAt(1800, view(enough))] as const
    const { state } = run(...slow, { event: 'committed', nowMs: 2200 })
    expect(state).toEqual({ phase: 'granted', nonce: 'x1', actBeforeMs: 2300 })
    const again = [
      ...slow,
      { event: 'conflict', nowMs: 2200 },
      { event: 'published', nowMs: 2200 },
      readAt(2499, view(enough)),
    ] as const
    expect(run(...again).state.phase).toBe('committing')
    expect(run(...again, { event: 'committed', nowMs: 2500 }).state).toEqual({ phase: 'unreachable' })
  })

  test('ends with its reason', () => {
    expect(run(ask, published, { event: 'end' }).state).toEqual({ phase: 'none' })
  })
})

describe('a site remains', () => {
  const held = { site: 'lon1', node: 'lon1-a', nonce: 'y', cause: 'permit', reason: 'no-reply' } as const
  test.each<[string, NodeReport[], Register, number | null]>([
    ['if it is well and current', enough, [], null],
    ['not if it is not well', [report('ams1-a'), report('lon1-a', { well: false })], [], 1],
    ['not if its beats are old', [report('ams1-a'), report('lon1-a', { fresh: false })], [], 1],
    ['not if it holds a permit itself', enough, [held], 1],
    ['once, however many nodes it has', [report('ams1-a'), report('ams1-b')], [], 1],
    ['also if the node that asks is in it', [report('fra1-b'), report('ams1-a')], [], null],
  ])('%s', (_, reports, register, remaining) => {
    const { state } = run(ask, published, readAt(20, view(reports, register)))
    if (remaining === null) expect(state.phase).toBe('committing')
    else expect(state).toEqual({ phase: 'refused', remaining, required: 2 })
  })
})
