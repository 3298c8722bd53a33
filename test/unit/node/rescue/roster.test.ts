import { expect, test } from 'vitest'
import type { RosterClaim } from '../../../../src/fleet/roster/link.ts'
import { mostAtEndpoint } from '../../../../src/node/rescue/endpoint-index.ts'
import { Roster, type RosterSettings } from '../../../../src/node/rescue/roster.ts'

const nowMs = 1_800_000_000_000

const keyOf = (number: number): string => {
  const bytes = Buffer.alloc(32)
  bytes.writeUInt32BE(number)
  return bytes.toString('base64')
}

function createRoster(settings: Partial<RosterSettings> = {}): Roster {
  const roster = new Roster({
    self: 'fra1-a',
    nodes: [
      { name: 'fra1-a', site: 'fra1', services: ['vpn', 'other'] },
      { name: 'ams1-a', site: 'ams1', services: ['vpn'] },
      { name: 'lon1-a', site: 'lon1', services: ['vpn'] },
    ],
    anycast: ['192.0.2.1', '2001:db8::1'],
    ...settings,
  })
  roster.setSkew('ams1-a', 0)
  roster.setSkew('lon1-a', 0)
  return roster
}

const claim = (peer: number, change: Partial<RosterClaim> = {}): RosterClaim => ({
  service: 'vpn',
  peer: keyOf(peer),
  endpoint: { address: '198.51.100.7', port: 1000 + peer },
  handshakeMs: nowMs - 10_000,
  ...change,
})

test('the node with the newest handshake owns a peer, whatever the order in which they say so', () => {
  const older = claim(1)
  const newer = claim(1, { handshakeMs: nowMs - 5_000, endpoint: { address: '203.0.113.9', port: 7 } })
  for (const claims of [
    [['ams1-a', older] as const, ['lon1-a', newer] as const],
    [['lon1-a', newer] as const, ['ams1-a', older] as const],
  ]) {
    const roster = createRoster()
    for (const [node, said] of claims) expect(roster.put(node, said, nowMs)).toBe('stored')
    expect(roster.find('vpn', keyOf(1), nowMs)).toEqual({ ...newer, node: 'lon1-a', site: 'lon1' })
    expect([...roster.ownedBy('ams1-a', 'vpn', nowMs)]).toEqual([])
    expect([...roster.ownedBy('lon1-a', 'vpn', nowMs)]).toHaveLength(1)
    expect(roster.findByEndpoint('vpn', older.endpoint, nowMs)).toEqual([])
    expect(roster.findByEndpoint('vpn', newer.endpoint, nowMs)).toHaveLength(1)
  }
})

test('handshakes are compared by the clocks of their nodes', () => {
  const roster = createRoster()
  roster.setSkew('ams1-a', 60_000)
  roster.put('ams1-a', claim(1, { handshakeMs: nowMs + 40_000 }), nowMs)
  roster.put('lon1-a', claim(1, { handshakeMs: nowMs - 10_000 }), nowMs)
  expect(roster.find('vpn', keyOf(1), nowMs)?.node).toBe('lon1-a')
})

test('an entry is gone 180 s after the handshake, by the clock of its node', () => {
  const roster = createRoster()
  roster.setSkew('ams1-a', -30_000)
  const said = claim(1, { handshakeMs: nowMs - 30_000 })
  roster.put('ams1-a', said, nowMs)
  expect(roster.find('vpn', keyOf(1), nowMs + 179_999)).not.toBeNull()
  expect(roster.find('vpn', keyOf(1), nowMs + 180_000)).toBeNull()
  expect(roster.findByEndpoint('vpn', said.endpoint, nowMs + 180_000)).toEqual([])
  expect(roster.size).toBe(1)
  roster.expire(nowMs + 180_000, 10)
  expect(roster.size).toBe(0)
})

test('a call of expire looks at no more entries than it may, and the next one goes on', () => {
  const roster = createRoster()
  for (let peer = 0; peer < 100; peer += 1) roster.put('ams1-a', claim(peer), nowMs)
  const laterMs = nowMs + 200_000
  roster.expire(laterMs, 30)
  expect(roster.size).toBe(70)
  for (let call = 0; call < 3; call += 1) roster.expire(laterMs, 30)
  expect(roster.size).toBe(0)
})

test.for([
  ['of a node that is not in the fleet', 'unknown-node', 'xyz1-a', {}],
  ['for a service that the node does not have', 'unknown-service', 'ams1-a', { service: 'other' }],
  ['for a service that there is not', 'unknown-service', 'ams1-a', { service: '__proto__' }],
  ['with a key that is too short', 'invalid-key', 'ams1-a', { peer: 'AAAA' }],
  ['with a key that is not canonical', 'invalid-key', 'ams1-a', { peer: `${'A'.repeat(42)}B=` }],
  ['with a handshake in the future', 'future', 'ams1-a', { handshakeMs: nowMs + 2_001 }],
  ['without a time', 'future', 'ams1-a', { handshakeMs: Number.NaN }],
  ['with a handshake of three minutes ago', 'expired', 'ams1-a', { handshakeMs: nowMs - 180_000 }],
  ...[
    '0.0.0.0',
    '0.1.2.3',
    '127.0.0.1',
    '169.254.1.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    'fe80::1',
    'ff02::1',
    '::ffff:c000:201',
    '192.0.2.1',
    '2001:db8::1',
    '2001:DB8::2',
    '010.0.0.1',
    'fe80::1%eth0',
    'example.net',
    '',
  ].map(
    (address) =>
      [`from ${address}`, 'invalid-endpoint', 'ams1-a', { endpoint: { address, port: 1 } }] as const,
  ),
  ...[0, -1, 65_536, 1.5, Number.NaN].map(
    (port) =>
      [
        `from port ${port}`,
        'invalid-endpoint',
        'ams1-a',
        { endpoint: { address: '198.51.100.7', port } },
      ] as const,
  ),
] as const)('a claim %s is refused', ([, refusal, node, change]) => {
  const roster = createRoster()
  expect(roster.put(node, claim(1, change), nowMs)).toBe(refusal)
  expect(roster.size).toBe(0)
})

