import { describe, expect, test } from 'vitest'
import { type HealthRules, holdDownLeftMs } from '../../../../src/node/health/health.ts'
import { findImpairment } from '../../../../src/node/health/problem.ts'
import { restoreHealth, saveHealth } from '../../../../src/node/health/record.ts'
import type { HealthState } from '../../../../src/node/health/state.ts'
import { bad, Endpoint, egressBad, egressGood, good, healthyEndpoint, intervalMs, rules } from './endpoint.ts'

const savedAt = Date.UTC(2026, 0, 1)

/** The endpoint restored in a new controller, whose clock starts at 17 s. */
function restart(endpoint: Endpoint, { awayMs = 2000, given = rules } = {}): Endpoint {
  const json: unknown = JSON.parse(JSON.stringify(saveHealth(endpoint.state, endpoint.now, savedAt)))
  return new Endpoint(given, restore(json, awayMs, given), 17_000)
}

function restore(json: unknown, awayMs = 2000, given: HealthRules = rules): HealthState {
  const state = restoreHealth(json, 17_000, savedAt + awayMs, given)
  if (state === null) throw new Error('the record was refused')
  return state
}

function flapping(times: number): Endpoint {
  const endpoint = healthyEndpoint()
  for (let flap = 0; flap < times; flap += 1) {
    endpoint.repeat(3, bad())
    endpoint.recover()
  }
  return endpoint
}

describe('after a restart', () => {
  test('an endpoint is unknown until its probes are good again', () => {
    const endpoint = restart(healthyEndpoint())
    expect(endpoint.repeat(4, good).status).toBe('unknown')
    expect(endpoint.take(good).status).toBe('healthy')
  })

  test('a hold-down continues', () => {
    const endpoint = restart(healthyEndpoint().repeat(3, bad()).rest(3200))
    expect(endpoint.repeat(5, good).status).toBe('unknown')
    expect(holdDownLeftMs(endpoint.state, endpoint.now)).toBe(1000)
    expect(endpoint.recover()).toBe(1000)
    expect(endpoint.status).toBe('healthy')
  })

  test('a hold-down restarts with the first bad probe', () => {
    const endpoint = restart(healthyEndpoint().repeat(3, bad()).rest(4800)).take(bad())
    expect(endpoint.rest(5000).status).toBe('unknown')
    expect(endpoint.take(good).status).toBe('healthy')
  })

  test('flaps are kept', () => {
    const endpoint = restart(flapping(3)).repeat(5, good).repeat(3, bad())
    expect(endpoint.recover()).toBe(40_000 + intervalMs)
  })

  test('an endpoint that was healthy and is unhealthy now has flapped', () => {
    expect(restart(healthyEndpoint()).repeat(3, bad()).state.flaps.count).toBe(1)
    expect(restart(healthyEndpoint().repeat(3, bad())).repeat(3, bad()).state.flaps.count).toBe(1)
  })

  test('an impaired endpoint stays impaired until the side check is good again', () => {
    const endpoint = restart(healthyEndpoint().repeat(3, egressBad)).repeat(5, good)
    expect(endpoint.status).toBe('impaired')
    expect(findImpairment(endpoint.state)?.cause).toBe('egress-no-reply')
    endpoint.repeat(2, egressGood)
    expect(endpoint.recover()).toBe(5000)
    expect(endpoint.status).toBe('healthy')
  })

  test('an endpoint that lost too many probes stays impaired for its hold-down', () => {
    const endpoint = restart(healthyEndpoint().repeat(11, bad(), good)).repeat(5, good)
    expect(endpoint.status).toBe('impaired')
    expect(endpoint.recover()).toBe(4000)
    expect(endpoint.status).toBe('healthy')
  })

  test('a hold-down that the YAML no longer has is over', () => {
    const given = { ...rules, holdDown: { initialMs: 5000, maxMs: 0 } }
    const endpoint = restart(healthyEndpoint().repeat(3, bad()), { given })
    expect(endpoint.repeat(5, good).status).toBe('healthy')
    expect(endpoint.state.flaps.count).toBe(0)
  })

  test('a side check that the YAML no longer names impairs nothing', () => {
    const given = { ...rules, egress: null }
    const endpoint = restart(healthyEndpoint().repeat(3, egressBad), { given }).repeat(5, good)
    expect(endpoint.state.sides).toEqual({})
  })

  test('a second restart, before anything is known, loses nothing', () => {
    const once = healthyEndpoint().repeat(3, bad()).rest(3200)
    const twice = restart(restart(once))
    expect(saveHealth(twice.state, twice.now, savedAt)).toEqual(saveHealth(once.state, once.now, savedAt))
  })
})

describe('failure 14: a wall clock that jumps', () => {
  const yearMs = 365 * 24 * 3_600_000

  test.each([-yearMs, 0, yearMs])('by %d ms leaves a hold-down as long as it was', (awayMs) => {
    const endpoint = restart(healthyEndpoint().repeat(3, bad()).rest(3200), { awayMs }).repeat(5, good)
    expect(endpoint.recover()).toBe(1000)
  })

  test('forward removes no more than half of the flaps', () => {
    const endpoint = restart(flapping(6), { awayMs: yearMs }).repeat(5, good).repeat(3, bad())
    expect(endpoint.state.flaps.count).toBe(4)
  })

  test('back adds none', () => {
    const endpoint = restart(flapping(6), { awayMs: -yearMs }).repeat(5, good).repeat(3, bad())
    expect(endpoint.state.flaps.count).toBe(7)
  })

  test('back does not delay their halving', () => {
    const endpoint = restart(flapping(6), { awayMs: -yearMs }).repeat(5, good)
    endpoint.now += rules.holdDown.maxMs
    expect(endpoint.repeat(3, bad()).state.flaps.count).toBe(4)
  })
})

describe('a record', () => {
  const record = saveHealth(flapping(2).state, 100_000, savedAt)

  test.each<[string, unknown]>([
    ['that is no object', 'garbage'],
    ['of another format', { ...record, format: 2 }],
    ['with an unknown field', { ...record, extra: 1 }],
    ['with a missing field', { ...record, flaps: undefined }],
    ['with negative flaps', { ...record, flaps: -1 }],
    ['with more flaps than there is time for', { ...record, flaps: 1e15 }],
    ['with a time out of range', { ...record, goodForMs: 1e300 }],
    ['with half a flap', { ...record, flaps: 1.5 }],
    ['of the future', { ...record, goodForMs: -1 }],
    ['of no time', { ...record, savedAt: null }],
    ['of a side check that does not exist', { ...record, sides: { ping: { cause: 'x', detail: 'x' } } }],
  ])('%s is refused', (_title, json) => {
    expect(restoreHealth(json, 0, savedAt, rules)).toBeNull()
  })

  test('with a million flaps asks for the longest hold-down, and no longer one', () => {
    const state = restore({ ...record, status: 'unhealthy', flaps: 1e6, calmForMs: null, goodForMs: null })
    expect(new Endpoint(rules, state, 17_000).repeat(5, good).recover()).toBeLessThanOrEqual(600_000)
  })

  test('that claims many good probes in a row still requires `rise`', () => {
    const state = restore({ ...record, status: 'unhealthy', calmForMs: null, goodForMs: 1e12 })
    const endpoint = new Endpoint(rules, state, 17_000).repeat(4, good)
    expect(endpoint.status).toBe('unknown')
    expect(endpoint.take(good).status).toBe('healthy')
  })
})
