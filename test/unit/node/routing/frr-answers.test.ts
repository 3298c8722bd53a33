import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DaemonError } from '../../../../src/node/routing/daemon.ts'
import {
  readAdvertised,
  readNetworks,
  readPrefixCounts,
  readRouterId,
  readSummary,
  readTaken,
  readVersion,
} from '../../../../src/node/routing/frr/answers.ts'
import { type VtyReply, VtyReplyReader } from '../../../../src/node/routing/frr/reply.ts'

function readAll(bytes: Uint8Array, cuts: readonly number[] = []): VtyReply | null {
  const reader = new VtyReplyReader()
  const edges = [...new Set([0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])].sort(
    (a, b) => a - b,
  )
  let reply: VtyReply | null = null
  for (let index = 1; index < edges.length; index += 1) {
    reply = reader.read(Buffer.from(bytes.subarray(edges[index - 1], edges[index])))
  }
  return reply
}

const protocolError = expect.objectContaining({ name: 'DaemonError', code: 'protocol' })

describe('a reply on the vty socket', () => {
  test('is text, three NULs and a status, in chunks of any size', () => {
    const text = fc.stringMatching(/^[ -~é\n]{0,200}$/)
    fc.assert(
      fc.property(text, fc.nat(255), fc.array(fc.nat(250)), (words, status, cuts) => {
        const bytes = Buffer.concat([Buffer.from(words), Buffer.from([0, 0, 0, status])])
        expect(readAll(bytes, cuts)).toEqual({ status, text: words })
      }),
    )
  })

  test('is not complete before its status', () => {
    expect(readAll(Buffer.from('hello\0\0\0'))).toBeNull()
  })

  test.each([
    ['fewer NULs', Buffer.from('hello\0\0x\0')],
    ['more after its status', Buffer.from('hello\0\0\0\0x')],
    ['more bytes than any answer has', Buffer.alloc(5_000_000, 'x')],
  ])('is refused with %s', (_, bytes) => {
    expect(() => readAll(bytes)).toThrow(protocolError)
  })

  test('of random bytes is complete, incomplete or a DaemonError', () => {
    const bytes = fc.oneof(fc.uint8Array({ maxLength: 50 }), fc.uint8Array({ maxLength: 12, max: 2 }))
    fc.assert(
      fc.property(bytes, fc.array(fc.nat(50)), (input, cuts) => {
        try {
          readAll(input, cuts)
        } catch (error) {
          expect(error).toBeInstanceOf(DaemonError)
        }
      }),
    )
  })
})

