import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { handOverMs, Leases } from '../../../../src/node/guard/leases.ts'

const lookMs = 50

/** A guard of one service, `vpn`, with a deadline of a second, and its clock. */
function start() {
  let now = 0
  const leases = new Leases(new Map([['vpn', 1000]]), now)
  return {
    leases,
    renew: () => leases.renew(['vpn'], now),
    /** Checks in time until then; returns when the deadline passed, or null. */
    runUntil(end: number): number | null {
      while (now + lookMs <= end) {
        now += lookMs
        if (leases.look(now).length > 0) return now
      }
      return null
    },
    /** The machine pauses, followed by one check. */
    standStill(ms: number): string[] {
      now += ms
      return leases.look(now)
    },
    now: () => now,
  }
}

describe('watchdog deadlines', () => {
  test('are checked twenty times within the shortest of them', () => {
    expect(start().leases.lookMs).toBe(lookMs)
    expect(new Leases(new Map([['a', 200]]), 0).lookMs).toBe(20)
  })

  test('a service that was never renewed does not expire', () => {
    expect(start().runUntil(10_000)).toBeNull()
  })

  test('expire their time after the last renewal, not before', () => {
    const guard = start()
    guard.renew()
    expect(guard.runUntil(600)).toBeNull()
    guard.renew()
    expect(guard.runUntil(5000)).toBe(1600)
  })

  test('an unknown service is ignored', () => {
    const { leases } = start()
    leases.renew(['other'], 0)
    expect(leases.left(0)).toEqual({})
  })

  test('a hand-over extends to forty seconds, and does not revive an expired deadline', () => {
    const guard = start()
    guard.renew()
    guard.leases.handOver(guard.now())
    expect(guard.runUntil(39_900)).toBeNull()
    expect(guard.runUntil(50_000)).toBe(40_000)
    guard.leases.handOver(guard.now())
    expect(guard.standStill(lookMs)).toEqual(['vpn'])
  })

  test('a hand-over is as long as the unit of the package gives one controller to stop and the next to start', async () => {
    const unit = await readFile('scripts/packaging/units/anyward-controller.service', 'utf8')
    const seconds = (name: string) => Number(new RegExp(`^${name}=(\\d+)s$`, 'm').exec(unit)![1])
    expect(handOverMs).toBe((seconds('TimeoutStopSec') + seconds('TimeoutStartSec')) * 1000)
  })

  test('a released deadline never expires', () => {
    const guard = start()
    guard.renew()
    guard.leases.release(['vpn'])
    expect(guard.runUntil(5000)).toBeNull()
    expect(guard.leases.size).toBe(0)
  })

  test('an expired deadline stays expired until it is renewed', () => {
    const guard = start()
    guard.renew()
    expect(guard.runUntil(5000)).toBe(1000)
    expect(guard.runUntil(6000)).toBe(1050)
    guard.renew()
    expect(guard.runUntil(1500)).toBeNull()
  })

  test('failure 13: after a pause of the machine, the controller has half the time to renew', () => {
    const guard = start()
    guard.renew()
    expect(guard.standStill(60_000)).toEqual([])
    expect(guard.runUntil(60_400)).toBeNull()
    guard.renew()
    expect(guard.runUntil(61_350)).toBeNull()
    expect(guard.runUntil(61_500)).toBe(61_400)
  })

  test('failure 13: also if only a moment was left when the machine continued', () => {
    const guard = start()
    guard.renew()
    guard.standStill(950)
    expect(guard.runUntil(1400)).toBeNull()
    expect(guard.runUntil(5000)).toBe(1450)
  })

  test('failure 13: only once: repeated pauses do not defer the expiry indefinitely', () => {
    const guard = start()
    guard.renew()
    expect(guard.standStill(2000)).toEqual([])
    expect(guard.standStill(400)).toEqual([])
    expect(guard.standStill(400)).toEqual(['vpn'])
  })

  test('a renewal allows the extension again', () => {
    const guard = start()
    guard.renew()
    guard.standStill(2000)
    guard.renew()
    expect(guard.standStill(2000)).toEqual([])
  })

  test('an expired deadline is not extended', () => {
    const guard = start()
    guard.renew()
    expect(guard.runUntil(5000)).toBe(1000)
    expect(guard.standStill(2000)).toEqual(['vpn'])
  })

  test('a check that is a little late changes nothing', () => {
    const guard = start()
    guard.renew()
    guard.runUntil(900)
    expect(guard.standStill(200)).toEqual(['vpn'])
  })

  test('deadlines of another guard are adopted with the time left, limited to a hand-over', () => {
    const { leases } = start()
    leases.adopt({ vpn: 300, gone: 500 }, 0)
    expect(leases.left(100)).toEqual({ vpn: 200 })
    leases.adopt({ vpn: 1e12 }, 0)
    expect(leases.left(0)).toEqual({ vpn: 40_000 })
    leases.adopt({ vpn: -500 }, 0)
    expect(leases.look(lookMs)).toEqual(['vpn'])
  })
})
