import { describe, expect, test } from 'vitest'
import {
  bodyStatements,
  normalizeBird,
  readBirdStatements,
} from '../../../../src/node/apply/foreign/bird-statements.ts'
import { formatForeign } from '../../../../src/node/apply/foreign/foreign.ts'
import { findPlaces, without } from '../../../../src/node/apply/foreign/frr-foreign.ts'
import { describeSections } from '../../../../src/node/apply/foreign/frr-sections.ts'
import { hideInstalledSecrets } from '../../../../src/node/apply/foreign/mask.ts'
import { readLines } from '../../../../src/node/apply/frr-lines.ts'
import { parseProtocols } from '../../../../src/node/routing/bird/protocols.ts'
import { maskBirdSecrets, maskFrrSecrets } from '../../../../src/syntax/mask-secrets.ts'
import { countMany as count } from '../../../../src/text/count.ts'

describe('the statements of a BIRD configuration', () => {
  test('end at a semicolon or with their block; comments and strings hide braces', () => {
    const text = `log "/var/log/{x};" all; # protocol bgp no {
/* protocol ospf no { } */
protocol bgp 'up-1' from base {
  ipv4 { import filter { accept; }; };
  neighbor 10.0.0.1 as 64601;
};
filter f { if net ~ [ 10.0.0.0/8+ ] then accept; }
define A = 1;`
    const found = readBirdStatements(text)
    expect(found.map(({ head, line }) => `${line} ${head.join(' ')}`)).toEqual([
      '1 log "/var/log/{x};" all',
      "3 protocol bgp 'up-1' from base",
      '7 filter f',
      '8 define A = 1',
    ])
    expect(bodyStatements(found[1]!.body!)).toEqual([['ipv4'], ['neighbor', '10.0.0.1', 'as', '64601']])
  })

  test('are equal without comments and white space, and differ by one word', () => {
    const text = 'protocol static { ipv4; route 10.0.0.0/8 blackhole; }\n'
    expect(normalizeBird(`# one\n${text.replaceAll(' ', '\n\t')}`)).toBe(normalizeBird(text))
    expect(normalizeBird(text.replace('blackhole', 'prohibit'))).not.toBe(normalizeBird(text))
  })

  test.each(['protocol bgp x {', '}}}', '"', '/*', "'", '{{{{;'])(
    'of %j are read without an error',
    (text) => {
      expect(Array.isArray(readBirdStatements(text))).toBe(true)
    },
  )
})

test.each([
  'upstream1  BGP        ---        up     19:10:41.004  Established   ',
  'upstream1  BGP        ---        up     2026-11-28    Established   ',
  'upstream1  BGP        ---        up     2026-11-28 19:10:41  Established   ',
])('a session of BIRD is read from %j', (text) => {
  const detail = [
    '    Neighbor address: 10.9.0.1',
    '    Neighbor AS:      64601',
    '    Routes:         3 imported, 0 filtered, 2 exported, 3 preferred',
  ]
  const lines = [{ code: 1002, text }, ...detail.map((line) => ({ code: 1006, text: line }))]
  expect(parseProtocols(lines)).toEqual([
    {
      ...{ name: 'upstream1', type: 'BGP', state: 'up', info: 'Established' },
      ...{ neighbor: '10.9.0.1', neighborAsn: '64601', imported: 3, exported: 2 },
    },
  ])
})

describe('the sections of a configuration of FRR', () => {
  const describeAll = (text: string, own: string[] = []) =>
    describeSections(readLines(text), {
      placeOf: () => '/etc/frr/frr.conf:1',
      runs: () => true,
      replaces: (_block, neighbor) => neighbor === '10.0.0.9',
      own: new Set(own),
    }).map(({ kind, what }) => `${kind}: ${what}`)

  test('name sessions in VRFs, protocols, interfaces, lists and what is unknown', () => {
    expect(
      describeAll(
        `router bgp 64500 vrf red
 neighbor 10.0.0.1 remote-as external
 address-family ipv4 unicast
  network 198.51.100.0/24
  network 192.0.2.0/24
  redistribute connected
 exit-address-family
exit
router isis core
 net 49.0001.0000.0000.0001.00
exit
interface eth1
 ip address 10.0.0.2/24
exit
ip prefix-list customers seq 5 permit any
ip prefix-list aw-own seq 5 permit any
route-map customers permit 10
exit
! a comment
# another one
something unknown`,
        ['192.0.2.0/24'],
      ),
    ).toEqual([
      'session: BGP session to 10.0.0.1 AS external vrf red (router bgp 64500)',
      'protocol: 2 route originations of router bgp 64500 vrf red (network 198.51.100.0/24, redistribute connected)',
      'protocol: IS-IS process core',
      'interface: interface eth1: 1 setting (ip address 10.0.0.2/24)',
      'settings: 1 line of lists (customers)',
      'settings: 1 route-map entry (customers)',
      'settings: 1 other line, such as "something unknown"',
    ])
  })

  test('name lists and route-maps, and say which session the bundle has too', () => {
    expect(
      describeAll(`router bgp 64500
 neighbor 10.0.0.9 remote-as 64601
 address-family ipv4 unicast
  neighbor 10.0.0.9 route-map in in
 exit-address-family
exit
bgp community-list standard blue seq 5 permit 64500:1
bgp as-path access-list short seq 5 permit ^1$
ip prefix-list a seq 5 permit any
ip prefix-list a seq 10 permit any
route-map in permit 10
exit
route-map out permit 10
exit`),
    ).toEqual([
      'session: BGP session to 10.0.0.9 AS 64601 (router bgp 64500), replaced by that of the bundle',
      'settings: 4 lines of lists (blue, short, a)',
      'settings: 2 route-map entries (in, out)',
    ])
  })

  test('name the settings of a router that has sessions or routes', () => {
    const router = `router bgp 64500 vrf red
 bgp router-id 10.0.0.1
 no bgp ebgp-requires-policy
 bgp bestpath as-path multipath-relax
 address-family ipv4 unicast
  maximum-paths 4
 exit-address-family
`
    expect(describeAll(`log syslog\n${router} neighbor 10.0.0.1 remote-as external\nexit\n`)).toEqual([
      'session: BGP session to 10.0.0.1 AS external vrf red (router bgp 64500)',
      'settings: 3 settings of router bgp 64500 vrf red (no bgp ebgp-requires-policy, bgp bestpath as-path multipath-relax, maximum-paths 4)',
    ])
    expect(describeAll(`log syslog\n${router}exit\n`)).toEqual([])
  })

  test('of the package hold nothing', () => {
    expect(
      describeAll('log syslog informational\nservice integrated-vtysh-config\nno ip forwarding\n'),
    ).toEqual([])
  })
})

