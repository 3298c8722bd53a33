import { describe, expect, test } from 'vitest'
import type { PageState } from '../../../src/control/page/page-state.ts'
import { arrive, firstModel, type Model, missing } from '../../../src/web/node/model.ts'

const state = (from: number, events = 1, bundle = 'a') =>
  ({
    status: { bundle },
    probes: { from, series: [{ service: 'vpn', check: 'ping', min: [1], median: [1], max: [1], bad: [0] }] },
    events,
  }) as unknown as PageState
const take = (model: Model, next: PageState, now = 0) =>
  arrive(model, { kind: 'state', state: next, isStream: true, now })

function settled(): Model {
  let model = take(firstModel, state(100), 1000)
  model = arrive(model, { kind: 'history', times: state(100).probes })
  model = arrive(model, { kind: 'events', count: 1, events: [] })
  return arrive(model, { kind: 'configured', configured: { services: [], neighbors: [] } })
}

describe('the model of the page', () => {
  test('asks for everything at the start, and for nothing while it has all', () => {
    const first = take(firstModel, state(100))
    expect(missing(firstModel, first)).toEqual(['history', 'events', 'configured'])
    expect(missing(settled(), take(settled(), state(101)))).toEqual([])
  })

  test('asks for the events after a new one, for the history after a gap, for the bundle after another', () => {
    const model = settled()
    expect(missing(model, take(model, state(101, 2)))).toEqual(['events'])
    expect(missing(model, take(model, state(150)))).toEqual(['history'])
    expect(missing(model, take(model, state(101, 1, 'b')))).toEqual(['configured'])
  })

  test('keeps the last state while the connection is lost, and knows since when', () => {
    let model = arrive(settled(), { kind: 'lost', why: 'gone', needsToken: false, now: 3000 })
    model = arrive(model, { kind: 'lost', why: 'still gone', needsToken: false, now: 4000 })
    expect(model.link).toEqual({ kind: 'lost', since: 1000, why: 'still gone', needsToken: false })
    expect(model.state).toEqual(settled().state)
    const back = take(model, state(101), 5000)
    expect(back.link.kind).toBe('live')
    expect(missing(model, back)).toEqual(['history', 'events', 'configured'])
  })
})
