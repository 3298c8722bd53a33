import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type HealthEvent,
  type HealthState,
  initialHealth,
  reduceHealth,
} from '../../../src/health/health.ts'
import { findLinkProblem } from '../../../src/health/links.ts'

const thresholds = { rise: 5, fall: 3 }
const silent = { check: 'ping', cause: 'no-reply', detail: 'no reply' } as const
const gone = {
  check: 'interface',
  cause: 'interface-missing',
  detail: 'interface wg0 does not exist',
} as const
const good: HealthEvent = { kind: 'probe-good' }
const bad = (startedAt = 0): HealthEvent => ({ kind: 'probe-bad', problem: silent, startedAt })

function run(events: readonly HealthEvent[], from: HealthState = initialHealth(0)): HealthState {
  return events.reduce((state, event, index) => reduceHealth(state, event, index + 1, thresholds), from)
}

describe('an endpoint', () => {
  test('is unknown until it was good often enough in a row', () => {
    expect(run([good, good, good, good]).status).toBe('unknown')
    expect(run([good, good, good, good, good]).status).toBe('healthy')
    expect(run([good, good, good, good, bad(), good]).status).toBe('unknown')
  })

  test('stays healthy through fewer bad probes in a row than fall', () => {
    const healthy = run([good, good, good, good, good])
    expect(run([bad(), bad(), good, bad(), bad()], healthy).status).toBe('healthy')
    expect(run([bad(), bad(), bad()], healthy).status).toBe('unhealthy')
  })

  test('remembers when the first bad probe of the run began', () => {
    const healthy = run([good, good, good, good, good])
    expect(run([bad(100), bad(300), bad(500)], healthy).troubleSince).toBe(100)
    expect(run([bad(100), good], healthy).troubleSince).toBeNull()
  })

  test('is unhealthy at once when its interface goes, and good probes do not mend that', () => {
    const healthy = run([good, good, good, good, good])
    const state = run([{ kind: 'links', problem: gone }, good, good, good, good, good, good], healthy)
    expect(state.status).toBe('unhealthy')
    const back = run([{ kind: 'links', problem: null }, good, good, good, good], state)
    expect(back.status).toBe('unhealthy')
    expect(run([good], back).status).toBe('healthy')
  })

  test('is not judged by probes that say nothing of it', () => {
    const healthy = run([good, good, good, good, good])
    const inconclusive: HealthEvent = { kind: 'probe-inconclusive' }
    expect(run([bad(), inconclusive, inconclusive, bad(), inconclusive], healthy).badInRow).toBe(2)
  })

  test('changes its status only after `fall` bad or `rise` good probes, or with its links (property)', () => {
    const event = fc.oneof(
      { weight: 6, arbitrary: fc.constant(good) },
      { weight: 6, arbitrary: fc.constant(bad()) },
      { weight: 1, arbitrary: fc.constant<HealthEvent>({ kind: 'probe-inconclusive' }) },
      { weight: 1, arbitrary: fc.constant<HealthEvent>({ kind: 'links', problem: gone }) },
      { weight: 1, arbitrary: fc.constant<HealthEvent>({ kind: 'links', problem: null }) },
    )
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        let state = initialHealth(0)
        let linksBad = false
        const probes: string[] = []
        for (const [index, next] of events.entries()) {
          const before = state.status
          state = reduceHealth(state, next, index, thresholds)
          if (next.kind === 'links') linksBad = next.problem !== null
          if (next.kind === 'probe-good' || next.kind === 'probe-bad') probes.push(next.kind)
          if (linksBad) expect(state.status).toBe('unhealthy')
          if (state.status === before) continue
          if (state.status === 'healthy') {
            expect(probes.slice(-thresholds.rise)).toEqual(Array(thresholds.rise).fill('probe-good'))
          } else if (!linksBad) {
            expect(probes.slice(-thresholds.fall)).toEqual(Array(thresholds.fall).fill('probe-bad'))
          }
        }
      }),
    )
  })
})

describe('the links', () => {
  const needs = {
    interface: 'wg0',
    anycast: ['192.0.2.1', '2001:db8:51::1'],
    checks: ['interface', 'address', 'handshake', 'ping'],
  } as const
  const lo = { up: true, addresses: ['127.0.0.1', '192.0.2.1', '2001:db8:51::1'] }
  const wg0 = { up: true, addresses: ['10.80.0.1'] }

  test('are fine with the interface up and every anycast address on the node', () => {
    expect(
      findLinkProblem(
        new Map([
          ['lo', lo],
          ['wg0', wg0],
        ]),
        needs,
      ),
    ).toBeNull()
  })

  test.each([
    ['interface-missing', new Map([['lo', lo]])],
    [
      'interface-down',
      new Map([
        ['lo', lo],
        ['wg0', { ...wg0, up: false }],
      ]),
    ],
    [
      'address-missing',
      new Map([
        ['lo', { ...lo, addresses: ['192.0.2.1'] }],
        ['wg0', wg0],
      ]),
    ],
    [
      'address-missing',
      new Map([
        ['lo', { ...lo, up: false }],
        ['wg0', wg0],
      ]),
    ],
  ])('say %s', (cause, links) => {
    expect(findLinkProblem(links, needs)?.cause).toBe(cause)
  })

  test('are asked only what the checks name', () => {
    expect(findLinkProblem(new Map(), { ...needs, checks: ['handshake'] })).toBeNull()
  })
})
