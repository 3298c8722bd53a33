import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { systemClock } from '../../../../src/clock/clock.ts'
import type { WgPeer } from '../../../../src/linux/wg.ts'
import { Pace } from '../../../../src/node/rescue/limiter.ts'
import { Roster } from '../../../../src/node/rescue/roster.ts'
import { choose } from '../../../../src/node/rescue/sweep/choose.ts'
import type { HandshakeStart, RescueDevice } from '../../../../src/node/rescue/sweep/device.ts'
import { OtherNodes } from '../../../../src/node/rescue/sweep/other-nodes.ts'
import { Rescuer } from '../../../../src/node/rescue/sweep/rescuer.ts'

const keyOf = (at: number) => Buffer.alloc(32, `peer ${at} `).toString('base64')
const endpointOf = (at: number) => ({ address: `203.0.${at >> 8}.${at & 255}`, port: 4000 })

beforeEach(() => {
  vi.useFakeTimers({ now: Date.UTC(2026, 10, 30) })
})
afterEach(() => {
  vi.useRealTimers()
})

/** Node b of the nodes a, b, c. `answers`: which peers answer an initiation of b. */
function start({
  announcing = ['b'],
  answers = () => true,
  sends = () => true,
  fails = () => false,
}: {
  announcing?: readonly string[]
  answers?: (peer: string, attempt: number) => boolean
  /** Whether the interface sends an initiation. */
  sends?: (start: HandshakeStart) => boolean
  fails?: () => boolean
} = {}) {
  const clock = { ...systemClock, now: () => Date.now() }
  const nodes = ['a', 'b', 'c'].map((name) => ({ name, site: name, services: ['vpn'] }))
  const roster = new Roster({ self: 'b', nodes, anycast: ['192.0.2.1'] })
  for (const node of ['a', 'c']) roster.setSkew(node, 0)
  const peers = new Map<string, Pick<WgPeer, 'handshakeS' | 'received' | 'sent'>>()
  const settings = { endpoint: '(none)', allowedIps: '10.0.0.2/32', keepaliveS: 0 }
  let startMs = 0
  const starts: (HandshakeStart & { at: number })[] = []
  const attempts = new Map<string, number>()
  const ends: string[] = []
  const keepalives: string[] = []
  const device: RescueDevice = {
    setEndpoints: async () => {},
    sendKeepalives: async (reached) => {
      keepalives.push(...reached.map(({ publicKey }) => publicKey))
    },
    look: async () => {
      if (fails()) throw new Error('wg show wg0: no answer within 5000 ms')
      return new Map(
        Array.from(peers, ([publicKey, traffic]) => [publicKey, { publicKey, ...settings, ...traffic }]),
      )
    },
    start: async (batch) => {
      if (startMs > 0) await clock.sleep(startMs)
      for (const one of batch) {
        starts.push({ ...one, at: clock.now() - Date.UTC(2026, 10, 30) })
        const attempt = (attempts.get(one.peer) ?? 0) + 1
        attempts.set(one.peer, attempt)
        const handshakeS = answers(one.peer, attempt) ? Math.floor(clock.wall() / 1000) : 0
        const sent = (peers.get(one.peer)?.sent ?? 0) + (sends(one) ? 148 : 0)
        peers.set(one.peer, { handshakeS, received: 148, sent })
      }
    },
  }
  const problems: (string | null)[] = []
  const rescuer = new Rescuer({
    self: 'b',
    clock,
    roster,
    devices: new Map([['vpn', device]]),
    pace: new Pace({ perSecond: 3000, burst: 300 }, clock.now()),
    announcing: () => announcing,
    serves: () => announcing.includes('b'),
    observer: {
      ended: ({ trigger, outcome }) => ends.push(`${trigger} ${outcome}`),
      failed: (_, problem) => problems.push(problem),
    },
  })
  /** That node serves the peer, with a handshake so many milliseconds ago. */
  const serve = (node: string, at: number, agoMs = 10_000) => {
    const claim = {
      service: 'vpn',
      peer: keyOf(at),
      endpoint: endpointOf(at),
      handshakeMs: clock.wall() - agoMs,
    }
    expect(roster.put(node, claim, clock.wall())).toBe('stored')
    if (!peers.has(keyOf(at))) peers.set(keyOf(at), { handshakeS: 0, received: 148, sent: 0 })
  }
  return {
    rescuer,
    roster,
    peers,
    starts,
    ends,
    keepalives,
    problems,
    serve,
    slow: (ms: number) => {
      startMs = ms
    },
    pass: (ms: number) => vi.advanceTimersByTimeAsync(ms),
  }
}

