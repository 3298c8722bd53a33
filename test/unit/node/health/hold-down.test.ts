import { describe, expect, test } from 'vitest'
import { holdDownLeftMs } from '../../../../src/node/health/health.ts'
import { countFlaps, holdDownMs } from '../../../../src/node/health/hold-down.ts'
import {
  bad,
  Endpoint,
  egressBad,
  egressGood,
  good,
  healthyEndpoint,
  intervalMs,
  links,
  noLinks,
  rules,
} from './endpoint.ts'

const { holdDown } = rules

describe('the hold-down', () => {
  test('doubles with each flap, up to its limit', () => {
    expect([0, 1, 2, 3, 7, 8, 2000].map((flaps) => holdDownMs(flaps, holdDown))).toEqual([
      0, 5000, 10_000, 20_000, 320_000, 600_000, 600_000,
    ])
  })

  test('is off with `initial: 0s`, or with `max: 0s`', () => {
    for (const off of [
      { initialMs: 0, maxMs: 600_000 },
      { initialMs: 5000, maxMs: 0 },
    ]) {
      const endpoint = healthyEndpoint({ ...rules, holdDown: off })
      for (let flap = 0; flap < 20; flap += 1) {
        expect(endpoint.repeat(3, bad()).status).toBe('unhealthy')
        expect(endpoint.repeat(5, good).status).toBe('healthy')
      }
      expect(endpoint.state.flaps.count).toBe(0)
    }
  })

  test('is five seconds after the first failure, and ten after the second', () => {
    const endpoint = healthyEndpoint()
    for (const holdMs of [5000, 10_000, 20_000]) {
      endpoint.repeat(3, bad())
      expect(endpoint.recover()).toBe(holdMs + intervalMs)
      expect(endpoint.status).toBe('healthy')
    }
  })

  test('is zero for an endpoint that was never healthy: a start is no flap', () => {
    const endpoint = new Endpoint().repeat(100, bad())
    expect(endpoint.status).toBe('unhealthy')
    expect(endpoint.repeat(5, good).status).toBe('healthy')
  })

  test('restarts with a bad probe, which is no further flap', () => {
    const endpoint = healthyEndpoint().repeat(3, bad()).rest(4800).take(bad())
    expect(endpoint.rest(5000).status).toBe('unhealthy')
    expect(endpoint.take(good).status).toBe('healthy')
    expect(endpoint.state.flaps.count).toBe(1)
  })

  test('restarts with a link event', () => {
    const endpoint = healthyEndpoint().take(noLinks, links).rest(4000).take(noLinks, links)
    expect(endpoint.rest(5000).status).toBe('unhealthy')
    expect(endpoint.take(good).status).toBe('healthy')
  })

  test('reports the time left once `rise` is reached', () => {
    const endpoint = healthyEndpoint().repeat(3, bad()).repeat(4, good)
    expect(holdDownLeftMs(endpoint.state, endpoint.now)).toBeNull()
    endpoint.take(good)
    expect(holdDownLeftMs(endpoint.state, endpoint.now)).toBe(4200)
    endpoint.take(bad())
    expect(holdDownLeftMs(endpoint.state, endpoint.now)).toBeNull()
  })

  test('applies to an impairment too: a flapping side check also moves clients', () => {
    const endpoint = healthyEndpoint().repeat(3, egressBad).repeat(2, egressGood)
    expect(endpoint.status).toBe('impaired')
    expect(holdDownLeftMs(endpoint.state, endpoint.now)).toBe(5000)
    expect(endpoint.recover()).toBe(5000)
    expect(endpoint.status).toBe('healthy')
    expect(endpoint.repeat(3, egressBad).state.flaps.count).toBe(2)
  })

  test('counts an outage that begins with an impairment as one flap', () => {
    const endpoint = healthyEndpoint().repeat(3, egressBad).repeat(3, bad())
    expect(endpoint.state.flaps.count).toBe(1)
  })

  test('counts each failure of an endpoint that recovers only to impaired', () => {
    const endpoint = healthyEndpoint().repeat(3, egressBad).repeat(3, bad())
    endpoint.recover()
    expect(endpoint.repeat(3, bad()).state.flaps.count).toBe(2)
  })
})

describe('flaps', () => {
  test('are halved, rounded down, by each `max` without one', () => {
    const flaps = { count: 9, calmSince: 1000 }
    const after = (maxima: number) => countFlaps(flaps, 1000 + maxima * holdDown.maxMs, holdDown)
    expect([0, 0.99, 1, 2, 3, 4, 400].map(after)).toEqual([9, 9, 4, 2, 1, 0, 0])
  })

  test('are not halved while the endpoint is down', () => {
    const endpoint = healthyEndpoint()
    for (let flap = 0; flap < 3; flap += 1) {
      endpoint.repeat(3, bad())
      endpoint.recover()
    }
    endpoint.repeat(3, bad())
    endpoint.now += 10 * holdDown.maxMs
    expect(endpoint.recover()).toBe(40_000 + intervalMs)
  })

  test('cost no more than the first one after a long healthy time', () => {
    const endpoint = healthyEndpoint()
    for (let flap = 0; flap < 3; flap += 1) {
      endpoint.repeat(3, bad())
      endpoint.recover()
    }
    endpoint.now += 2 * holdDown.maxMs
    endpoint.take(good).repeat(3, bad())
    expect(endpoint.recover()).toBe(5000 + intervalMs)
  })
})
