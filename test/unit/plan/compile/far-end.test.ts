import { expect, test } from 'vitest'
import { compilePlan } from '../../../../src/plan/compile/compile-plan.ts'
import { farEndOf } from '../../../../src/plan/compile/far-end.ts'
import { debianLayout } from '../../../../src/plan/compile/layout.ts'
import { parseFleet } from '../../../../src/plan/sites/parse.ts'
import { base } from '../../../invalid/base.ts'

/** The list for the far end of the second neighbor at ams1 in the base fleet, with these fields. */
function farEnd(fields: string, daemon = 'frr'): string[] {
  const text = base['ams1.yaml']!.replace(
    'name: tor2, kind: tor, asn: 64613, address: "2001:db8:21::1", gtsm: true',
    fields,
  ).replace('daemon: frr', `daemon: ${daemon}`)
  const { fleet, issues } = parseFleet([
    { name: 'fleet.yaml', text: base['fleet.yaml']! },
    { name: 'ams1.yaml', text },
  ])
  if (fleet === null) throw new Error(JSON.stringify(issues))
  const node = compilePlan(fleet, (_site, node) => debianLayout(fleet, node)).nodes[0]!
  return farEndOf(node, node.sessions[1]!).map(({ need, text }) => `${need}: ${text}`)
}

