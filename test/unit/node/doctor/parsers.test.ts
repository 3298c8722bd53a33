import { describe, expect, test } from 'vitest'
import { matchesPath } from '../../../../src/files/glob.ts'
import { findInodes } from '../../../../src/linux/inspect/udp-sockets.ts'
import type { Flow } from '../../../../src/node/doctor/checks/firewall/chains.ts'
import { judgeIptables } from '../../../../src/node/doctor/checks/firewall/iptables.ts'
import { NftRules } from '../../../../src/node/doctor/checks/firewall/nftables.ts'
import { isPlausible } from '../../../../src/node/doctor/checks/machine/clock.ts'
import { isController } from '../../../../src/node/doctor/checks/machine/controller.ts'
import { judgeConntrack } from '../../../../src/node/doctor/checks/network/conntrack.ts'
import { judgeName } from '../../../../src/node/doctor/checks/network/name.ts'
import { isStrict } from '../../../../src/node/doctor/checks/network/rp-filter.ts'
import { isEnabled, loadsRpki } from '../../../../src/node/doctor/checks/routing/daemon.ts'
import { findUndefinedMaps } from '../../../../src/node/doctor/checks/routing/include.ts'
import { hasAddress } from '../../../../src/node/doctor/checks/routing/other-announcers.ts'
import { judgeFamilies } from '../../../../src/node/doctor/checks/wireguard/both-families.ts'
import { findAllowed } from '../../../../src/node/doctor/checks/wireguard/probe-peer.ts'
import { findBirdIncludes } from '../../../../src/syntax/bird-tokens.ts'

const place = { family: 'inet', table: 'filter' }
const flow: Flow = { interface: null, family: 'ipv4', protocol: 'udp', port: 51820 }

const chain = (more: object) => ({ chain: { family: 'inet', table: 'filter', name: 'input', ...more } })
const base = chain({ hook: 'input', prio: 0, policy: 'drop' })
const rule = (...expr: object[]) => ({ rule: { family: 'inet', table: 'filter', chain: 'input', expr } })
const dport = (right: unknown, protocol = 'udp') => ({
  match: { op: '==', left: { payload: { protocol, field: 'dport' } }, right },
})
const judge = (...entries: object[]) =>
  new NftRules([JSON.stringify({ nftables: [{ metainfo: {} }, ...entries] })]).judge(flow, {
    withoutIptables: false,
  })

describe('nftables', () => {
  test.each([
    ['no chain at all', []],
    ['a chain with the policy accept', [chain({ hook: 'input', policy: 'accept' })]],
    ['the port', [base, rule(dport(51820), { accept: null })]],
    ['a set of ports', [base, rule(dport({ set: [53, { range: [51000, 52000] }] }), { accept: null })]],
    [
      'a named set',
      [base, { set: { ...place, name: 'open', elem: [51820] } }, rule(dport('@open'), { accept: null })],
    ],
    [
      'a rule for some sources, which is not decided',
      [
        base,
        rule(
          { match: { op: '==', left: { payload: { protocol: 'ip', field: 'saddr' } }, right: '10.0.0.0' } },
          { accept: null },
        ),
      ],
    ],
    [
      'a chain that it jumps to',
      [
        base,
        rule({ jump: { target: 'open' } }),
        {
          rule: {
            family: 'inet',
            table: 'filter',
            chain: 'open',
            expr: [dport(51820, 'th'), { accept: null }],
          },
        },
      ],
    ],
    ['another hook', [chain({ hook: 'forward', policy: 'drop' })]],
  ])('accept the port: %s', (_name, entries) => {
    expect(judge(...(entries as object[]))).toBeNull()
  })

  test.each([
    ['by the policy', [base]],
    [
      'as only established flows are accepted',
      [
        base,
        rule(
          { match: { op: 'in', left: { ct: { key: 'state' } }, right: ['established', 'related'] } },
          { accept: null },
        ),
      ],
    ],
    ['as only TCP is accepted', [base, rule(dport(51820, 'tcp'), { accept: null })]],
    [
      'as only lo is accepted',
      [
        base,
        rule({ match: { op: '==', left: { meta: { key: 'iifname' } }, right: 'lo' } }, { accept: null }),
      ],
    ],
    [
      'by a rule, although the policy accepts',
      [chain({ hook: 'input', policy: 'accept' }), rule(dport(51820), { drop: null })],
    ],
  ])('drop the port: %s', (_name, entries) => {
    expect(judge(...(entries as object[]))).toMatchObject({ table: 'filter', chain: 'input' })
  })
})

