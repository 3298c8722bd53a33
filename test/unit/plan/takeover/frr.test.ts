import { expect, test } from 'vitest'
import { readFrr } from '../../../../src/plan/takeover/frr/read.ts'

function read(text: string) {
  return readFrr({ file: 'frr.conf', text })
}

function readSession(lines: string, af = '') {
  const family = af === '' ? '' : `\n address-family ipv4 unicast\n  ${af}\n exit-address-family`
  return read(`router bgp 64500\n neighbor 10.1.1.1 remote-as 64601\n ${lines}${family}\nexit\n`).sessions[0]
}

test.each([
  ['neighbor 10.1.1.1 description Transit A', { description: 'Transit A' }],
  ['neighbor 10.1.1.1 password never-show-this', { hasPassword: true }],
  ['neighbor 10.1.1.1 update-source 10.1.1.2', { localAddress: '10.1.1.2', interface: null }],
  ['neighbor 10.1.1.1 update-source lo', { localAddress: null, interface: 'lo' }],
  ['neighbor 10.1.1.1 ebgp-multihop', { multihop: 255 }],
  ['neighbor 10.1.1.1 ebgp-multihop 3', { multihop: 3 }],
  ['neighbor 10.1.1.1 disable-connected-check', { multihop: 2 }],
  ['neighbor 10.1.1.1 bfd', { bfd: {} }],
  ['neighbor 10.1.1.1 bfd 3 100 200', { bfd: { multiplier: 3, intervalMs: 200 } }],
  ['neighbor 10.1.1.1 ttl-security hops 1', { gtsm: true }],
  ['neighbor 10.1.1.1 ttl-security hops 2', { gtsm: false }],
  ['neighbor 10.1.1.1 timers 3 9', { timers: { keepaliveMs: 3000, holdMs: 9000 } }],
  ['neighbor 10.1.1.1 local-as 64999', { localAs: 64999 }],
  ['neighbor 10.1.1.1 capability extended-nexthop', { extendedNextHop: true }],
])('%s is read', (line, expected) => {
  expect(readSession(line)).toMatchObject(expected)
})

test.each([
  ['neighbor 10.1.1.1 maximum-prefix 100', { limit: 100 }],
  ['neighbor 10.1.1.1 route-map IN in', { import: 'filtered' }],
  ['neighbor 10.1.1.1 route-map OUT out', { import: 'everything' }],
  ['no neighbor 10.1.1.1 activate', { families: [] }],
])('%s in an address family is read', (line, expected) => {
  expect(readSession('', line)).toMatchObject(expected)
})

test.each(['warning-only', '80 warning-only', 'restart 30', '', '80'])(
  'an action of maximum-prefix that is not taken over is said: %s',
  (words) => {
    const { left } = read(
      `router bgp 64500\n neighbor 10.1.1.1 remote-as 64601\n neighbor 10.1.1.1 maximum-prefix 9 ${words}\n`,
    )
    const expected = /warning|restart/.test(words)
      ? [
          'the limit is taken over, and not its action: with Anyward the session stops, until an operator enables it',
        ]
      : []
    expect(left.map(({ reason }) => reason)).toEqual(expected)
  },
)

test('a neighbor has the settings of its peer group, also of lines behind it, and its own in their place', () => {
  const found = read(`router bgp 64500
 neighbor G peer-group
 neighbor 10.1.1.1 peer-group G
 neighbor 10.1.1.1 timers 1 3
 neighbor G remote-as 64601
 neighbor G timers 3 9
 neighbor G bfd
`)
  expect(found.sessions).toMatchObject([
    { name: '10.1.1.1', asn: 64601, bfd: {}, timers: { keepaliveMs: 1000 } },
  ])
})

test('an unnumbered neighbor has its interface and no address', () => {
  const found = read('router bgp 64500\n neighbor eth1 interface v6only remote-as 64601\n')
  expect(found.sessions).toMatchObject([{ address: null, interface: 'eth1', asn: 64601 }])
})

test('each VRF has its neighbors, and the AS number is that of the default one', () => {
  const found = read(`router bgp 64999 vrf red
 bgp router-id 10.0.0.9
 neighbor 10.1.1.1 remote-as 64999
exit
router bgp 64500
 bgp router-id 10.0.0.1
 neighbor 10.1.1.1 remote-as internal
`)
  expect(found).toMatchObject({ asn: 64500, routerId: '10.0.0.1' })
  expect(found.sessions).toMatchObject([
    { vrf: 'red', asn: 'internal', localAs: 64999 },
    { vrf: null, asn: 'internal', localAs: null },
  ])
})

test('lines of other sections are not those of bgpd, indented or not', () => {
  const found = read(`router ospf
neighbor 10.9.9.9 remote-as 64666
router bgp 64500
neighbor 10.1.1.1 remote-as 64601
interface eth0
 neighbor 10.8.8.8 remote-as 64666
`)
  expect(found.sessions.map(({ name }) => name)).toEqual(['10.1.1.1'])
})

test.each([
  ['neighbor 10.1.1.2 remote-as external', 'the neighbor’s AS number is not in the configuration'],
  ['neighbor 10.1.1.2 description x', 'the neighbor has no AS number that can be read'],
  ['neighbor 10.1.1.1 shutdown', 'the session is shut down'],
  ['bgp listen range 10.0.0.0/8 peer-group G', 'Anyward has no sessions with a range of neighbors'],
])('%s is left, with the reason', (line, reason) => {
  const { left } = read(`router bgp 64500\n neighbor 10.1.1.1 remote-as 64601\n ${line}\n`)
  expect(left).toMatchObject([{ reason }])
})

test('an AS number in dotted notation is read', () => {
  expect(read('router bgp 1.10\n neighbor 10.1.1.1 remote-as 1.11\n')).toMatchObject({
    asn: 65546,
    sessions: [{ asn: 65547 }],
  })
})

test('a password is in nothing that is shown', () => {
  const found = read(`password never-show-this
enable password never-show-this
username x password never-show-this
key chain k
 key 1
  key-string never-show-this
interface eth0
 ip ospf message-digest-key 1 md5 never-show-this
router ospf
 area 0 authentication never-show-this
ip ospf authentication-key never-show-this
router bgp 64500
 neighbor 10.1.1.1 remote-as 64601
 neighbor 10.1.1.1 password never-show-this
 neighbor 10.1.1.2 password never-show-this
 neighbor 10.1.1.2 shutdown
 bgp something password never-show-this
`)
  expect(found.sessions).toMatchObject([{ hasPassword: true }])
  expect(JSON.stringify(found)).not.toContain('never-show-this')
})