describe('a node that says that it has withdrawn', () => {
  test('its peers are rescued at once, and those of others are not', async () => {
    const { rescuer, serve, pass, starts, ends } = start()
    serve('a', 1)
    serve('a', 2)
    serve('c', 3)
    serve('b', 4)
    rescuer.takeOver('a', 'vpn', 'reported')
    await pass(100)
    expect(starts.map(({ peer, endpoint, force }) => ({ peer, endpoint, force }))).toEqual([
      { peer: keyOf(1), endpoint: endpointOf(1), force: false },
      { peer: keyOf(2), endpoint: endpointOf(2), force: false },
    ])
    expect(ends).toEqual(['reported handshake', 'reported handshake'])
    expect(rescuer.size).toBe(0)
  })

  test('a peer that has a session is sent a keepalive of it, in case that of WireGuard was lost, and no other one is', async () => {
    const { rescuer, serve, pass, keepalives, ends } = start({ answers: (peer) => peer === keyOf(1) })
    serve('a', 1)
    serve('a', 2)
    rescuer.takeOver('a', 'vpn', 'reported')
    await pass(100)
    expect(keepalives).toEqual([keyOf(1)])
    await pass(60_000)
    expect(ends).toEqual(['reported handshake', 'reported unanswered'])
    expect(keepalives).toEqual([keyOf(1)])
  })

  test('a peer that has gone on to another node is not', async () => {
    const { rescuer, serve, pass, starts } = start()
    serve('a', 1, 10_000)
    serve('c', 1, 5_000)
    rescuer.takeOver('a', 'vpn', 'reported')
    await pass(1000)
    expect(starts).toEqual([])
  })

  test('a node that does not announce the service rescues no peer', async () => {
    const { rescuer, serve, pass, starts } = start({ announcing: ['c'] })
    serve('a', 1)
    rescuer.takeOver('a', 'vpn', 'reported')
    rescuer.takePacket('vpn', endpointOf(1), 'session')
    await pass(1000)
    expect(starts).toEqual([])
  })

  test('attempts are repeated after half a second, and then ever later, until the route has moved', async () => {
    const { rescuer, serve, pass, starts, ends } = start({ answers: (_, attempt) => attempt === 4 })
    serve('a', 1)
    rescuer.takeOver('a', 'vpn', 'reported')
    await pass(3000)
    expect(starts.map(({ force }) => force)).toEqual([false, true, true, true])
    const waits = starts.slice(1).map(({ at }, index) => at - starts[index]!.at)
    for (const [index, wait] of [500, 750, 1125].entries()) {
      expect(waits[index]).toBeGreaterThanOrEqual(wait)
      expect(waits[index]).toBeLessThan(wait + 100)
    }
    expect(ends).toEqual(['reported handshake'])
  })

  test('an attempt follows at once when a packet of the peer arrives', async () => {
    const { rescuer, serve, pass, starts, ends } = start({ answers: (_, attempt) => attempt === 2 })
    serve('a', 1)
    rescuer.takeOver('a', 'vpn', 'reported')
    await pass(200)
    rescuer.takePacket('vpn', endpointOf(1), 'session')
    await pass(100)
    expect(starts).toHaveLength(2)
    expect(ends).toEqual(['reported handshake'])
  })

  test('where another node may be the right one, a packet that arrives there decides first', async () => {
    const { rescuer, serve, pass, starts, ends } = start({ announcing: ['b', 'c'] })
    const mine = Array.from({ length: 20 }, (_, at) => at).filter(
      (at) => choose(['b', 'c'], keyOf(at)) === 'b',
    )
    const [first, second] = mine as [number, number]
    serve('a', first)
    serve('a', second)
    rescuer.takeOver('a', 'vpn', 'reported')
    await pass(40)
    expect(starts).toEqual([])
    rescuer.takePacket('vpn', endpointOf(first), 'session')
    await pass(10)
    expect(starts.map(({ peer }) => peer)).toEqual([keyOf(first)])
    serve('c', second, 500)
    await pass(100)
    expect(starts).toHaveLength(1)
    expect(ends).toEqual(['reported handshake', 'reported elsewhere'])
  })

  test('they end when another node has the peer', async () => {
    const { rescuer, roster, serve, pass, starts, ends } = start({ answers: () => false })
    serve('a', 1)
    rescuer.takeOver('a', 'vpn', 'reported')
    await pass(700)
    serve('c', 1, 0)
    await pass(100)
    expect(ends).toEqual(['reported elsewhere'])
    expect(starts).toHaveLength(2)
    expect(roster.find('vpn', keyOf(1), Date.now())!.node).toBe('c')
  })

  test('a peer that does not answer is left to itself after 10 s', async () => {
    const { rescuer, serve, pass, starts, ends } = start({ answers: () => false })
    serve('a', 1)
    rescuer.takeOver('a', 'vpn', 'reported')
    await pass(60_000)
    expect(starts).toHaveLength(6)
    expect(ends).toEqual(['reported unanswered'])
  })

  test('2,000 peers are started within a second, in batches', async () => {
    const { rescuer, serve, pass, starts, slow } = start()
    slow(20)
    for (let at = 0; at < 2000; at += 1) serve('a', at)
    rescuer.takeOver('a', 'vpn', 'reported')
    await pass(5000)
    expect(starts).toHaveLength(2000)
    expect(starts.at(-1)!.at).toBeLessThan(1000)
    // Not all at once, which would count as load (WireGuard paper, section 5.4.7).
    expect(starts.filter(({ at }) => at === 0).length).toBeLessThanOrEqual(300)
  })

  test('nothing is started any more when this node withdraws too', async () => {
    const { rescuer, serve, pass, starts, ends } = start({ answers: () => false })
    serve('a', 1)
    rescuer.takeOver('a', 'vpn', 'reported')
    await pass(10)
    rescuer.abandon('vpn')
    await pass(5000)
    expect(starts).toHaveLength(1)
    expect(ends).toEqual(['reported withdrawn'])
  })

  test('a peer that this interface does not have is reported, and not created', async () => {
    const { rescuer, peers, serve, pass, starts, ends } = start()
    serve('a', 1)
    peers.clear()
    rescuer.takeOver('a', 'vpn', 'reported')
    await pass(1000)
    expect(starts).toEqual([])
    expect(ends).toEqual(['reported unknown'])
  })

  test('a peer that comes and goes is limited', async () => {
    const { rescuer, peers, serve, pass, ends } = start()
    for (let round = 0; round < 6; round += 1) {
      serve('a', 1, 0)
      peers.set(keyOf(1), { handshakeS: 0, received: 148, sent: 0 })
      rescuer.takeOver('a', 'vpn', 'reported')
      await pass(100)
    }
    expect(ends).toEqual([
      ...Array<string>(4).fill('reported handshake'),
      'reported limited',
      'reported limited',
    ])
  })
})

