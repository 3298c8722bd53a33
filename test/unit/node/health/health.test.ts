import { describe, expect, test } from 'vitest'
import { type HealthEvent, reduceHealth } from '../../../../src/node/health/health.ts'
import { findCauseOfDeath, findImpairment, isCheckGood } from '../../../../src/node/health/problem.ts'
import {
  bad,
  Endpoint,
  egressBad,
  egressGood,
  good,
  healthyEndpoint,
  late,
  links,
  loaded,
  noLinks,
  plainRules,
  rules,
} from './endpoint.ts'

describe('an endpoint', () => {
  test('is unknown until `rise` probes in a row were good', () => {
    expect(new Endpoint().repeat(4, good).status).toBe('unknown')
    expect(new Endpoint().repeat(5, good).status).toBe('healthy')
    expect(new Endpoint().repeat(4, good).take(bad(), good).status).toBe('unknown')
  })

  test('stays healthy with fewer than `fall` bad probes in a row', () => {
    expect(healthyEndpoint().take(bad(), bad(), good, bad(), bad()).status).toBe('healthy')
    expect(healthyEndpoint().take(bad(), bad(), bad()).status).toBe('unhealthy')
  })

  test('remembers when the first bad probe of the run began', () => {
    expect(healthyEndpoint().take(bad(100), bad(300), bad(500)).state.badSince).toBe(100)
    expect(healthyEndpoint().take(bad(100), good).state.badSince).toBeNull()
  })

  test('is unhealthy at once without its interface, and good probes do not change that', () => {
    const endpoint = healthyEndpoint(plainRules).take(noLinks)
    expect(endpoint.status).toBe('unhealthy')
    expect(endpoint.repeat(10, good).status).toBe('unhealthy')
    expect(endpoint.take(links).repeat(4, good).status).toBe('unhealthy')
    expect(endpoint.take(good).status).toBe('healthy')
  })

  test('is not judged by inconclusive probes', () => {
    expect(healthyEndpoint().take(bad(), loaded, late, bad(), loaded).state.badInRow).toBe(2)
  })

  test('is the same object after a good probe that changes nothing', () => {
    const { state, now } = healthyEndpoint()
    expect(reduceHealth(state, good, now + 200, rules)).toBe(state)
  })
})

describe('failure 12: an endpoint that alternates', () => {
  test('is impaired by loss, though it is never bad `fall` times in a row', () => {
    const endpoint = healthyEndpoint().repeat(10, bad(), good)
    expect(endpoint.status).toBe('healthy')
    expect(endpoint.take(bad()).status).toBe('impaired')
    expect(endpoint.state.problem).toMatchObject({ check: 'ping', cause: 'no-reply' })
    expect(findImpairment(endpoint.take(good).state)).toEqual({
      check: 'ping',
      cause: 'loss',
      detail: '11 of the last 50 probes were bad or lost a packet, the latest: no reply',
    })
  })

  test('is impaired by lost packets too, which count in the window and not for `fall` and `rise`', () => {
    const lossy: HealthEvent = { kind: 'probe-good', lost: 'ping' }
    const endpoint = healthyEndpoint().repeat(10, lossy)
    expect(endpoint.state).toMatchObject({ status: 'healthy', goodInRow: 5, badInRow: 0, badSince: null })
    expect(endpoint.take(lossy).status).toBe('impaired')
    expect(findImpairment(endpoint.state)).toEqual({
      check: 'ping',
      cause: 'loss',
      detail: '11 of the last 50 probes were bad or lost a packet, the latest: a lost packet',
    })
    expect(new Endpoint().repeat(5, lossy).status).toBe('healthy')
  })

  test('stays impaired for as long as it alternates', () => {
    const endpoint = healthyEndpoint().repeat(11, bad(), good)
    const { since } = endpoint.state
    expect(endpoint.repeat(2000, bad(), good).state).toMatchObject({ status: 'impaired', since })
  })

  test('recovers at half of `maxLoss`, and not before', () => {
    const calm = { ...rules, holdDown: plainRules.holdDown }
    const endpoint = healthyEndpoint(calm).repeat(11, bad(), good)
    // One in six: 8 of 50, below the limit, and above its half.
    expect(endpoint.repeat(50, bad(), good, good, good, good, good).status).toBe('impaired')
    // One in ten.
    expect(endpoint.repeat(5, bad(), ...Array(9).fill(good)).status).toBe('healthy')
  })

  test('is not judged by its first few probes', () => {
    const endpoint = new Endpoint().repeat(5, good).take(bad(), bad(), good)
    expect(endpoint.status).toBe('healthy')
  })

  test('starts a new window when it recovers', () => {
    const endpoint = healthyEndpoint().repeat(11, bad(), good).repeat(300, bad())
    endpoint.recover()
    expect(endpoint.state).toMatchObject({ status: 'healthy', loss: null, window: { lost: [] } })
  })

  test('after a start is unhealthy if it was not healthy before, else impaired', () => {
    const alternating = (before: 'unknown' | 'unhealthy' | 'healthy') => {
      const { state } = new Endpoint()
      return new Endpoint(rules, { ...state, before }).repeat(30, bad(), good)
    }
    expect(alternating('unknown').status).toBe('unhealthy')
    expect(findCauseOfDeath(alternating('unknown').state)?.cause).toBe('loss')
    expect(alternating('unhealthy').status).toBe('unhealthy')
    expect(alternating('healthy').status).toBe('impaired')
  })

  test('is unhealthy with one constant cause, which does not change with each probe', () => {
    const endpoint = healthyEndpoint().repeat(3, bad())
    const cause = findCauseOfDeath(endpoint.state)
    expect(cause?.cause).toBe('no-reply')
    for (let round = 0; round < 50; round += 1) {
      endpoint.take(good, good, good, good, bad())
      expect(findCauseOfDeath(endpoint.state)).toBe(cause)
    }
    expect(findCauseOfDeath(endpoint.repeat(5, good).state)).toBeNull()
  })

  test('is unhealthy because of the last problem that came `fall` times in a row', () => {
    const refused: HealthEvent = {
      kind: 'probe-bad',
      problem: { check: 'handshake', cause: 'refused', detail: 'nothing listens' },
      startedAt: 0,
    }
    const endpoint = healthyEndpoint().repeat(3, bad()).repeat(2, refused)
    expect(findCauseOfDeath(endpoint.state)?.cause).toBe('no-reply')
    expect(findCauseOfDeath(endpoint.take(refused).state)?.cause).toBe('refused')
  })
})