describe('iptables-legacy', () => {
  const head = ':INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n'
  test.each([
    ':INPUT ACCEPT [0:0]\n',
    `${head}-A INPUT -p udp -m udp --dport 51820 -j ACCEPT\n`,
    `${head}-A INPUT -p udp -m multiport --dports 53,51000:52000 -j ACCEPT\n`,
    `${head}:open - [0:0]\n-A INPUT -j open\n-A open -p udp -m udp --dport 51820 -j ACCEPT\n`,
    `${head}-A INPUT -s 10.0.0.0/8 -j ACCEPT\n`,
  ])('accepts the port, or it depends: %j', (saved) => {
    expect(judgeIptables(saved, flow)).toBeNull()
  })
  test.each([
    head,
    `${head}-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT\n-A INPUT -i lo -j ACCEPT\n`,
    `${head}-A INPUT -p tcp -m tcp --dport 51820 -j ACCEPT\n`,
    ':INPUT ACCEPT [0:0]\n-A INPUT -p udp -m udp --dport 51820 -j REJECT --reject-with icmp-port-unreachable\n',
  ])('drops the port: %j', (saved) => {
    expect(judgeIptables(saved, flow)).not.toBeNull()
  })
})

test('a table that is nearly full, and short timeouts, are found; a kernel without the table has no findings', () => {
  const none = { used: null, most: null, udpS: null, streamS: null }
  expect(judgeConntrack(none)).toEqual([])
  expect(judgeConntrack({ used: 10, most: 1000, udpS: 30, streamS: 120 })).toEqual([])
  expect(judgeConntrack({ ...none, used: 850, most: 1000 })).toMatchObject([{ severity: 'warning' }])
  expect(judgeConntrack({ ...none, used: 990, most: 1000 })).toMatchObject([{ severity: 'error' }])
  expect(judgeConntrack({ ...none, streamS: 20 })[0]!.cure).toContain('nf_conntrack_udp_timeout_stream = 120')
})

describe('the name that clients dial', () => {
  const anycast = ['192.0.2.1', '2001:db8:51::1']
  const both = anycast.map((address) => ({ address, ttlS: 60 }))
  test('with both addresses and a short TTL has no findings', () => {
    expect(
      judgeName('vpn.example.net', [both[0]!, { address: '2001:db8:51:0::1', ttlS: 300 }], anycast),
    ).toEqual([])
  })
  test.each([
    [[], 'error', 'has no address'],
    [[...both, { address: '198.51.100.7', ttlS: 60 }], 'error', '198.51.100.7, which is no anycast address'],
    [[both[0]!], 'warning', 'has no record for 2001:db8:51::1'],
    [both.map((record) => ({ ...record, ttlS: 86_400 })), 'warning', 'a TTL of 86400 s'],
  ])('%#: is found', (records, severity, words) => {
    const [finding, ...others] = judgeName('vpn.example.net', records, anycast)
    expect(finding).toMatchObject({ severity, message: expect.stringContaining(words) })
    expect(others).toEqual([])
  })
})

test('the larger value of rp_filter counts, and 2 is loose', () => {
  expect([isStrict(0, 1), isStrict(1, 0), isStrict(2, 1), isStrict(0, 0)]).toEqual([true, true, false, false])
})

test('a year before the first release, or far ahead, is wrong', () => {
  expect([1970, 2025, 2026, 2099, 2106].map(isPlausible)).toEqual([false, false, true, true, false])
})

test('the daemons of FRR and its modules are read', () => {
  expect(isEnabled('bgpd=yes\n#bfdd=yes\nospfd=no\n', 'bgpd')).toBe(true)
  expect(isEnabled('bgpd=yes\n#bfdd=yes\nospfd=no\n', 'bfdd')).toBe(false)
  expect(
    ['"   -A 127.0.0.1 -M rpki"', '/usr/lib/frr/bgpd -M rpki -d', '--module=bgpd_rpki'].map(loadsRpki),
  ).toEqual([true, true, true])
  expect(loadsRpki('"   -A 127.0.0.1 -M snmp"')).toBe(false)
})