test('a node that is gone without a word: one attempt, because it may serve nevertheless', async () => {
  const { rescuer, serve, pass, starts, ends } = start({ answers: () => false })
  serve('a', 1)
  rescuer.takeOver('a', 'vpn', 'lost')
  await pass(5000)
  expect(starts).toHaveLength(1)
  expect(ends).toEqual(['lost unanswered'])
})

describe('a packet of a session that this node does not have', () => {
  test('its peer is rescued', async () => {
    const { rescuer, serve, pass, starts, ends } = start()
    serve('a', 1)
    rescuer.takePacket('vpn', endpointOf(1), 'session')
    await pass(100)
    expect(starts.map(({ peer }) => peer)).toEqual([keyOf(1)])
    expect(ends).toEqual(['packet handshake'])
  })

  test('back after a session here that the peer does not know any more, the peer is added again', async () => {
    const { rescuer, peers, serve, pass, starts } = start()
    serve('b', 1, 20_000)
    serve('a', 1, 5_000)
    peers.set(keyOf(1), { handshakeS: Math.floor((Date.now() - 20_000) / 1000), received: 148, sent: 0 })
    rescuer.takePacket('vpn', endpointOf(1), 'session')
    await pass(100)
    expect(starts.map(({ force }) => force)).toEqual([true])
  })

  test('back before the other node has said that it served the peer meanwhile', async () => {
    const { rescuer, peers, serve, pass, starts, ends } = start()
    serve('b', 1, 20_000)
    peers.set(keyOf(1), { handshakeS: Math.floor((Date.now() - 20_000) / 1000), received: 148, sent: 0 })
    rescuer.takePacket('vpn', endpointOf(1), 'session')
    await pass(100)
    expect(starts.map(({ force }) => force)).toEqual([true])
    expect(ends).toEqual(['packet handshake'])
  })

  test('the other node says that it served the peer meanwhile when the rescue has begun', async () => {
    const { rescuer, peers, serve, pass, starts, ends } = start({ answers: (_, attempt) => attempt === 2 })
    serve('b', 1, 20_000)
    peers.set(keyOf(1), { handshakeS: Math.floor((Date.now() - 20_000) / 1000), received: 148, sent: 0 })
    rescuer.takePacket('vpn', endpointOf(1), 'session')
    await pass(20)
    serve('c', 1, 5_000)
    await pass(500)
    expect(starts).toHaveLength(2)
    expect(ends).toEqual(['packet handshake'])
  })

  test('a session that has begun here since the packet is left alone', async () => {
    const { rescuer, peers, serve, pass, starts, ends } = start()
    serve('a', 1, 20_000)
    peers.set(keyOf(1), { handshakeS: Math.floor(Date.now() / 1000), received: 148, sent: 0 })
    rescuer.takePacket('vpn', endpointOf(1), 'session')
    await pass(1000)
    expect(starts).toEqual([])
    expect(ends).toEqual(['packet served'])
  })

  test('a session that has just begun here is left alone, as after a start, when own sessions are not known yet', async () => {
    const { rescuer, peers, serve, pass, starts, ends } = start()
    serve('a', 1, 60_000)
    peers.set(keyOf(1), { handshakeS: Math.floor((Date.now() - 3_000) / 1000), received: 148, sent: 0 })
    rescuer.takePacket('vpn', endpointOf(1), 'learning')
    await pass(1000)
    expect(starts).toEqual([])
    expect(ends).toEqual(['packet served'])
  })

  test('of a peer of its own, it is nothing while own sessions are learnt, and a lost session later', async () => {
    const { rescuer, serve, pass, starts } = start()
    serve('b', 1, 20_000)
    rescuer.takePacket('vpn', endpointOf(1), 'learning')
    await pass(1000)
    expect(starts).toEqual([])
    rescuer.takePacket('vpn', endpointOf(1), 'session')
    await pass(1000)
    expect(starts).toHaveLength(1)
  })

  test('a session that a rescue has begun is known also while own sessions are learnt', async () => {
    const { rescuer, serve, pass, starts, ends } = start()
    serve('a', 1)
    rescuer.takePacket('vpn', endpointOf(1), 'learning')
    await pass(100)
    serve('b', 1, 0)
    expect(ends).toEqual(['packet handshake'])
    // Sent before the handshake.
    rescuer.takePacket('vpn', endpointOf(1), 'learning')
    await pass(2000)
    expect(ends).toEqual(['packet handshake', 'packet served'])
    rescuer.takePacket('vpn', endpointOf(1), 'learning')
    await pass(100)
    expect(starts).toHaveLength(2)
    expect(ends).toEqual(['packet handshake', 'packet served', 'packet handshake'])
  })

  test('a packet that arrives before its announcement is observed counts afterwards, for half a second', async () => {
    const announcing: string[] = []
    const { rescuer, serve, pass, starts } = start({ announcing })
    serve('a', 1)
    serve('a', 2)
    rescuer.takePacket('vpn', endpointOf(1), 'session')
    await pass(600)
    rescuer.takePacket('vpn', endpointOf(2), 'session')
    await pass(20)
    expect(starts).toEqual([])
    announcing.push('b')
    rescuer.resume('vpn')
    await pass(20)
    expect(starts.map(({ peer }) => peer)).toEqual([keyOf(2)])
  })

  test('the answer to an initiation of another node does not end a session here, and does not count as a change', async () => {
    const { rescuer, peers, serve, pass, starts } = start()
    serve('b', 1, 20_000)
    peers.set(keyOf(1), { handshakeS: Math.floor((Date.now() - 20_000) / 1000), received: 148, sent: 0 })
    for (let at = 0; at < 18; at += 1) {
      rescuer.takePacket('vpn', endpointOf(1), 'answer')
      await pass(5000)
    }
    expect(starts).toEqual([])
    rescuer.takePacket('vpn', endpointOf(1), 'session')
    await pass(100)
    expect(starts).toHaveLength(1)
  })

  test.each([
    [200, 2],
    [400, 1],
  ])(
    'an answer to another node %s ms after a handshake here may have ended its session, which is begun again within 300 ms',
    async (afterMs, count) => {
      const { rescuer, serve, pass, starts, ends } = start()
      serve('a', 1)
      rescuer.takePacket('vpn', endpointOf(1), 'session')
      await pass(40)
      expect(ends).toEqual(['packet handshake'])
      await pass(afterMs - 40)
      rescuer.takePacket('vpn', endpointOf(1), 'answer')
      await pass(200)
      expect(starts).toHaveLength(count)
      expect(ends).toEqual(['packet handshake', count === 2 ? 'packet handshake' : 'packet served'])
      if (count === 2) expect(starts[1]!.force).toBe(true)
    },
  )

  test('an answer to another node between an attempt and the look at it: there is one more handshake', async () => {
    const { rescuer, serve, pass, starts, ends, slow } = start()
    serve('a', 1)
    slow(30)
    rescuer.takePacket('vpn', endpointOf(1), 'session')
    await pass(20)
    expect(ends).toEqual([])
    rescuer.takePacket('vpn', endpointOf(1), 'answer')
    await pass(1000)
    expect(starts.map(({ force }) => force)).toEqual([false, true])
    expect(ends).toEqual(['packet handshake', 'packet handshake'])
  })

  test('of two peers that an endpoint had within one second, both are tried', async () => {
    const { rescuer, roster, peers, serve, pass, starts, ends } = start()
    serve('a', 1)
    const claim = {
      service: 'vpn',
      peer: keyOf(2),
      endpoint: endpointOf(1),
      handshakeMs: Date.now() - 10_000,
    }
    expect(roster.put('a', claim, Date.now())).toBe('stored')
    peers.delete(keyOf(1))
    peers.set(keyOf(2), { handshakeS: 0, received: 0, sent: 0 })
    rescuer.takePacket('vpn', endpointOf(1), 'session')
    await pass(100)
    expect(starts.map(({ peer }) => peer)).toEqual([keyOf(2)])
    expect(ends.sort()).toEqual(['packet handshake', 'packet unknown'])
  })

  test.each([
    ['sends to it', 100, ['packet served']],
    ['does not', 0, ['packet handshake']],
  ])(
    'after a start, of two sessions that began within one second the one here counts if the peer %s',
    async (_name, bytes, ending) => {
      const { rescuer, peers, serve, pass, starts, ends } = start()
      serve('a', 1, 2000)
      const handshakeS = Math.floor((Date.now() - 2000) / 1000)
      peers.set(keyOf(1), { handshakeS, received: 148, sent: 0 })
      rescuer.takePacket('vpn', endpointOf(1), 'learning')
      await pass(60)
      peers.set(keyOf(1), { handshakeS, received: 148 + bytes, sent: 0 })
      await pass(300)
      expect(starts).toHaveLength(bytes > 0 ? 0 : 1)
      expect(ends).toEqual(ending)
    },
  )

  test('an endpoint that is not in the roster does nothing', async () => {
    const { rescuer, pass, starts, ends } = start()
    rescuer.takePacket('vpn', endpointOf(9), 'session')
    await pass(1000)
    expect([starts, ends]).toEqual([[], []])
  })

  test('an attempt of which the interface makes nothing is followed by another one at once', async () => {
    const { rescuer, serve, pass, starts, ends } = start({
      answers: (_, attempt) => attempt === 2,
      sends: ({ force }) => force,
    })
    serve('a', 1)
    rescuer.takePacket('vpn', endpointOf(1), 'session')
    await pass(140)
    expect(starts.map(({ force }) => force)).toEqual([false, true])
    expect(starts[1]!.at - starts[0]!.at).toBeLessThan(100)
    expect(ends).toEqual(['packet handshake'])
  })

  test('a peer that has never sent anything to this node is added again at once', async () => {
    const { rescuer, serve, pass, starts, peers } = start({ sends: ({ force }) => force })
    serve('a', 1)
    peers.set(keyOf(1), { handshakeS: 0, received: 0, sent: 0 })
    rescuer.takeOver('a', 'vpn', 'reported')
    await pass(100)
    expect(starts.map(({ force }) => force)).toEqual([true])
  })

  test('of many such peers, those are added again of which WireGuard makes nothing', async () => {
    const { rescuer, serve, pass, starts, peers } = start({
      answers: (peer, attempt) => peer !== keyOf(7) || attempt > 1,
      sends: ({ peer, force }) => force || peer !== keyOf(7),
    })
    for (let at = 0; at < 100; at += 1) {
      serve('a', at)
      peers.set(keyOf(at), { handshakeS: 0, received: 0, sent: 0 })
    }
    peers.set(keyOf(7), { handshakeS: 0, received: 0, sent: 148 })
    rescuer.takeOver('a', 'vpn', 'reported')
    await pass(140)
    expect(starts.slice(0, 100).every(({ force }) => !force)).toBe(true)
    expect(starts.slice(100).map(({ peer, force }) => ({ peer, force }))).toEqual([
      { peer: keyOf(7), force: true },
    ])
  })

  test('2,000 peers are started once each, although that takes longer than a peer has for its answer', async () => {
    const { rescuer, serve, pass, starts, slow } = start()
    for (let at = 0; at < 2000; at += 1) serve('a', at)
    slow(40)
    rescuer.takeOver('a', 'vpn', 'reported')
    await pass(3000)
    expect(starts).toHaveLength(2000)
  })

  test('a packet that arrives during an attempt for another peer does not wait for the next look', async () => {
    const { rescuer, serve, pass, starts, slow } = start()
    serve('a', 1)
    serve('a', 2)
    slow(20)
    rescuer.takePacket('vpn', endpointOf(1), 'session')
    await pass(10)
    rescuer.takePacket('vpn', endpointOf(2), 'session')
    await pass(60)
    expect(starts).toHaveLength(2)
  })

  test('six attempts, then the peer has to send again', async () => {
    const { rescuer, serve, pass, starts, ends } = start({ answers: () => false })
    serve('a', 1)
    rescuer.takePacket('vpn', endpointOf(1), 'session')
    await pass(10_000)
    expect(starts).toHaveLength(6)
    expect(ends).toEqual(['packet unanswered'])
  })
})

