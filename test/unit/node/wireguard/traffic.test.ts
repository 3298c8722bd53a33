import { afterEach, expect, test, vi } from 'vitest'
import { systemClock } from '../../../../src/clock/clock.ts'
import { TrafficWatch } from '../../../../src/node/wireguard/traffic.ts'

const keyOf = (index: number) => Buffer.alloc(32, index + 1).toString('base64')
const probe = keyOf(250)

/** A fake `wg`: the bytes sent by each peer, by interface; `null`: it hangs. */
function setUp() {
  const received: Record<'wg0' | 'wg1', Map<string, number> | Error> = { wg0: new Map(), wg1: new Map() }
  let now = 1000
  let looks = 0
  const watch = new TrafficWatch({
    ownPeers: new Map([['wg0', probe]]),
    clock: { ...systemClock, now: () => now },
    pollMs: 1,
    readTransfer: async (name) => {
      looks += 1
      const peers = received[name as 'wg0' | 'wg1']
      if (peers instanceof Error) throw peers
      return [...peers].map(([key, bytes]) => `${key}\t${bytes}\t${looks}\n`).join('')
    },
  })
  open.push(watch)
  /** Waits until `wg` has run twice more: the first of these runs started after the call. */
  const look = async () => {
    const from = looks
    await vi.waitFor(() => expect(looks).toBeGreaterThan(from + 3), { timeout: 30_000, interval: 1 })
  }
  return {
    watch,
    received,
    look,
    looks: () => looks,
    peers: received.wg0 as Map<string, number>,
    pass: (ms: number) => {
      now += ms
    },
  }
}
const open: TrafficWatch[] = []
afterEach(() => {
  for (const watch of open.splice(0)) watch.close()
})

test('bytes sent by a peer count as traffic from the poll that finds them', async () => {
  const { watch, peers, look, pass } = setUp()
  peers.set(keyOf(0), 5000).set(keyOf(1), 100)
  watch.watch(new Set(['wg0']))
  await look()
  expect(watch.view('wg0', 3000)).toEqual({ idleSince: 1000, sending: 0 })
  pass(500)
  peers.set(keyOf(1), 132)
  await look()
  expect(watch.view('wg0', 3000)).toEqual({ idleSince: 1500, sending: 1 })
  pass(800)
  peers.set(keyOf(0), 5001)
  await look()
  expect(watch.view('wg0', 3000)).toEqual({ idleSince: 2300, sending: 2 })
  pass(800)
  await look()
  expect(watch.view('wg0', 1000)).toEqual({ idleSince: 2300, sending: 1 })
})

test('bytes sent by the probe, and bytes sent to peers, do not count as traffic', async () => {
  const { watch, peers, look, pass } = setUp()
  peers.set(probe, 5).set(keyOf(0), 7)
  watch.watch(new Set(['wg0']))
  await look()
  pass(500)
  peers.set(probe, 500)
  await look()
  expect(watch.view('wg0', 3000)).toEqual({ idleSince: 1000, sending: 0 })
})

test('a new peer, or one that was added again, counts from 0', async () => {
  const { watch, peers, look, pass } = setUp()
  peers.set(keyOf(0), 5000)
  watch.watch(new Set(['wg0']))
  await look()
  pass(500)
  peers.set(keyOf(0), 0).set(keyOf(1), 0)
  await look()
  expect(watch.view('wg0', 3000)).toEqual({ idleSince: 1000, sending: 0 })
  peers.set(keyOf(0), 148).set(keyOf(1), 148)
  await look()
  expect(watch.view('wg0', 3000)).toEqual({ idleSince: 1500, sending: 2 })
})

test('the traffic of an interface that cannot be read is unknown', async () => {
  const { watch, received, peers, look, pass } = setUp()
  peers.set(keyOf(0), 1)
  watch.watch(new Set(['wg0', 'wg1']))
  await look()
  received.wg0 = new Error('wg did not answer within 1000 ms')
  pass(500)
  await look()
  expect(watch.view('wg0', 3000)).toBe(null)
  expect(watch.view('wg1', 3000)).toEqual({ idleSince: 1000, sending: 0 })
  // Traffic meanwhile is found afterwards.
  received.wg0 = new Map([[keyOf(0), 900]])
  await look()
  expect(watch.view('wg0', 3000)).toEqual({ idleSince: 1500, sending: 1 })
})

test('text that is not a list of counters is unknown, not idle', async () => {
  const { watch, received, look } = setUp()
  received.wg0 = new Map([['(hostile)\u001b[2J', 5]])
  watch.watch(new Set(['wg0']))
  await look()
  expect(watch.view('wg0', 3000)).toBe(null)
})

test('on a machine that was too busy to poll the traffic is unknown', async () => {
  const { watch, pass, look } = setUp()
  watch.watch(new Set(['wg0']))
  await look()
  pass(60_000)
  expect(watch.view('wg0', 3000)).toBe(null)
})

test('wg runs only while an interface is watched', async () => {
  const { watch, look, looks } = setUp()
  expect(watch.view('wg0', 3000)).toBe(null)
  expect(looks()).toBe(0)
  watch.watch(new Set(['wg0']))
  await look()
  watch.watch(new Set())
  const asked = looks()
  expect(watch.view('wg0', 3000)).toBe(null)
  watch.watch(new Set(['wg1']))
  await look()
  expect(watch.view('wg1', 3000)).toEqual({ idleSince: 1000, sending: 0 })
  expect(looks()).toBeGreaterThan(asked)
})

test('2,000 peers are distinguished', async () => {
  const { watch, peers, look, pass } = setUp()
  for (let index = 0; index < 2000; index += 1) {
    peers.set(Buffer.from(String(index).padStart(32, 'p')).toString('base64'), index)
  }
  watch.watch(new Set(['wg0']))
  await look()
  pass(500)
  for (const key of peers.keys()) peers.set(key, peers.get(key)! + 1000)
  await look()
  expect(watch.view('wg0', 3000)).toEqual({ idleSince: 1500, sending: 2000 })
})

test('the probes of other sites, which are peers without an address, do not count as traffic', async () => {
  const lines: string[] = []
  const received = new Map([
    [keyOf(0), 7],
    [keyOf(1), 7],
  ])
  let looks = 0
  const watch = new TrafficWatch({
    ownPeers: new Map(),
    clock: systemClock,
    pollMs: 1,
    readTransfer: async () => {
      looks += 1
      return [...received].map(([key, bytes]) => `${key}\t${bytes}\t0\n`).join('')
    },
    readAllowedIps: async () => lines.join('\n'),
  })
  open.push(watch)
  lines.push(`${keyOf(0)}\t(none)`, `${keyOf(1)}\t10.80.0.2/32 fd00:80::2/128`)
  watch.watch(new Set(['wg0']))
  const look = async () => {
    const from = looks
    await vi.waitFor(() => expect(looks).toBeGreaterThan(from + 3), { timeout: 30_000, interval: 1 })
  }
  await look()
  received.set(keyOf(0), 155)
  await look()
  expect(watch.view('wg0', 60_000)?.sending).toBe(0)
  received.set(keyOf(1), 155)
  await look()
  expect(watch.view('wg0', 60_000)?.sending).toBe(1)
})
