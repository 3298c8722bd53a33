import { expect, test } from 'vitest'
import { findBogon, isUnicast } from '../../../src/net/bogons.ts'
import { isLinkLocal, parseAddress, parsePrefix } from '../../../src/net/prefix.ts'

function prefix(text: string) {
  const parsed = parsePrefix(text)
  if (!parsed.ok) throw new Error(parsed.problem)
  return parsed.value
}

function address(text: string) {
  const parsed = parseAddress(text)
  if (!parsed.ok) throw new Error(parsed.problem)
  return parsed.value
}

test.each([
  ['10.1.0.0/16', '10.0.0.0/8'],
  ['192.0.2.1/32', '192.0.2.0/24'],
  ['172.31.255.0/24', '172.16.0.0/12'],
  ['198.19.0.0/16', '198.18.0.0/15'],
  ['2001:db8:51::/48', '2001:db8::/32'],
  ['fd00::/8', 'fc00::/7'],
])('%s is in the bogon range %s', (text, range) => {
  expect(findBogon(prefix(text))?.prefix.toString()).toBe(range)
})

test.each(['192.0.0.0/16', '8.8.8.0/24', '172.32.0.0/16', '2a00::/16', '2001:db9::/32', '0.0.0.0/0'])(
  '%s is in no bogon range',
  (text) => {
    expect(findBogon(prefix(text))).toBeNull()
  },
)

test('IPv6 link-local addresses need an interface, those of IPv4 do not', () => {
  expect(['fe80::1', 'febf::1'].map((text) => isLinkLocal(address(text)))).toEqual([true, true])
  expect(['169.254.1.1', 'fec0::1'].map((text) => isLinkLocal(address(text)))).toEqual([false, false])
})

test('an interface can have only unicast addresses', () => {
  const none = ['0.0.0.0', '::', '224.0.0.1', '255.255.255.255', 'ff02::1']
  expect(none.map((text) => isUnicast(address(text)))).toEqual(none.map(() => false))
  expect(['10.0.0.1', '2001:db8::1', '::1'].map((text) => isUnicast(address(text)))).toEqual([
    true,
    true,
    true,
  ])
})