describe("bgpd's answers", () => {
  test('a summary gives the sessions of each family', () => {
    const summary = {
      ipv4Unicast: { routerId: '10.0.0.1', peers: { '10.1.1.1': { state: 'Established', pfxSnt: 1 } } },
      ipv6Unicast: { routerId: '10.0.0.1', peers: { 'fd00::1': { state: 'Active' } } },
    }
    const { states } = readSummary(JSON.stringify(summary))
    expect([...states.ipv4]).toEqual([['10.1.1.1', 'Established']])
    expect([...states.ipv6]).toEqual([['fd00::1', 'Active']])
  })

  test('the prefixes of a session are those of both families, and only while it is up', () => {
    const up = { state: 'Established', pfxRcd: 3, pfxSnt: 1 }
    const summary = {
      ipv4Unicast: { peers: { '10.1.1.1': up, '10.1.1.2': { state: 'Active', pfxRcd: 0, pfxSnt: 0 } } },
      ipv6Unicast: { peers: { '10.1.1.1': { ...up, pfxRcd: 4 }, 'fd00::1': { state: 'Established' } } },
    }
    expect([...readPrefixCounts(JSON.stringify(summary))]).toEqual([
      ['10.1.1.1', { received: 7, sent: 2 }],
      ['fd00::1', { received: 0, sent: 0 }],
    ])
    expect([...readPrefixCounts('{}')]).toEqual([])
  })

  test('a summary of a bgpd without neighbors is empty', () => {
    expect(readSummary('{}')).toEqual({ states: { ipv4: new Map(), ipv6: new Map() } })
  })

  test('the router id is that of the VRF', () => {
    const answer = '{"vrfs":{"red":{"routerId":"1.1.1.1"},"default":{"routerId":"10.0.0.9"}}}'
    expect(readRouterId(answer, '')).toBe('10.0.0.9')
    expect(readRouterId(answer, 'red')).toBe('1.1.1.1')
    expect(readRouterId(answer, 'blue')).toBeNull()
    expect(readRouterId('{"vrfs":{},"totalVrfs":0}', '')).toBeNull()
    expect(() => readRouterId('{}', '')).toThrow(protocolError)
  })

  test('an unknown neighbor has no advertised routes, in all three forms of the answer', () => {
    for (const text of [
      '{"bgpNoSuchNeighbor":true}',
      '{"warning":"No such neighbor in this view/vrf"}',
      '{"advertisedRoutes":{},"routes":{},"totalPrefixCounter":0}',
    ]) {
      expect([...readAdvertised(text, new Set())]).toEqual([])
      expect(readTaken(text)).toEqual([])
    }
  })

  test('an advertised route without the weight of a local route is degraded', () => {
    const routes = {
      '192.0.2.0/24': { network: '192.0.2.0/24', weight: 32768, path: '' },
      '192.0.2.1/32': { network: '192.0.2.1/32', weight: 1, path: '64500 64500' },
    }
    const advertised = readAdvertised(JSON.stringify({ advertisedRoutes: routes }), new Set(['192.0.2.1/32']))
    expect([...advertised]).toEqual([
      ['192.0.2.0/24', 'normal'],
      ['192.0.2.1/32', 'degraded'],
    ])
  })

  test('degraded routes of other nodes are ignored, and each node is identified by its next hop', () => {
    const hop = (ip: string) => [
      { ip: 'fe80::1', scope: 'link-local' },
      { ip, scope: 'global' },
    ]
    const routes = {
      '2001:db8::/48': [
        { locPrf: 100, nexthops: hop('2001:db8:1::1') },
        { locPrf: 0, nexthops: hop('2001:db8:1::2') },
      ],
      '192.0.2.0/24': [{ nexthops: [{ ip: '10.0.0.1' }] }],
    }
    expect(readTaken(JSON.stringify({ routes }))).toEqual([
      { prefix: '2001:db8::/48', nextHop: '2001:db8:1::1' },
      { prefix: '192.0.2.0/24', nextHop: '10.0.0.1' },
    ])
  })

  test.each([
    '',
    'hello',
    'null',
    '[]',
    '{"advertisedRoutes":[1]}',
    '{"advertisedRoutes":{"10.0.0.1/8":{}}}',
    '{"advertisedRoutes":',
  ])('advertised routes of the form %j are refused', (text) => {
    expect(() => readAdvertised(text, new Set())).toThrow(protocolError)
  })

  test.each([
    '',
    '% BGP instance not found',
    '{"ipv4Unicast":{"peers":{"10.1.1.1":{}}}}',
    '{"ipv4Unicast":3}',
  ])('a summary of the form %j is refused', (text) => {
    expect(() => readSummary(text)).toThrow(protocolError)
  })

  test('hostile text in an error is truncated', () => {
    expect(() => readSummary('x'.repeat(100_000))).toThrow(
      expect.objectContaining({ reply: 'x'.repeat(200) }),
    )
  })

  test('networks are those of our AS, in each VRF by itself', () => {
    const config = `router bgp 64500
  network 192.0.2.0/24
  network 192.0.2.1/32 route-map x
  network 192.0.2.2/32 route-map aw-degraded
  network 203.0.113.0/24 backdoor
  network 2001:DB8:51:0::/48
router bgp 64500 vrf red
  network 198.51.100.0/24
router bgp 64501 view blue
  network 198.51.101.0/24
`
    const { instances } = readNetworks(config, 64500)
    expect([...instances.get('')!]).toEqual([
      ['192.0.2.0/24', 'normal'],
      ['192.0.2.1/32', 'normal'],
      ['192.0.2.2/32', 'degraded'],
      ['2001:db8:51::/48', 'normal'],
    ])
    expect([...instances.get('red')!]).toEqual([['198.51.100.0/24', 'normal']])
    expect(readNetworks(config, 64999)).toEqual({ instances: new Map(), definesDegraded: false })
    expect(readNetworks('', 64500).instances.size).toBe(0)
  })

  test('networks are read with the number of the AS in any notation, as FRR 10 prints it', () => {
    const config = `router bgp 1.10 as-notation dot
  network 192.0.2.0/24
router bgp 1.10 vrf red as-notation dot
  network 198.51.100.0/24
router bgp 1.10 view blue as-notation dot
  network 198.51.101.0/24
`
    const { instances } = readNetworks(config, 65546)
    expect([...instances].map(([vrf, networks]) => [vrf, ...networks.keys()])).toEqual([
      ['', '192.0.2.0/24'],
      ['red', '198.51.100.0/24'],
    ])
  })

  test('a version is the word after FRRouting', () => {
    expect(readVersion('FRRouting 8.4.4 (vm) on Linux(6.1).\nCopyright\n')).toBe('8.4.4')
    expect(() => readVersion('hello')).toThrow(protocolError)
  })
})
