import { expect, test } from 'vitest'
import type { RosterClaim } from '../../../../src/fleet/roster/link.ts'
import { PeerReader, parseEndpoint, readEveryMs } from '../../../../src/node/rescue/read-peers.ts'
import { Roster } from '../../../../src/node/rescue/roster.ts'

const wallMs = 1_800_000_000_000
const nowS = wallMs / 1000
const keyOf = (number: number) => Buffer.alloc(32, number).toString('base64')

interface Peer {
  handshakeS: number
  endpoint: string
  allowedIps: string
  received: number
}

function createBed(probes: readonly string[] = []) {
  const peers = new Map<string, Peer>()
  const published: RosterClaim[][] = []
  const problems: string[] = []
  const restored: string[] = []
  let failure: Error | null = null
  let isLate = false
  const roster = new Roster({
    ...{ self: 'fra1-a', anycast: ['192.0.2.1'] },
    nodes: [{ name: 'fra1-a', site: 'fra1', services: ['vpn'] }],
  })
  const reader = new PeerReader({
    ...{ node: 'fra1-a', roster },
    sources: [{ service: 'vpn', interface: 'wg0', probes }],
    clock: {
      now: () => 0,
      wall: () => wallMs,
      after: () => ({ cancel() {}, unref: () => ({}) as never }),
      sleep: async () => {},
    },
    readPeers: async (_name, onPeer) => {
      if (failure !== null && !isLate) throw failure
      for (const [publicKey, peer] of peers) onPeer({ publicKey, ...peer, sent: 0, keepaliveS: 0 })
      if (failure !== null) throw failure
    },
    publish: (claims) => published.push([...claims]),
    putBack: async (_service, displaced) => {
      restored.push(...displaced.map(({ peer: key, endpoint }) => `${key} ${endpoint.address}`))
    },
    onProblem: (message) => problems.push(message),
  })
  return {
    ...{ peers, published, problems, restored, roster, reader },
    fail: (error: Error | null, afterLines = false) => {
      failure = error
      isLate = afterLines
    },
  }
}

const peer = (change: Partial<Peer> = {}): Peer => ({
  ...{ handshakeS: nowS - 10, endpoint: '198.51.100.7:1000', allowedIps: '10.0.0.2/32', received: 1000 },
  ...change,
})

test('the first reading says all peers with a session, and the next ones what has changed', async () => {
  const { peers, published, reader, roster } = createBed()
  peers.set(keyOf(1), peer())
  peers.set(keyOf(2), peer({ endpoint: '[2001:db8:7::1]:2000' }))
  peers.set(keyOf(3), peer({ handshakeS: 0, endpoint: '(none)' }))
  peers.set(keyOf(4), peer({ handshakeS: nowS - 181 }))
  await reader.read()
  expect(published).toEqual([
    [
      {
        ...{ service: 'vpn', peer: keyOf(1), handshakeMs: wallMs - 10_000 },
        endpoint: { address: '198.51.100.7', port: 1000 },
      },
      {
        ...{ service: 'vpn', peer: keyOf(2), handshakeMs: wallMs - 10_000 },
        endpoint: { address: '2001:db8:7::1', port: 2000 },
      },
    ],
  ])
  expect(reader.peers).toBe(4)
  await reader.read()
  expect(published).toHaveLength(1)
  peers.get(keyOf(1))!.handshakeS = nowS
  peers.get(keyOf(2))!.endpoint = '198.51.100.8:7'
  await reader.read()
  expect(published[1]).toMatchObject([
    { peer: keyOf(1), handshakeMs: wallMs },
    { peer: keyOf(2), handshakeMs: wallMs - 10_000, endpoint: { address: '198.51.100.8', port: 7 } },
  ])
  expect(roster.size).toBe(2)
})

test('probes are no clients: this node’s, those that the plan names, and peers without allowed IPs', async () => {
  const { peers, reader, roster } = createBed([keyOf(1)])
  peers.set(keyOf(1), peer())
  peers.set(keyOf(2), peer({ allowedIps: '(none)' }))
  peers.set(keyOf(3), peer())
  await reader.read()
  expect([...roster.entriesOf('fra1-a')].map((entry) => entry.peer)).toEqual([keyOf(3)])
})

