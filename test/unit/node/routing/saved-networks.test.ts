import { expect, test } from 'vitest'
import { findNetworkLines, withoutNetworkLines } from '../../../../src/node/routing/frr/saved-networks.ts'

const own = new Set(['192.0.2.0/24', '192.0.2.1/32', '2001:db8:51::/48'])

function clean(text: string): string {
  return withoutNetworkLines(text, findNetworkLines(text, own))
}

/** The lines that are removed from `text`. */
function taken(text: string): string[] {
  const lines = text.split('\n')
  return [...findNetworkLines(text, own).keys()].map((number) => lines[number - 1]!.trim())
}

test('lines of our prefixes are removed, in either grade, and every other byte stays', () => {
  const before = [
    'frr version 8.4.4\r',
    'router bgp 64500',
    ' no bgp network import-check',
    ' !',
    ' address-family ipv4 unicast',
    '  network 192.0.2.0/24',
    '  network 192.0.2.1/32 route-map aw-degraded',
    '  network 203.0.113.0/24\t',
    ' exit-address-family',
    ' !',
    ' address-family ipv6 unicast',
    '  network 2001:db8:51::/48',
    ' exit-address-family',
    'exit',
    '!',
    '',
  ]
  const ours = [5, 6, 11]
  expect(clean(before.join('\n'))).toBe(before.filter((_, index) => !ours.includes(index)).join('\n'))
})

test.each([
  ['without indentation', 'router bgp 64500\naddress-family ipv4 unicast\nnetwork 192.0.2.0/24\n'],
  ['outside of an address family', 'router bgp 64500\n network 192.0.2.0/24\n'],
  ['of another AS', 'router bgp 4200000000 as-notation dot+\n network 192.0.2.0/24\n'],
  ['with an AS in dots', 'router bgp 1.10 as-notation dot\n network 192.0.2.0/24\n'],
  ['with a family of one word', 'router bgp 1\n address-family ipv6\n  network 2001:db8:51::/48\n'],
  ['in another spelling', 'router bgp 64500\n network 2001:0DB8:0051:0::/48\n'],
  ['with a route-map of an engineer', 'router bgp 64500\n network 192.0.2.0/24 route-map X\n'],
  ['ending in CR and LF', 'router bgp 64500\r\n network 192.0.2.0/24\r\n'],
])('a line %s is found', (_, text) => {
  expect(taken(text)).toHaveLength(1)
})

test.each([
  ['another prefix', 'router bgp 64500\n network 192.0.2.0/25\n'],
  ['a backdoor', 'router bgp 64500\n network 192.0.2.0/24 backdoor\n'],
  ['another VRF', 'router bgp 64500 vrf blue\n network 192.0.2.0/24\n'],
  ['a view', 'router bgp 64500 view blue\n network 192.0.2.0/24\n'],
  ['OSPF', 'router bgp 64500\nrouter ospf\n network 192.0.2.0/24 area 0\n'],
  ['multicast', 'router bgp 64500\n address-family ipv4 multicast\n  network 192.0.2.0/24\n'],
  ['a withdrawal', 'router bgp 64500\n no network 192.0.2.0/24\n'],
  ['a comment', 'router bgp 64500\n! network 192.0.2.0/24\n'],
  ['a line after end', 'router bgp 64500\nend\nnetwork 192.0.2.0/24\n'],
  ['no prefix', 'router bgp 64500\n network 192.0.2.0/24/24\n network\n'],
])('%s stays', (_, text) => {
  expect(clean(text)).toBe(text)
})

test('lines after a family that is not ours are read again', () => {
  const text =
    'router bgp 1\n address-family l2vpn evpn\n exit-address-family\n address-family ipv4 unicast\n  network 192.0.2.0/24\n'
  expect(taken(text)).toEqual(['network 192.0.2.0/24'])
})

test('lines of a VRF are ours where a neighbor is in it', () => {
  const text = ['red', 'blue']
    .map((vrf) => `router bgp 64500 vrf ${vrf}\n address-family ipv4 unicast\n  network 192.0.2.0/24\n`)
    .join('')
  expect([...findNetworkLines(text, own, ['red']).keys()]).toEqual([3])
  expect(findNetworkLines(text, own).size).toBe(0)
})

test('the number of our AS may be in another notation, which FRR prints after the VRF', () => {
  const text =
    'router bgp 0.64500 as-notation dot+\n network 192.0.2.0/24\nrouter bgp 0.64500 vrf red as-notation dot+\n network 192.0.2.0/24\n'
  expect([...findNetworkLines(text, own, ['red']).keys()]).toEqual([2, 4])
})