test('secrets are hidden in both notations', () => {
  expect(maskBirdSecrets('password "a b";\n  password key1;\n  key "a;b" { }')).toBe(
    'password ***;\n  password ***;\n  key *** { }',
  )
  const frr = [
    ' neighbor 10.0.0.1 password hunter;2',
    ' ip ospf message-digest-key 1 md5 hunter2',
    ' ip ospf authentication-key hunter2',
    ' area-password clear hunter2',
    ' key-string hunter2',
    ' ip nhrp authentication hunter2',
  ]
  expect(maskFrrSecrets(frr.join('\n'))).not.toContain('hunter')
  expect(maskFrrSecrets('FRR keeps "router ospf / x md5 hunter2"; FRR keeps "log syslog"')).toBe(
    'FRR keeps "router ospf / x md5 ***"; FRR keeps "log syslog"',
  )
})

test.for([
  'password\n  "hunter2";',
  'password # of transit1\n  "hunter2";',
  'password /* of transit1 */ "hunter2";',
  'define UP1 = "hunter2";\nprotocol bgp a { password UP1; }',
  'define BGP_PASSWORD = "hunter2";',
  'define PW_1\n = "hunter2";',
])('BIRD reads it, and its secret is hidden: %s', (text) => {
  expect(maskBirdSecrets(text)).not.toContain('hunter2')
  expect(maskBirdSecrets(text).split('\n')).toHaveLength(text.split('\n').length)
})

test('what is no secret of BIRD is shown', () => {
  const text = 'define MONKEY = "banana";\n# the password\nlocal as 64500;\ninclude "keys/*.conf";'
  expect(maskBirdSecrets(text)).toBe(text)
})

test('a secret and its token are the same in a comparison, in the lines of the bundle only', () => {
  const line = ' ip ospf message-digest-key 1 md5'
  const hide = hideInstalledSecrets(`${line} @anyward-secret:/etc/anyward/ospf@\n ip ospf cost 5`)
  expect(hide(`  ${line} @anyward-secret:/etc/anyward/ospf@`)).toBe(`  ${line} ***`)
  expect(hide(`${line} a$&b\n ip ospf cost 6`)).toBe(`${line} ***\n ip ospf cost 6`)
  expect(hide(line.replace('1', '2'))).toBe(line.replace('1', '2'))
})

test('a part is printed with its state and place, and a large number with commas', () => {
  expect(count(912_345, 'route')).toBe('912,345 routes')
  expect(formatForeign({ kind: 'session', what: 'BGP session a', state: 'running', place: null })).toBe(
    'BGP session a: running (in no file)',
  )
})

test('a session of FRR is placed where it begins, and every other line where it is', () => {
  const text = `route-map in permit 10
exit
router bgp 64500
 neighbor 10.0.0.1 remote-as 64601
 address-family ipv4 unicast
  neighbor 10.0.0.1 route-map in in
  redistribute connected
 exit-address-family
exit
`
  const { lines, placeOf } = findPlaces([{ path: 'frr.conf', text }])
  expect([...lines.values()].map((line) => `${line.at(-1)} ${placeOf(line)}`)).toEqual(
    expect.arrayContaining([
      'neighbor 10.0.0.1 route-map in in frr.conf:4',
      'redistribute connected frr.conf:7',
      'route-map in permit 10 frr.conf:1',
    ]),
  )
})

test('a session of a configuration of ours with the address of another VRF is lost', () => {
  const session = (vrf: string) =>
    `router bgp 64500${vrf}\n neighbor 10.0.0.1 remote-as 64601\n neighbor 10.0.0.1 description old\n`
  const lost = (fresh: string) =>
    [...without(readLines(session(' vrf blue')), readLines(fresh), true).values()].map((line) => line.at(-1))
  expect(lost('router bgp 64500 vrf blue\n neighbor 10.0.0.1 remote-as 64602\n')).toEqual([
    'router bgp 64500 vrf blue',
  ])
  expect(lost('router bgp 64500\n neighbor 10.0.0.1 remote-as 64602\n')).toEqual([
    'router bgp 64500 vrf blue',
    'neighbor 10.0.0.1 remote-as 64601',
    'neighbor 10.0.0.1 description old',
  ])
})