describe('packets with the endpoint of a client that others have sent', () => {
  /** One each second that nftables reports, as it does during a flood. */
  async function spoof({ rescuer, pass }: ReturnType<typeof start>, at: number, seconds: number) {
    for (let second = 0; second < seconds; second += 1) {
      rescuer.takePacket('vpn', endpointOf(at), 'session')
      await pass(1000)
    }
  }

  test('the client of another node is rescued at once when that one withdraws', async () => {
    const lab = start({ answers: () => false })
    lab.serve('a', 1)
    await spoof(lab, 1, 100)
    lab.serve('a', 1)
    await spoof(lab, 1, 70)
    lab.serve('a', 1)
    const before = lab.starts.length
    lab.rescuer.takeOver('a', 'vpn', 'reported')
    await lab.pass(100)
    expect(lab.starts.length).toBe(before + 1)
  })

  test('also in the middle of what such a packet has begun', async () => {
    const lab = start({ answers: () => false })
    lab.serve('a', 1)
    lab.rescuer.takePacket('vpn', endpointOf(1), 'session')
    // Attempts at 0, 150, 375, 712 and 1,219 ms.
    await lab.pass(1300)
    const before = lab.starts.length
    lab.rescuer.takeOver('a', 'vpn', 'reported')
    await lab.pass(250)
    expect(lab.starts.length).toBe(before + 1)
    await lab.pass(20_000)
    expect(lab.starts.length).toBeGreaterThanOrEqual(before + 5)
  })

  test('one that comes without notice is rescued within a second, also after minutes of them', async () => {
    let isHere = false
    const lab = start({ answers: () => isHere })
    for (let minute = 0; minute < 3; minute += 1) {
      lab.serve('a', 1)
      await spoof(lab, 1, 60)
    }
    lab.serve('a', 1)
    isHere = true
    await spoof(lab, 1, 1)
    expect(lab.ends.at(-1)).toBe('packet handshake')
  })

  test('it is sent at most one initiation for each of them after four rescues in vain', async () => {
    const lab = start({ answers: () => false })
    lab.serve('a', 1)
    await spoof(lab, 1, 30)
    const before = lab.starts.length
    await spoof(lab, 1, 60)
    expect(lab.starts.length - before).toBeLessThanOrEqual(60)
    await lab.pass(10_000)
    expect(lab.starts.length - before).toBeLessThanOrEqual(61)
  })

  test('200 such clients together are sent no more than 50 a second', async () => {
    const clients = 200
    const lab = start({ answers: () => false })
    const flood = async (seconds: number) => {
      for (let second = 0; second < seconds; second += 1) {
        for (let at = 0; at < clients; at += 1) lab.rescuer.takePacket('vpn', endpointOf(at), 'session')
        await lab.pass(1000)
      }
    }
    for (let at = 0; at < clients; at += 1) lab.serve('a', at)
    await flood(12)
    const before = lab.starts.length
    await flood(10)
    expect(lab.starts.length - before).toBeLessThanOrEqual(550)
    expect(lab.starts.length - before).toBeGreaterThan(400)
  })

  test('one that is served here, and has its session renewed, is rescued at once when it comes back', async () => {
    const lab = start()
    lab.serve('b', 1)
    await spoof(lab, 1, 36)
    expect(lab.ends).toContain('packet limited')
    lab.serve('c', 1, 0)
    await lab.pass(5000)
    const before = lab.starts.length
    lab.rescuer.takePacket('vpn', endpointOf(1), 'session')
    await lab.pass(100)
    expect(lab.starts.length).toBe(before + 1)
  })
})

