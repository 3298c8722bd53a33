import { describe, expect, it } from 'vitest'
import { createSideProbe, good } from '../../../../../src/node/probe/side/create-side-probe.ts'
import { createEgressProbe, type EgressTunnel } from '../../../../../src/node/probe/side/egress.ts'

const settings = {
  targets: [{ protocol: 'icmp' as const, address: '198.51.100.1', port: null, name: null }],
  need: 1,
  intervalMs: 1_000,
  timeoutMs: 50,
  rise: 2,
  fall: 3,
}

/** A tunnel that returns no packet. */
const silent: EgressTunnel = {
  exchange: () => Promise.resolve({ ok: false, cause: 'no-reply', detail: 'did not answer within 50 ms' }),
  tell: () => {},
  runCycle: () => Promise.resolve({ outcome: 'good', handshakeMs: 1, pingMs: 1 }),
}

describe('a side probe', () => {
  it('never rejects, whichever error occurs', async () => {
    const probe = createSideProbe({
      check: 'peers',
      intervalMs: 1_000,
      ask: () => Promise.reject(new Error('a bug')),
    })
    expect(await probe.run()).toEqual({
      check: 'peers',
      outcome: 'inconclusive',
      cause: 'failed',
      detail: 'a bug',
      tookMs: expect.any(Number),
    })
  })

  it('returns nothing after it is closed', async () => {
    const probe = createSideProbe({ check: 'peers', intervalMs: 1_000, ask: async () => good('fine') })
    expect(await probe.run()).toMatchObject({ outcome: 'good' })
    await probe.close()
    expect(await probe.run()).toMatchObject({ outcome: 'inconclusive', cause: 'closed' })
  })
})

describe('an egress without an answer', () => {
  const run = (tunnel: Partial<EgressTunnel>) =>
    createEgressProbe(settings, '10.80.255.254', { ...silent, ...tunnel }).run()

  it('is bad while the endpoint is good', async () => {
    expect(await run({})).toMatchObject({
      outcome: 'bad',
      cause: 'egress-no-reply',
      detail: '0 of 1 targets answered, 1 needed; 198.51.100.1 (icmp) did not answer within 50 ms',
    })
  })

  it.each(['bad', 'inconclusive'] as const)('is inconclusive while the endpoint is %s', async (outcome) => {
    const detail = '192.0.2.1:51820 did not answer within 300 ms'
    const cycle =
      outcome === 'bad'
        ? ({ outcome, check: 'ping', cause: 'no-reply', detail } as const)
        : ({ outcome, cause: 'under-load', detail } as const)
    expect(await run({ runCycle: () => Promise.resolve(cycle) })).toMatchObject({
      outcome: 'inconclusive',
      cause: 'endpoint-down',
      detail: `the egress is unknown: the endpoint ${detail}`,
    })
  })

  it.each(['no-session', 'starved', 'closed', 'unreachable'] as const)(
    'is inconclusive where it could not be tested: %s',
    async (cause) => {
      const exchange = () => Promise.resolve({ ok: false, cause, detail: 'has no live session' } as const)
      expect(await run({ exchange })).toMatchObject({
        outcome: 'inconclusive',
        cause,
        detail: 'the probe has no live session',
      })
    },
  )

  it('requires targets of the probe’s own address family', () => {
    expect(() => createEgressProbe(settings, 'fd00::1', silent)).toThrow(TypeError)
  })
})
