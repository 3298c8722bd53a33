import { describe, expect, test } from 'vitest'
import type { Clock } from '../../../../../src/clock/clock.ts'
import { EndpointProbe, type EndpointProbeOptions } from '../../../../../src/node/probe/endpoint.ts'
import type { ProbeResult } from '../../../../../src/node/probe/result.ts'
import { CloseCycles } from '../../../../../src/node/probe/suspicion/close-cycles.ts'
import { Exchange, failure, hasTimeForAnother } from '../../../../../src/node/wireguard/exchange.ts'

interface Answer {
  /** `null`: it is lost. */
  readonly atMs: number | null
  readonly isCookie: boolean
}
interface VirtualClock extends Clock {
  run(untilMs: number, isOver?: () => boolean): Promise<void>
}

const script = (name: string) =>
  import(new URL(`../../../../../scripts/suspicion/${name}.mjs`, import.meta.url).href)
const { VirtualClock } = (await script('virtual-clock')) as {
  VirtualClock: new (stalls?: readonly (readonly [number, number])[]) => VirtualClock
}
const { SimulatedClient } = (await script('client')) as {
  SimulatedClient: new (...args: unknown[]) => NonNullable<EndpointProbeOptions['client']>
}

const endpoint = { address: '192.0.2.1', port: 51820 }
const timeoutMs = 300
const intervalMs = 200

function normal(nowMs: number): Answer {
  return { atMs: nowMs + 1, isCookie: false }
}

/** A server that answers after a millisecond, unless `answer` says something else. */
class Bed {
  readonly clock: VirtualClock
  readonly probe: EndpointProbe
  readonly rounds: { result: ProbeResult; atMs: number }[] = []
  readonly sent: { atMs: number; isInitiation: boolean }[] = []
  answer: (nowMs: number, isInitiation: boolean) => Answer | null = normal

  constructor(
    options: Partial<EndpointProbeOptions> = {},
    stalls: readonly (readonly [number, number])[] = [],
  ) {
    this.clock = new VirtualClock(stalls)
    const world = {
      answer: (nowMs: number, isInitiation: boolean) => {
        this.sent.push({ atMs: nowMs, isInitiation })
        return this.answer(nowMs, isInitiation)
      },
    }
    const client = new SimulatedClient({ Exchange, failure, hasTimeForAnother }, world, this.clock, false)
    this.probe = new EndpointProbe({
      endpoints: [endpoint],
      serverPublicKey: Buffer.alloc(32),
      privateKey: Buffer.alloc(32),
      presharedKey: null,
      address: '10.80.255.254',
      tunnelAddresses: ['10.80.0.1'],
      timeoutMs,
      checks: ['handshake', 'ping'],
      suspicion: { intervalMs, fall: 3 },
      client,
      clock: this.clock,
      ...options,
    })
  }

  /** One cycle to its end, and what remains of the interval. */
  async cycle(isServing = true): Promise<{ result: ProbeResult; tookMs: number }> {
    const beganAt = this.clock.now()
    let result: ProbeResult | null = null
    const onRound = (bad: ProbeResult) => this.rounds.push({ result: bad, atMs: this.clock.now() - beganAt })
    const pending = isServing ? this.probe.runCycle(onRound) : this.probe.runCycle()
    void pending.then((ended) => {
      result = ended
    })
    await this.clock.run(beganAt + 5000, () => result !== null)
    const tookMs = Math.round(this.clock.now() - beganAt)
    await this.clock.run(beganAt + Math.max(tookMs, intervalMs))
    if (result === null) throw new Error('the cycle has not ended')
    return { result, tookMs }
  }

  /** It has learned how soon the endpoint answers, and its next cycle needs no handshake. */
  async learn(): Promise<this> {
    for (let count = 0; count < 41; count += 1) await this.cycle(false)
    this.sent.length = 0
    return this
  }
}

const silent = () => null
const rounds = (bed: Bed) => bed.rounds.map(({ result, atMs }) => [result.outcome, Math.round(atMs)])

