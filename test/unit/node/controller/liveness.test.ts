import { describe, expect, test } from 'vitest'
import { findLiving } from '../../../../src/node/controller/liveness.ts'

const pulse = (cycleBeganAt: number, reconcilerStepAt: number, intervalMs = 200) => ({
  services: [{ service: 'vpn', intervalMs, cycleBeganAt }],
  reconcilerStepAt,
})

describe('a controller renews the lease of a service', () => {
  test('while its probes start and its reconciler makes progress', () => {
    expect(findLiving(pulse(9_500, 9_500), 10_000)).toEqual(['vpn'])
  })

  test('for at least a second, and for three intervals of a slow probe', () => {
    expect(findLiving(pulse(9_000, 10_000), 10_000)).toEqual(['vpn'])
    expect(findLiving(pulse(8_999, 10_000), 10_000)).toEqual([])
    expect(findLiving(pulse(4_000, 10_000, 2000), 10_000)).toEqual(['vpn'])
    expect(findLiving(pulse(3_999, 10_000, 2000), 10_000)).toEqual([])
  })

  test('not while the reconciler is stuck, although the probes are good', () => {
    expect(findLiving(pulse(10_000, 5_000), 10_000)).toEqual(['vpn'])
    expect(findLiving(pulse(10_000, 4_999), 10_000)).toEqual([])
  })

  test('independently of the other services', () => {
    const services = ['a', 'b'].map((service, at) => ({ service, intervalMs: 200, cycleBeganAt: at * 5000 }))
    expect(findLiving({ services, reconcilerStepAt: 5000 }, 5000)).toEqual(['b'])
  })
})