test('a failure is reported once, and what was read stays', async () => {
  const { peers, reader, roster, problems, fail } = createBed()
  peers.set(keyOf(1), peer())
  await reader.read()
  fail(new Error('wg show wg0: no such device'))
  await reader.read()
  await reader.read()
  expect(problems).toEqual(['wg show wg0: no such device'])
  expect(roster.size).toBe(1)
  fail(null)
  await reader.read()
  fail(new Error('wg show wg0: no such device'))
  await reader.read()
  expect(problems).toHaveLength(2)
})

test.for([
  ['198.51.100.7:51820', '198.51.100.7', 51820],
  ['[2001:db8::1]:7', '2001:db8::1', 7],
] as const)('%s is an endpoint', ([text, address, port]) => {
  expect(parseEndpoint(text)).toEqual({ address, port })
})

test.for(['(none)', '', ':', '198.51.100.7', '[fe80::1%eth0]:7', '198.51.100.7:x', '[2001:db8::1]'])(
  '"%s" is none that could be a claim',
  (text) => {
    const endpoint = parseEndpoint(text)
    const { roster } = createBed()
    const claim = { service: 'vpn', peer: keyOf(1), handshakeMs: wallMs, endpoint: endpoint! }
    expect(endpoint === null ? 'none' : roster.put('fra1-a', claim, wallMs)).toMatch(/none|invalid-endpoint/)
  },
)

test('more peers are read less often, within bounds', () => {
  expect([0, 1_000, 10_000, 100_000].map(readEveryMs)).toEqual([8_000, 8_000, 10_000, 30_000])
})

const attacker = '203.0.113.66:6666'

test('an endpoint that a handshake initiation has moved, and nothing else, is put back and not published', async () => {
  const { peers, reader, published, restored } = createBed()
  const client = peer()
  peers.set(keyOf(1), client)
  await reader.read()
  client.received += 32_000
  await reader.read()
  Object.assign(client, { endpoint: attacker, received: client.received + 148 })
  await reader.read()
  expect(restored).toEqual([])
  await reader.read()
  expect(restored).toEqual([`${keyOf(1)} 198.51.100.7`])
  client.endpoint = '198.51.100.7:1000'
  await reader.read()
  expect(published).toHaveLength(1)
  // Again, with another one.
  Object.assign(client, { endpoint: attacker, received: client.received + 148 })
  await reader.read()
  await reader.read()
  expect(restored).toHaveLength(2)
})

test.each([
  ['sends data from its new address', { received: 1000 + 96 }],
  ['sends data and initiations', { received: 1000 + 148 + 32 }],
  ['has a new handshake', { received: 1000 + 148, handshakeS: nowS - 5 }],
  ['is given another endpoint by an engineer', { received: 1000 }],
])('a client that %s has moved', async (_what, change) => {
  const { peers, reader, restored, roster } = createBed()
  peers.set(keyOf(1), peer())
  await reader.read()
  peers.set(keyOf(1), peer({ endpoint: attacker, ...change }))
  await reader.read()
  await reader.read()
  expect(restored).toEqual([])
  expect(roster.entryOf('fra1-a', 'vpn', keyOf(1))!.endpoint.address).toBe('203.0.113.66')
})

test('a client whose data arrive between the two readings has moved, or is back', async () => {
  const { peers, reader, restored, roster } = createBed()
  const client = peer()
  peers.set(keyOf(1), client)
  await reader.read()
  Object.assign(client, { endpoint: attacker, received: 1148 })
  await reader.read()
  client.received += 32
  await reader.read()
  expect(roster.entryOf('fra1-a', 'vpn', keyOf(1))!.endpoint.address).toBe('203.0.113.66')
  Object.assign(client, { endpoint: '198.51.100.9:9', received: client.received + 148 })
  await reader.read()
  Object.assign(client, { endpoint: attacker, received: client.received + 32 })
  await reader.read()
  await reader.read()
  expect(restored).toEqual([])
})

test('what was read before `wg` failed is published', async () => {
  const { peers, reader, published, fail } = createBed()
  peers.set(keyOf(1), peer())
  fail(new Error('no answer'), true)
  await reader.read()
  expect(published).toHaveLength(1)
})
