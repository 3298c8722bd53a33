import { describe, expect, test } from 'vitest'
import { assessVrps } from '../../../../src/plan/rpki/assess.ts'
import { preflight } from '../../../../src/plan/rpki/preflight.ts'
import { createVrpSet, prefix, vrp } from './vrps.ts'

const own = (text: string) => ({ prefix: prefix(text), origin: 64500, nodes: ['fra1-a'] })

function check(announced: readonly string[], vrps: readonly string[]) {
  return preflight(announced.map(own), createVrpSet(vrps.map(vrp))).map(({ state, findings }) => ({
    state,
    findings: findings.map(({ severity, message, hint }) => `${severity}: ${message} | ${hint}`),
  }))
}

describe('the pre-flight of our announcements', () => {
  test('reports nothing for a prefix with an exact ROA', () => {
    expect(check(['192.0.2.0/24'], ['192.0.2.0/24 64500'])).toEqual([{ state: 'valid', findings: [] }])
  })

  test('names the ROA to create where none exists', () => {
    expect(check(['192.0.2.0/24'], [])).toEqual([
      {
        state: 'not-found',
        findings: [
          'warning: no VRP covers 192.0.2.0/24: networks accept it from any origin | create a ROA: AS64500, 192.0.2.0/24, maxLength 24',
        ],
      },
    ])
  })

  test('names the VRP of another AS', () => {
    expect(check(['192.0.2.0/24'], ['192.0.0.0/16-24 64999'])).toEqual([
      {
        state: 'invalid-as',
        findings: [
          'error: the VRP AS64999, 192.0.0.0/16, maxLength 24 is not for AS64500, and networks that validate drop 192.0.2.0/24 | create a ROA: AS64500, 192.0.2.0/24, maxLength 24',
        ],
      },
    ])
  })

  test('explains that AS 0 permits no origin', () => {
    expect(check(['192.0.2.0/24'], ['192.0.2.0/24 0'])[0]!.findings).toEqual([
      'error: the VRP AS0, 192.0.2.0/24, maxLength 24 permits no origin (AS 0), and networks that validate drop 192.0.2.0/24 | create a ROA: AS64500, 192.0.2.0/24, maxLength 24, if the holder of the prefix agrees',
    ])
  })

  test('names our own VRP whose maxLength is too short', () => {
    expect(check(['2001:db8:51::/48'], ['2001:db8::/32 64500', '2001:db8::/32-48 64999'])).toEqual([
      {
        state: 'invalid-length',
        findings: [
          'error: 2001:db8:51::/48 is longer than the maxLength of the VRP AS64500, 2001:db8::/32, maxLength 32, and networks that validate drop it | create a ROA: AS64500, 2001:db8:51::/48, maxLength 48',
        ],
      },
    ])
  })

  test('warns about a VRP that allows more than is announced, and names the ROA to create instead', () => {
    expect(check(['192.0.2.0/24'], ['192.0.2.0/23-24 64500'])).toEqual([
      {
        state: 'valid',
        findings: [
          'warning: the VRP AS64500, 192.0.2.0/23, maxLength 24 allows more than the fleet announces: a forged announcement with AS64500 as the origin is valid there (RFC 9319) | unless other routers announce these prefixes, replace the ROA by: AS64500, 192.0.2.0/24, maxLength 24',
        ],
      },
    ])
  })

  test('accepts a maxLength where everything that it allows is announced', () => {
    const announced = ['192.0.2.0/23', '192.0.2.0/24', '192.0.3.0/24']
    expect(check(announced, ['192.0.2.0/23-24 64500']).flatMap(({ findings }) => findings)).toEqual([])
  })

  test('names three of many VRPs', () => {
    const many = Array.from({ length: 9 }, (_, index) => `192.0.2.0/24 ${index + 1}`)
    expect(check(['192.0.2.0/24'], many)[0]!.findings[0]).toContain('or 6 others is not for AS64500')
  })
})

describe('a new set of VRPs', () => {
  const hourMs = 3_600_000
  const nowMs = 1_800_000_000_000
  const assess = (size: number, ageMs: number, lastGood: number | null) =>
    assessVrps(
      { size, generatedMs: nowMs - ageMs },
      lastGood === null ? null : { size: lastGood },
      nowMs,
      24 * hourMs,
    )

  test('is accepted if it is recent and at least nine tenths of the size of the last one', () => {
    expect(assess(90, 24 * hourMs, 100)).toEqual({ outcome: 'accepted' })
    expect(assess(1, 0, null)).toEqual({ outcome: 'accepted' })
  })

  test.each([
    [0, 0, null, 'empty', 'has no VRPs'],
    [5, 25 * hourMs, null, 'old', 'is 25 hours old, and 24 hours is the limit'],
    [89, 0, 100, 'shrank', 'has 89 VRPs, 11 % fewer than the 100 of the last good one'],
    [600_000, 0, 787_737, 'shrank', 'has 600,000 VRPs, 23 % fewer than the 787,737 of the last good one'],
  ])('of %d VRPs, %d ms old, after %s is refused as %s', (size, ageMs, lastGood, reason, problem) => {
    expect(assess(size, ageMs, lastGood)).toEqual({ outcome: 'refused', reason, problem })
  })
})