test('an interface that does not answer is reported once, and asked again', async () => {
  let fails = true
  const { rescuer, serve, pass, problems, starts } = start({ fails: () => fails })
  serve('a', 1)
  rescuer.takeOver('a', 'vpn', 'reported')
  await pass(2500)
  expect(problems).toEqual(['wg show wg0: no answer within 5000 ms'])
  fails = false
  await pass(1000)
  expect(problems).toEqual(['wg show wg0: no answer within 5000 ms', null])
  expect(starts).toHaveLength(1)
})

describe('who takes over', () => {
  const peers = Array.from({ length: 3000 }, (_, at) => keyOf(at))

  test('each node a share, and each peer is chosen by exactly one', () => {
    const counts = ['b', 'c', 'd'].map(
      (node) => peers.filter((peer) => choose(['b', 'c', 'd'], peer) === node).length,
    )
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(120)
    expect(choose([], 'x')).toBeNull()
  })

  test('when a node goes, only its peers change', () => {
    for (const peer of peers) {
      const before = choose(['b', 'c', 'd'], peer)
      if (before !== 'd') expect(choose(['b', 'c'], peer)).toBe(before)
    }
  })

  test('two of three nodes that are left rescue each peer once', async () => {
    const { rescuer, serve, pass, starts } = start({ announcing: ['b', 'c'] })
    for (let at = 0; at < 100; at += 1) serve('a', at)
    rescuer.takeOver('a', 'vpn', 'reported')
    await pass(1000)
    const own = peers.slice(0, 100).filter((peer) => choose(['b', 'c'], peer) === 'b')
    expect(starts.map(({ peer }) => peer).sort()).toEqual(own.sort())
    expect(own.length).toBeGreaterThan(30)
  })
})