test('the include is found as a path or a pattern, and not in a comment', () => {
  const file = '/run/anyward/announce.conf'
  const includesFile = (text: string, path: string) =>
    findBirdIncludes(text).some(({ pattern }) => matchesPath(path, pattern))
  expect(includesFile('include "/run/anyward/announce.con[f]";', file)).toBe(true)
  expect(includesFile('  include "/run/anyward/announce.conf";', file)).toBe(true)
  expect(includesFile('# include "/run/anyward/announce.conf";', file)).toBe(false)
  expect(includesFile('include "/run/anyward/other.conf";', file)).toBe(false)
})

test('an include in a block is no place for a protocol', () => {
  const text =
    'filter f { accept; }\ninclude "a";\nprotocol static s {\n  include "b";\n}\n# {\ninclude "c";\n'
  expect(findBirdIncludes(text).map(({ pattern, inBlock }) => [pattern, inBlock])).toEqual([
    ['a', false],
    ['b', true],
    ['c', false],
  ])
})

test('the route-maps of an attached FRR that its own file lacks', () => {
  const uses =
    'router bgp 1\n neighbor 10.0.0.1 route-map aw_a-in in\n!\nroute-map mine permit 10\n call aw_a-out\n'
  expect(findUndefinedMaps(uses)).toEqual(['aw_a-in', 'aw_a-out'])
  expect(findUndefinedMaps(`${uses}route-map aw_a-in deny 10\nroute-map aw_a-out permit 10\n`)).toEqual([])
})

test('other programs and peers are recognised', () => {
  expect(hasAddress('virtual_ipaddress {\n 192.0.2.1/32 dev lo\n}', '192.0.2.1')).toBe(true)
  expect(hasAddress('192.0.2.11/32', '192.0.2.1')).toBe(false)
  expect(isController(['node', '/usr/lib/anyward/main.js', 'controller', '--bundle', 'x'])).toBe(true)
  expect(isController(['vi', 'controller'])).toBe(false)
  expect(findAllowed('K1=\t10.0.0.1/32 10.0.0.2/32\nK2=\t(none)\n', 'K1=')).toEqual([
    '10.0.0.1/32',
    '10.0.0.2/32',
  ])
  expect([findAllowed('K2=\t(none)\n', 'K2='), findAllowed('', 'K2=')]).toEqual([[], null])
})

test('the sockets of a port are read from the kernel’s table', () => {
  const text = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
 1234: 00000000:CA6C 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4711 2 0000000000000000 0
 1235: 00000000:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4712 2 0000000000000000 0
`
  expect(findInodes(text, 51820)).toEqual(['4711'])
})

describe('wireguard-go with both families', () => {
  const judgeEndpoints = (endpoints: string, anycast: string[], version = 20230223) =>
    judgeFamilies(
      { name: 'vpn', anycast, wireguard: { interface: 'wg0', port: 51820, publicKey: '', addresses: [] } },
      endpoints,
      version,
    ).map(({ severity, message }) => `${severity}: ${message}`)
  const both = 'K1=\t198.51.100.7:4000\nK2=\t[2001:db8::7]:4000\nK3=\t(none)\n'

  test.each<[string, string, string[], number?]>([
    ['one family', 'K1=\t198.51.100.7:4000\nK3=\t(none)\n', ['192.0.2.1']],
    ['IPv6 only', 'K2=\t[2001:db8::7]:4000\n', ['2001:db8:1::1']],
    ['no peers', '', ['192.0.2.1']],
    ['the version of Debian 12', both, ['192.0.2.1'], 20220316],
  ])('%s: nothing', (_, endpoints, anycast, version) => {
    expect(judgeEndpoints(endpoints, anycast, version)).toEqual([])
  })

  test.each([
    ['peers of both', both, ['192.0.2.1']],
    ['a service of both', '', ['192.0.2.1', '2001:db8:1::1']],
    ['a service of IPv4 with a peer of IPv6', 'K2=\t[2001:db8::7]:4000\n', ['192.0.2.1']],
  ])('%s: a warning', (_, endpoints, anycast) => {
    expect(judgeEndpoints(endpoints, anycast)).toEqual([
      'warning: wg0 of vpn has IPv4 and IPv6 clients, and wireguard-go 0.0.20230223 sends IPv6 packets to wrong addresses after IPv4 ones (its pull request 135)',
    ])
  })
})