test('a claim that a known entry precedes is refused, and the endpoint of an older one with it', () => {
  const roster = createRoster()
  const known = claim(1)
  roster.put('ams1-a', known, nowMs)
  expect(
    roster.put(
      'ams1-a',
      claim(1, { handshakeMs: nowMs - 11_000, endpoint: { address: '203.0.113.9', port: 7 } }),
      nowMs,
    ),
  ).toBe('older')
  expect(roster.put('ams1-a', known, nowMs)).toBe('known')
  expect(roster.find('vpn', keyOf(1), nowMs)?.endpoint).toEqual(known.endpoint)
})

test('a bad endpoint for a known peer is refused too', () => {
  const roster = createRoster()
  roster.put('ams1-a', claim(1), nowMs)
  const moved = claim(1, { handshakeMs: nowMs, endpoint: { address: '192.0.2.1', port: 51820 } })
  expect(roster.put('ams1-a', moved, nowMs)).toBe('invalid-endpoint')
  expect(roster.find('vpn', keyOf(1), nowMs)?.endpoint).toEqual(claim(1).endpoint)
})

test('the claims of a node whose clock is not known are refused', () => {
  const roster = new Roster({
    self: 'fra1-a',
    nodes: [{ name: 'ams1-a', site: 'ams1', services: ['vpn'] }],
    anycast: [],
  })
  expect(roster.put('ams1-a', claim(1), nowMs)).toBe('unknown-clock')
})

test('a peer that roams is found at its endpoint of now alone, and observers see both changes', () => {
  const roster = createRoster()
  const seen: string[] = []
  roster.observe({
    added: (_service, { port }) => seen.push(`+${port}`),
    removed: (_service, { port }) => seen.push(`-${port}`),
  })
  roster.put('ams1-a', claim(1), nowMs)
  roster.put('ams1-a', claim(1, { handshakeMs: nowMs }), nowMs)
  const roamed = claim(1, { handshakeMs: nowMs, endpoint: { address: '203.0.113.9', port: 7 } })
  roster.put('ams1-a', roamed, nowMs)
  expect(seen).toEqual(['+1001', '+7', '-1001'])
  expect(roster.findByEndpoint('vpn', claim(1).endpoint, nowMs)).toEqual([])
  expect(roster.findByEndpoint('vpn', roamed.endpoint, nowMs)).toMatchObject([{ peer: keyOf(1) }])
})

test('of the claims of one node for one endpoint, only the newest few are kept', () => {
  const roster = createRoster()
  const endpoint = { address: '203.0.113.9', port: 7 }
  for (let peer = 0; peer < 20; peer += 1) {
    roster.put('ams1-a', claim(peer, { endpoint, handshakeMs: nowMs - 20_000 + peer }), nowMs)
  }
  roster.put('lon1-a', claim(99, { endpoint }), nowMs)
  expect(roster.findByEndpoint('vpn', endpoint, nowMs).map(({ peer }) => peer)).toEqual(
    [99, 19, 18, 17, 16].map(keyOf),
  )
  expect(roster.size).toBe(mostAtEndpoint + 1)
})

test('a full roster stays at its limit, and the flood of one node evicts none of another', () => {
  const roster = createRoster({ limit: 30 })
  for (let peer = 0; peer < 10; peer += 1) roster.put('lon1-a', claim(peer), nowMs)
  for (let peer = 100; peer < 200; peer += 1) roster.put('ams1-a', claim(peer), nowMs)
  expect(roster.size).toBe(30)
  expect([...roster.ownedBy('lon1-a', 'vpn', nowMs)]).toHaveLength(10)
  expect(roster.find('vpn', keyOf(199), nowMs)).not.toBeNull()
  expect(roster.find('vpn', keyOf(100), nowMs)).toBeNull()
  // A node that comes later still gets its share.
  for (let peer = 300; peer < 310; peer += 1) roster.put('fra1-a', claim(peer), nowMs)
  expect(roster.counts(nowMs).map(({ node, entries }) => [node, entries])).toEqual([
    ['fra1-a', 10],
    ['ams1-a', 10],
    ['lon1-a', 10],
  ])
})

test('a node that claims the peers of another hides its entries only while its own are there', () => {
  const roster = createRoster()
  roster.put('ams1-a', claim(1), nowMs)
  const forged = claim(1, { handshakeMs: nowMs, endpoint: { address: '203.0.113.9', port: 7 } })
  roster.put('lon1-a', forged, nowMs)
  expect(roster.find('vpn', keyOf(1), nowMs)?.node).toBe('lon1-a')
  roster.put('ams1-a', claim(1, { handshakeMs: nowMs + 1_000 }), nowMs + 1_000)
  expect(roster.find('vpn', keyOf(1), nowMs + 1_000)).toMatchObject({
    node: 'ams1-a',
    endpoint: claim(1).endpoint,
  })
})