test.each([
  [
    'name: private, kind: provider-private, asn: 65501, address: 169.254.169.254, localAddress: 203.0.113.10, multihop: 2, bfd: {}, timers: { hold: 30s }, passwordFile: /etc/anyward/x',
    [
      'required: neighbor 203.0.113.10, AS64500, from your 169.254.169.254, AS65501; IPv4 unicast',
      'required: eBGP multihop: the session crosses up to 2 hops',
      'required: TCP MD5 (RFC 2385) with the password that was agreed on; it is not shown here',
      'required: BFD, multihop (RFC 5883), interval 300 ms, multiplier 3: without it our FRR does not start the session, or not again once it has ended',
      'recommended: the role provider (RFC 9234): with another one the session does not come up, with none it does',
      "recommended: hold time 30 s or more, keepalives each 10 s: of both sides' hold times the shorter applies",
      'recommended: GRACEFUL_SHUTDOWN (65535:0, RFC 8326): give such routes LOCAL_PREF 0; we send it before maintenance, and while a service is impaired',
      'recommended: filters: routes from us: exactly 192.0.2.0/24, with NO_EXPORT; routes to us: none',
    ],
  ],
  [
    'name: rack, kind: tor, asn: 65501, address: 10.9.9.9, noExport: false, role: none, degrade: { gracefulShutdown: false }',
    [
      'required: neighbor the address of our node on that link, AS64500, from your 10.9.9.9, AS65501; IPv4 unicast',
      'recommended: BFD (RFC 5880), off at present: without it a failed path is found only when the hold time ends, after up to 90 s',
      "recommended: hold time 90 s or more, keepalives each 30 s: of both sides' hold times the shorter applies",
      'recommended: filters: routes from us: exactly 192.0.2.0/24, 192.0.2.1/32; routes to us: none',
    ],
  ],
  [
    'name: peer1, kind: peer, asn: 64999, address: 10.9.9.1, limit: 40, role: none, degrade: { gracefulShutdown: false }',
    [
      'required: neighbor the address of our node on that link, AS64500, from your 10.9.9.1, AS64999; IPv4 unicast',
      'recommended: BFD (RFC 5880), off at present: without it a failed path is found only when the hold time ends, after up to 90 s',
      "recommended: hold time 90 s or more, keepalives each 30 s: of both sides' hold times the shorter applies",
      'recommended: filters: routes from us: exactly 192.0.2.0/24; routes to us: at most 40, beyond which the session stays down until we enable it',
    ],
  ],
  [
    'name: rack, kind: tor, asn: 65501, localAs: 65010, address: 10.9.9.9, noExport: false, degrade: { gracefulShutdown: false }',
    [
      'required: neighbor the address of our node on that link, AS65010, from your 10.9.9.9, AS65501; IPv4 unicast',
      'recommended: BFD (RFC 5880), off at present: without it a failed path is found only when the hold time ends, after up to 90 s',
      "recommended: hold time 90 s or more, keepalives each 30 s: of both sides' hold times the shorter applies",
      'recommended: filters: routes from us: exactly 192.0.2.0/24, 192.0.2.1/32; routes to us: none',
    ],
  ],
  [
    'name: inside, kind: ibgp, asn: 64500, address: "2001:db8:9::1"',
    [
      'required: neighbor an address that we name, AS64500, from your 2001:db8:9::1, AS64500; IPv6 unicast',
      'recommended: BFD (RFC 5880), off at present: without it a failed path is found only when the hold time ends, after up to 90 s',
      "recommended: hold time 90 s or more, keepalives each 30 s: of both sides' hold times the shorter applies",
      'recommended: filters: routes from us: exactly 2001:db8:51::/48, 2001:db8:51::1/128; routes to us: those of our own prefixes only',
    ],
  ],
  [
    'name: inside, kind: ibgp, asn: 64500, address: "2001:db8:9::1", bfd: { hops: single }',
    [
      'required: neighbor an address that we name, AS64500, from your 2001:db8:9::1, AS64500; IPv6 unicast',
      'required: BFD, single hop (RFC 5881; BIRD: with direct; FRR from 10.2 on: without update-source), interval 300 ms, multiplier 3: without it our FRR does not start the session, or not again once it has ended',
      "recommended: hold time 90 s or more, keepalives each 30 s: of both sides' hold times the shorter applies",
      'recommended: filters: routes from us: exactly 2001:db8:51::/48, 2001:db8:51::1/128; routes to us: those of our own prefixes only',
    ],
  ],
  [
    'name: leaf, kind: tor, asn: 65501, interface: eth1, role: none, degrade: { gracefulShutdown: false }, bfd: {}',
    [
      'required: neighbor the link-local address of our node on that link, AS64500, from your link-local address, AS65501; IPv4 unicast and IPv6 unicast',
      'required: an unnumbered session: your router opens the connection, from its link-local address, and sends router advertisements (RFC 4861); ours sends them too',
      'required: IPv4 routes with IPv6 next hops (RFC 8950): the capability extended next hop',
      'required: BFD, single hop (RFC 5881), interval 300 ms, multiplier 3: without it our FRR does not start the session, or not again once it has ended',
      "recommended: hold time 90 s or more, keepalives each 30 s: of both sides' hold times the shorter applies",
      'recommended: filters: routes from us: exactly 192.0.2.0/24, 192.0.2.1/32, 2001:db8:51::/48, 2001:db8:51::1/128, with NO_EXPORT; routes to us: none',
    ],
  ],
])('the far end of { %s }', (fields, items) => {
  expect(farEnd(fields)).toEqual(items)
})

test.each([
  ['frr\n    daemonVersion: "8.4.4"', 'recommended'],
  ['frr\n    daemonVersion: "10.3"', 'required'],
  ['bird', 'recommended'],
])('with daemon: %s BFD is %s', (daemon, need) => {
  const items = farEnd('name: x, kind: transit, asn: 65501, address: 10.9.9.9, bfd: {}', daemon)
  expect(items.filter((item) => item.includes('BFD'))).toEqual([
    expect.stringMatching(new RegExp(`^${need}: BFD, single hop`)),
  ])
})

test('BIRD sends multihop BFD with a TTL that FRR refuses: the list says so', () => {
  const fields =
    'name: x, kind: transit, asn: 65501, address: 10.9.9.9, localAddress: 10.9.9.8, multihop: 2, bfd: {}'
  const ttl =
    'our packets start with TTL 64: FRR refuses them, unless a bfd peer with multihop has minimum-ttl 1'
  expect(farEnd(fields).join()).not.toContain(ttl)
  expect(farEnd(fields, 'bird').join()).toContain(`BFD, multihop (RFC 5883; ${ttl})`)
})