describe('what the other nodes say', () => {
  const follow = () => {
    const gone: string[] = []
    const clock = { ...systemClock, now: () => Date.now() }
    const nodes = new OtherNodes({ clock, onGone: (...words) => gone.push(words.join(' ')) })
    return { nodes, gone }
  }
  const say = (node: string, state: 'announcing' | 'draining' | 'withdrawn') =>
    ({ event: 'state', node, service: 'vpn', state }) as const

  test('a withdrawal is acted on at once, and once', () => {
    const { nodes, gone } = follow()
    nodes.take(say('a', 'announcing'))
    expect(nodes.announcing('vpn')).toEqual(['a'])
    nodes.take(say('a', 'draining'))
    expect(gone).toEqual([])
    nodes.take(say('a', 'withdrawn'))
    nodes.take(say('a', 'withdrawn'))
    expect(gone).toEqual(['a vpn reported'])
    expect(nodes.announcing('vpn')).toEqual([])
  })

  test.each([
    ['is killed', 'ended', ['a vpn lost']],
    ['hangs', 'silent', ['a vpn lost']],
    ['leaves in an orderly way', 'left', []],
  ] as const)('a node that %s', async (_, ending, expected) => {
    const { nodes, gone } = follow()
    nodes.take(say('a', 'announcing'))
    nodes.take({ event: 'down', node: 'a', ending })
    await vi.advanceTimersByTimeAsync(10_000)
    expect(gone).toEqual(expected)
  })

  test('a controller that is back within 2 s has served meanwhile', async () => {
    const { nodes, gone } = follow()
    nodes.take(say('a', 'announcing'))
    nodes.take({ event: 'down', node: 'a', ending: 'ended' })
    await vi.advanceTimersByTimeAsync(1900)
    nodes.take({ event: 'up', node: 'a' })
    await vi.advanceTimersByTimeAsync(10_000)
    expect(gone).toEqual([])
  })
})