describe('a side check', () => {
  test('counts as good until it fails `fall` times, and then impairs with its cause', () => {
    const endpoint = healthyEndpoint().take(egressBad, egressBad)
    expect(endpoint.status).toBe('healthy')
    expect(isCheckGood(endpoint.state, 'egress')).toBe(true)
    endpoint.take(egressBad)
    expect(endpoint.status).toBe('impaired')
    expect(findImpairment(endpoint.state)?.cause).toBe('egress-no-reply')
    expect(isCheckGood(endpoint.state, 'egress')).toBe(false)
    expect(isCheckGood(endpoint.state, 'ping')).toBe(true)
  })

  test('has its own `rise`', () => {
    const calm = { ...rules, holdDown: plainRules.holdDown }
    const endpoint = healthyEndpoint(calm).repeat(3, egressBad).take(egressGood, egressBad, egressGood)
    expect(endpoint.status).toBe('impaired')
    expect(endpoint.take(egressGood).status).toBe('healthy')
  })

  test('does not count if it is inconclusive', () => {
    const unasked = { ...egressBad, outcome: 'inconclusive' } as const
    expect(healthyEndpoint().take(egressBad, unasked, egressBad, unasked).status).toBe('healthy')
  })

  test('does not revive an unhealthy endpoint, whose problem takes precedence', () => {
    const endpoint = healthyEndpoint().repeat(3, egressBad).repeat(3, bad())
    expect(endpoint.status).toBe('unhealthy')
    expect(findCauseOfDeath(endpoint.state)?.cause).toBe('no-reply')
    expect(endpoint.repeat(5, egressGood).status).toBe('unhealthy')
  })

  test('that still fails keeps a recovered endpoint impaired', () => {
    const endpoint = healthyEndpoint().repeat(3, egressBad).repeat(3, bad())
    endpoint.recover()
    expect(endpoint.status).toBe('impaired')
  })
})

describe('failure 13: a machine that is late itself', () => {
  test('never makes the endpoint unhealthy', () => {
    const endpoint = healthyEndpoint().repeat(45, late)
    expect(endpoint.status).toBe('healthy')
    expect(endpoint.state.late).toMatchObject({ inRow: 45, total: 45 })
  })

  test('is starved after ten seconds without a reply, which impairs', () => {
    const endpoint = healthyEndpoint().repeat(51, late)
    expect(endpoint.status).toBe('impaired')
    expect(findImpairment(endpoint.state)?.cause).toBe('starved')
    expect(endpoint.repeat(5000, late).status).toBe('impaired')
  })

  test('is late once, and not starved, after a minute of sleep', () => {
    const endpoint = healthyEndpoint().take(late)
    endpoint.now += 60_000
    expect(endpoint.take(late).status).toBe('healthy')
  })

  test('restarts the count after any reply, also a cookie', () => {
    for (const answer of [good, loaded]) {
      const endpoint = healthyEndpoint().repeat(40, late).take(answer).repeat(40, late)
      expect(endpoint.status).toBe('healthy')
      expect(endpoint.state.late).toMatchObject({ inRow: 40, total: 80 })
    }
  })

  test('does not end a hold-down: the endpoint may have failed', () => {
    const endpoint = healthyEndpoint().repeat(3, bad()).repeat(6, good).repeat(40, late)
    expect(endpoint.status).toBe('unhealthy')
    expect(endpoint.take(good).status).toBe('healthy')
  })
})