describe('a cycle with a missed answer', () => {
  test('asks closely: each round of silence is a bad probe, until there are `fall`', async () => {
    const bed = await new Bed().learn()
    bed.answer = silent
    const { result, tookMs } = await bed.cycle()
    expect(result).toMatchObject({
      outcome: 'bad',
      check: 'handshake',
      cause: 'no-reply',
      detail: '192.0.2.1:51820 did not answer within 186 ms',
    })
    expect(rounds(bed)).toEqual([
      ['bad', 62],
      ['bad', 124],
    ])
    expect(tookMs).toBe(186)
    const initiations = bed.sent.filter(({ isInitiation }) => isInitiation).map(({ atMs }) => atMs)
    expect(initiations.length).toBeGreaterThan(3)
    for (const [at, atMs] of initiations.slice(1).entries())
      expect(atMs - initiations[at]!).toBeGreaterThanOrEqual(30)
    // At once after the missed answer.
    expect(bed.sent.filter(({ isInitiation }) => !isInitiation)[1]!.atMs - bed.sent[0]!.atMs).toBe(31)
  })

  test.each([
    ['once it serves no longer: one cycle, one handshake at each third of the timeout', false, 3],
    ['after a bad one, but asks as often while it serves', true, 9],
  ])('counts as without suspicion %s', async (_, isServing, initiations) => {
    const bed = await new Bed().learn()
    bed.answer = silent
    await bed.cycle()
    bed.sent.length = 0
    bed.rounds.length = 0
    const { result, tookMs } = await bed.cycle(isServing)
    expect(result).toMatchObject({ outcome: 'bad' })
    expect(tookMs).toBe(timeoutMs)
    expect(bed.sent.map(({ isInitiation }) => isInitiation)).toEqual(Array(initiations).fill(true))
    expect(rounds(bed)).toEqual([])
  })

  test('is good as soon as an answer comes, and the packet counts as lost after the timeout, once', async () => {
    const bed = await new Bed().learn()
    const lostAt = bed.clock.now()
    bed.answer = (nowMs) => (nowMs === lostAt ? null : normal(nowMs))
    const { result, tookMs } = await bed.cycle()
    expect(result).toEqual({ outcome: 'good', handshakeMs: null, pingMs: 1 })
    expect(tookMs).toBe(32)
    expect(rounds(bed)).toEqual([])
    const next = [await bed.cycle(), await bed.cycle(), await bed.cycle()]
    expect(next.map((cycle) => cycle.result)).toMatchObject([
      { outcome: 'good' },
      { outcome: 'good', lost: 'ping' },
      { outcome: 'good' },
    ])
    expect(next.filter((cycle) => 'lost' in cycle.result)).toHaveLength(1)
  })

  test('has another session where the answer to a later initiation was lost, so that the server has dropped its first', async () => {
    const bed = await new Bed().learn()
    // The next one needs a handshake.
    for (let count = 0; count < 4; count += 1) await bed.cycle(false)
    let initiations = 0
    bed.answer = (nowMs, isInitiation) => {
      if (!isInitiation) return initiations < 3 ? null : normal(nowMs)
      initiations += 1
      if (initiations > 2) return normal(nowMs)
      return { atMs: initiations === 1 ? nowMs + 40 : null, isCookie: false }
    }
    expect((await bed.cycle()).result).toMatchObject({ outcome: 'good' })
    expect(initiations).toBe(3)
  })

  test('does not count a late answer as lost', async () => {
    const bed = await new Bed().learn()
    const lateAt = bed.clock.now()
    bed.answer = (nowMs) => (nowMs === lateAt ? { atMs: nowMs + 50, isCookie: false } : normal(nowMs))
    for (let count = 0; count < 5; count += 1) expect((await bed.cycle()).result).not.toHaveProperty('lost')
  })

  test('forgets the bad probes before an answer, but gives the endpoint as long the next time', async () => {
    const bed = await new Bed().learn()
    const stalledAt = bed.clock.now()
    bed.answer = (nowMs) => ({ atMs: Math.max(nowMs, stalledAt + 100) + 1, isCookie: false })
    expect((await bed.cycle()).result).toMatchObject({ outcome: 'good' })
    expect(rounds(bed)).toEqual([['bad', 62]])
    bed.rounds.length = 0
    // Until the limit of an answer has forgotten it.
    for (let count = 0; count < 100; count += 1) await bed.cycle()
    bed.answer = silent
    expect((await bed.cycle()).tookMs).toBe(303)
    expect(rounds(bed).map(([, atMs]) => atMs)).toEqual([101, 202])
  })

  test.each([
    ['learns from one that was taken for a death and ended too soon for a repair', 400, false],
    ['learns nothing from a death that lasted', 1000, true],
  ])('%s', async (_, lastsMs, isClose) => {
    const bed = await new Bed().learn()
    const silence = async () => {
      const from = bed.clock.now()
      bed.answer = (nowMs) => (nowMs < from + lastsMs ? null : normal(nowMs))
      const { tookMs } = await bed.cycle()
      for (let count = 0; count < 20; count += 1) await bed.cycle(false)
      return tookMs
    }
    expect(await silence()).toBe(186)
    expect((await silence()) < 200).toBe(isClose)
  })

  test('is inconclusive under load, and proves nothing', async () => {
    const bed = await new Bed().learn()
    bed.answer = (nowMs, isInitiation) => (isInitiation ? { atMs: nowMs + 1, isCookie: true } : null)
    const { result } = await bed.cycle()
    expect(result).toMatchObject({ outcome: 'inconclusive', cause: 'under-load' })
    expect(rounds(bed)).toEqual([])
  })

  test.each([
    ['no lost packets while the server asks for cookies, and ten seconds more', true],
    ['those of a server that does not', false],
  ])('counts %s', async (_, isLoaded) => {
    const bed = await new Bed().learn()
    const cycles = async (count: number) => {
      const results = []
      for (let cycle = 0; cycle < count; cycle += 1) results.push((await bed.cycle()).result)
      return results.filter((result) => 'lost' in result).length
    }
    let cookies = 0
    let packets = 0
    bed.answer = (nowMs, isInitiation) => {
      if (isInitiation && isLoaded && nowMs < 10_000) {
        cookies += 1
        return { atMs: nowMs + 1, isCookie: cookies % 2 === 1 }
      }
      packets += 1
      return packets % 3 === 0 ? null : normal(nowMs)
    }
    const lost = await cycles(50)
    expect(cookies > 0).toBe(isLoaded)
    if (isLoaded) expect(lost).toBe(0)
    else expect(lost).toBeGreaterThan(10)
    await cycles(50)
    expect(await cycles(50)).toBeGreaterThan(10)
  })

  test('is inconclusive if this process was not scheduled, and the next ones wait for their timeout', async () => {
    const now = (await new Bed().learn()).clock.now()
    const late = new Bed({}, [[now + 40, now + 70]])
    await late.learn()
    late.answer = silent
    expect((await late.cycle()).result).toMatchObject({ outcome: 'inconclusive', cause: 'starved' })
    expect(rounds(late)).toEqual([])
    expect((await late.cycle()).tookMs).toBe(timeoutMs)
  })

  test('learns nothing from a silence in the first seconds', async () => {
    const bed = new Bed()
    for (let count = 0; count < 6; count += 1) await bed.cycle()
    const from = bed.clock.now()
    bed.answer = (nowMs) => ({ atMs: Math.max(nowMs, from + 100) + 1, isCookie: false })
    expect((await bed.cycle()).tookMs).toBeGreaterThan(100)
    for (let count = 0; count < 105; count += 1) await bed.cycle()
    bed.answer = silent
    expect((await bed.cycle()).tookMs).toBe(186)
  })

  test('learns nothing of the endpoint from a silence in which this process was not scheduled', async () => {
    const now = (await new Bed().learn()).clock.now()
    const late = await new Bed({}, [[now + 0.5, now + 80]]).learn()
    expect(await late.cycle()).toMatchObject({ result: { outcome: 'good' }, tookMs: 80 })
    // The machine counts as busy for ten seconds.
    for (let count = 0; count < 60; count += 1) await late.cycle()
    late.answer = silent
    expect((await late.cycle()).tookMs).toBe(186)
  })

  test('reads the answers that arrived during a stall before it judges', async () => {
    const now = (await new Bed().learn()).clock.now()
    // A stall of less than a third of the round, over its end.
    const late = await new Bed({}, [[now + 55, now + 70]]).learn()
    late.answer = (nowMs) => ({ atMs: Math.max(nowMs, now + 60) + 1, isCookie: false })
    expect((await late.cycle()).result).toMatchObject({ outcome: 'good' })
    expect(rounds(late)).toEqual([])
  })

  test('leaves a handshake that fails while echoes are answered to the timeout, and to other cycles', async () => {
    const bed = await new Bed().learn()
    bed.answer = (nowMs, isInitiation) => (isInitiation ? null : normal(nowMs))
    const results = []
    for (let count = 0; count < 5; count += 1) {
      results.push(await bed.cycle())
      expect(bed.probe.isAskingClosely).toBe(false)
    }
    const bad = results.filter(({ result }) => result.outcome === 'bad')
    expect(bad).toHaveLength(1)
    expect(bad[0]).toMatchObject({ result: { check: 'handshake', cause: 'no-reply' }, tookMs: timeoutMs })
    expect(rounds(bed)).toEqual([])
  })

  test('leaves one of two addresses that is silent to the timeout, and to other cycles', async () => {
    const bed = await new Bed({ endpoints: [endpoint, { ...endpoint, address: '2001:db8::1' }] }).learn()
    let echoes = 0
    bed.answer = (nowMs, isInitiation) => {
      if (isInitiation) return normal(nowMs)
      echoes += 1
      return echoes === 1 ? normal(nowMs) : null
    }
    const { result, tookMs } = await bed.cycle()
    expect(result).toMatchObject({ outcome: 'bad', check: 'ping' })
    expect(result).toMatchObject({ detail: '[2001:db8::1]:51820 did not answer within 300 ms' })
    expect(tookMs).toBe(timeoutMs)
    expect(rounds(bed)).toEqual([])
    // The session works: no handshake could help.
    expect(bed.sent.filter(({ isInitiation }) => isInitiation)).toEqual([])
  })

  test('leaves echoes that fail while a handshake is answered to the timeout', async () => {
    const bed = await new Bed().learn()
    bed.answer = (nowMs, isInitiation) => (isInitiation ? normal(nowMs) : null)
    const { result, tookMs } = await bed.cycle()
    expect(result).toMatchObject({ outcome: 'bad', check: 'ping' })
    expect(tookMs).toBe(timeoutMs)
    expect(rounds(bed)).toEqual([])
  })

  test('finds a silent endpoint with handshakes alone', async () => {
    const bed = await new Bed({ checks: ['handshake'] }).learn()
    bed.answer = silent
    const { result, tookMs } = await bed.cycle()
    expect(result).toMatchObject({ outcome: 'bad', check: 'handshake' })
    expect(tookMs).toBe(186)
    expect(rounds(bed)).toHaveLength(2)
  })

  test('happens for a cycle whose caller wants its rounds, and for no other', async () => {
    const bed = await new Bed().learn()
    bed.answer = silent
    expect((await bed.cycle(false)).tookMs).toBe(timeoutMs)
  })

  test('happens for eight endpoints of a node at a time', async () => {
    const closeCycles = new CloseCycles()
    for (let taken = 0; taken < 8; taken += 1) expect(closeCycles.begin()).toBe(true)
    const bed = await new Bed({ closeCycles }).learn()
    bed.answer = silent
    expect((await bed.cycle()).tookMs).toBe(timeoutMs)
    expect(rounds(bed)).toEqual([])
    closeCycles.end()
    const next = await new Bed({ closeCycles }).learn()
    next.answer = silent
    expect((await next.cycle()).tookMs).toBe(186)
    // It has given back its place.
    expect(closeCycles.begin()).toBe(true)
    expect(closeCycles.begin()).toBe(false)
  })

  test('can be turned off', async () => {
    const bed = await new Bed({ suspicion: null }).learn()
    bed.answer = silent
    expect((await bed.cycle()).tookMs).toBe(timeoutMs)
    expect(rounds(bed)).toEqual([])
  })
})
