import { describe, expect, test } from 'vitest'
import { Leases } from '../../../../src/node/guard/leases.ts'

const lookMs = 50

/** A guard of one service, `vpn`, with a lease of a second, and its clock. */
function start() {
  let now = 0
  const leases = new Leases(new Map([['vpn', 1000]]), now)
  return {
    leases,
    renew: () => leases.renew(['vpn'], now),
    /** Looks in time until then; returns when it ran out, or null. */
    runUntil(end: number): number | null {
      while (now + lookMs <= end) {
        now += lookMs
        if (leases.look(now).length > 0) return now
      }
      return null
    },
    /** The machine stands still, and then there is one look. */
    standStill(ms: number): string[] {
      now += ms
      return leases.look(now)
    },
    now: () => now,
  }
}

describe('leases', () => {
  test('are looked at twenty times in the shortest of them', () => {
    expect(start().leases.lookMs).toBe(lookMs)
    expect(new Leases(new Map([['a', 200]]), 0).lookMs).toBe(20)
  })

  test('what was never vouched for does not run out', () => {
    expect(start().runUntil(10_000)).toBeNull()
  })

  test('run out a lease after the last renewal, not before', () => {
    const guard = start()
    guard.renew()
    expect(guard.runUntil(600)).toBeNull()
    guard.renew()
    expect(guard.runUntil(5000)).toBe(1600)
  })

  test('a service that this guard does not know is not taken up', () => {
    const { leases } = start()
    leases.renew(['other'], 0)
    expect(leases.left(0)).toEqual({})
  })

  test('a controller that makes room for another gives it fifteen seconds, and brings nothing back that ran out', () => {
    const guard = start()
    guard.renew()
    guard.leases.handOver(guard.now())
    expect(guard.runUntil(14_900)).toBeNull()
    expect(guard.runUntil(20_000)).toBe(15_000)
    guard.leases.handOver(guard.now())
    expect(guard.standStill(lookMs)).toEqual(['vpn'])
  })

  test('what is released never runs out', () => {
    const guard = start()
    guard.renew()
    guard.leases.release(['vpn'])
    expect(guard.runUntil(5000)).toBeNull()
    expect(guard.leases.size).toBe(0)
  })

  test('what ran out stays so until it is renewed', () => {
    const guard = start()
    guard.renew()
    expect(guard.runUntil(5000)).toBe(1000)
    expect(guard.runUntil(6000)).toBe(1050)
    guard.renew()
    expect(guard.runUntil(1500)).toBeNull()
  })

  test("failure 13: a machine that stood still gives the controller half a lease's time to renew", () => {
    const guard = start()
    guard.renew()
    expect(guard.standStill(60_000)).toEqual([])
    expect(guard.runUntil(60_400)).toBeNull()
    guard.renew()
    expect(guard.runUntil(61_350)).toBeNull()
    expect(guard.runUntil(61_500)).toBe(61_400)
  })

  test('failure 13: so it does where only a moment was left when the machine went on', () => {
    const guard = start()
    guard.renew()
    guard.standStill(950)
    expect(guard.runUntil(1400)).toBeNull()
    expect(guard.runUntil(5000)).toBe(1450)
  })

  test('failure 13: it is given once: a machine that stands still again and again defers nothing for ever', () => {
    const guard = start()
    guard.renew()
    expect(guard.standStill(2000)).toEqual([])
    expect(guard.standStill(400)).toEqual([])
    expect(guard.standStill(400)).toEqual(['vpn'])
  })

  test('a renewal earns it anew', () => {
    const guard = start()
    guard.renew()
    guard.standStill(2000)
    guard.renew()
    expect(guard.standStill(2000)).toEqual([])
  })

  test('what had run out before gets nothing', () => {
    const guard = start()
    guard.renew()
    expect(guard.runUntil(5000)).toBe(1000)
    expect(guard.standStill(2000)).toEqual(['vpn'])
  })

  test('a look that is a little late changes nothing', () => {
    const guard = start()
    guard.renew()
    guard.runUntil(900)
    expect(guard.standStill(200)).toEqual(['vpn'])
  })

  test('another guard’s are taken over with the time that was left, and never with more than a hand-over', () => {
    const { leases } = start()
    leases.adopt({ vpn: 300, gone: 500 }, 0)
    expect(leases.left(100)).toEqual({ vpn: 200 })
    leases.adopt({ vpn: 1e12 }, 0)
    expect(leases.left(0)).toEqual({ vpn: 15_000 })
    leases.adopt({ vpn: -500 }, 0)
    expect(leases.look(lookMs)).toEqual(['vpn'])
  })
})
