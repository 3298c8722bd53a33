import { describe, expect, test } from 'vitest'
import { Probing } from '../../../../../src/node/controller/services/probing.ts'
import { ServiceState } from '../../../../../src/node/controller/services/service-state.ts'
import { EndpointProbe } from '../../../../../src/node/probe/endpoint.ts'
import { Deadline } from '../../../../../src/node/wireguard/deadline.ts'
import { Exchange, failure, hasTimeForAnother } from '../../../../../src/node/wireguard/exchange.ts'

interface Counted {
  readonly withdrawals: number
  readonly impairedShare: number
  readonly packets: number
  readonly closestInitiationsMs: number
}
type Simulate<Result> = (
  parts: object,
  isOld: boolean,
  disturb: object,
  seed: number,
  ms: number,
  changed?: object,
) => Promise<Result>

const script = new URL('../../../../../scripts/suspicion/simulate.mjs', import.meta.url).href
const { countFalseWithdrawals, measureDetection, measureRecovery } = (await import(script)) as {
  countFalseWithdrawals: Simulate<Counted>
  measureDetection: Simulate<number | null>
  measureRecovery: (parts: object, disturb: object, seed: number, changed?: object) => Promise<number | null>
}
const bothAddresses = {
  endpoints: ['192.0.2.1', '2001:db8::1'].map((address) => ({ address, port: 51820 })),
}
const parts = { Probing, ServiceState, EndpointProbe, Deadline, Exchange, failure, hasTimeForAnother }

/** Ten minutes, with suspicion and as it was before. */
async function compare(disturb: object, changed: object = {}): Promise<{ old: Counted; now: Counted }> {
  return {
    old: await countFalseWithdrawals(parts, true, disturb, 1, 600_000, changed),
    now: await countFalseWithdrawals(parts, false, disturb, 1, 600_000, changed),
  }
}

async function medianDetection(disturb: object, isOld = false): Promise<number> {
  const times: number[] = []
  for (let round = 0; round < 11; round += 1) {
    const ms = await measureDetection(parts, isOld, disturb, round, 20_000 + (200 * round) / 11)
    times.push(ms ?? Number.POSITIVE_INFINITY)
  }
  return times.sort((a, b) => a - b)[5]!
}

describe('a simulated endpoint', () => {
  test('that answers is asked no more often than before, and never withdrawn', async () => {
    const { old, now } = await compare({})
    expect(now).toMatchObject({ withdrawals: 0, impairedShare: 0 })
    expect(now.packets).toBe(old.packets)
  })

  test('that hangs is found within 300 ms, and before in 800', async () => {
    expect(await medianDetection({})).toBeLessThan(300)
    expect(await medianDetection({}, true)).toBeGreaterThan(650)
  })

  test.each([
    ['behind 20 % of loss', {}],
    ['with two addresses behind 20 % of loss', bothAddresses],
  ])('%s is degraded and not withdrawn, and before it was withdrawn', async (_, changed) => {
    const { old, now } = await compare({ loss: 0.2 }, changed)
    expect(old.withdrawals).toBeGreaterThan(2)
    expect(now.withdrawals).toBe(0)
    expect(now.impairedShare).toBeGreaterThan(0.9)
  })

  test('behind 10 % of loss is degraded', async () => {
    const { now } = await compare({ loss: 0.1 })
    expect(now.withdrawals).toBe(0)
    expect(now.impairedShare).toBeGreaterThan(0.9)
  })

  test.each([
    ['one address', {}],
    ['two addresses', bothAddresses],
  ])('with %s that has answered well is not withdrawn when loss begins', async (_, changed) => {
    for (let seed = 0; seed < 150; seed += 1) {
      const disturb = { loss: 0.2, fromMs: 20_000 }
      const { withdrawals } = await countFalseWithdrawals(parts, false, disturb, seed, 35_000, changed)
      expect(withdrawals, `seed ${seed}`).toBe(0)
    }
  })

  test('that loses half of the initiations alone is degraded and not withdrawn', async () => {
    const holdDown = { initialMs: 1000, maxMs: 600_000 }
    const { now } = await compare({ initiations: 0.5 }, { holdDown })
    expect(now.withdrawals).toBe(0)
    expect(now.impairedShare).toBeGreaterThan(0.8)
  })

  test('that is flooded with handshakes is not degraded', async () => {
    const { now } = await compare({ floods: { everyMs: 60_000, ms: 10_000 } })
    expect(now.impairedShare).toBe(0)
  })

  test.each([
    ['bursts of loss', { bursts: { share: 0.05, packets: 5 } }],
    ['spikes of latency', { spikes: { share: 0.3, ms: 250 } }],
    ['floods of handshakes', { floods: { everyMs: 60_000, ms: 10_000 } }],
    ['a starved machine', { starved: { everyMs: 1000, ms: 50 } }],
  ])('with %s is withdrawn no more often than before', async (_what, disturb) => {
    const { old, now } = await compare(disturb)
    expect(now.withdrawals).toBeLessThanOrEqual(old.withdrawals)
  })

  test.each([
    ['the defaults', {}],
    ['cycles that overlap more', { intervalMs: 100, rise: 2, fall: 2 }],
  ])('that answers late, but in time, is healthy again after a failure, with %s', async (_what, changed) => {
    for (const lagMs of [0, 25, 50, 60, 70, 80, 90]) {
      const tookMs = await measureRecovery(parts, { lagMs }, 1, { ...changed, ...bothAddresses })
      expect(tookMs, `${lagMs} ms`).toBeLessThan(3000)
    }
  })

  test('gets no two initiations within 30 ms', async () => {
    const { now } = await compare({ loss: 0.3 })
    expect(now.closestInitiationsMs).toBeGreaterThanOrEqual(30)
  })
})
