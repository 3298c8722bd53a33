import { expect, test } from 'vitest'
import { parseAddress, parseInterfaceAddress, parsePrefix } from '../../../src/net/prefix.ts'

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
  ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
  ['::', '::'],
  ['::ffff:192.0.2.1', '::ffff:c000:201'],
])('the address %s prints as %s', (text, printed) => {
  const parsed = parseAddress(text)
  expect(parsed.ok && parsed.value.toString()).toBe(printed)
})

test.each([
  ['010.0.0.1', 'has an octet with a leading zero, which some tools read as octal', 'write 10.0.0.1'],
  ['192.0.2.256', 'is not an IPv4 address', 'each of its four numbers is 0 to 255'],
  ['192.0.2', 'is not an IP address', 'write one such as 192.0.2.1 or 2001:db8::1'],
  [
    'fe80::1%eth0',
    'is link-local and names an interface (RFC 4007), which a neighbor has in a field of its own',
    'write address: fe80::1, interface: eth0',
  ],
  ['2001:db8::1%eth0', 'names an interface (RFC 4007), but is not link-local', 'write 2001:db8::1'],
  ['1::2::3', 'is not an IP address', 'write one such as 192.0.2.1 or 2001:db8::1'],
  ['192.0.2.1/32', 'has a prefix length, but must be a single address', 'write 192.0.2.1'],
  ['192.0.2.1/32/32', 'has a prefix length, but must be a single address', 'write 192.0.2.1'],
  ['', 'is not an IP address', 'write one such as 192.0.2.1 or 2001:db8::1'],
  [' 192.0.2.1', 'is not an IP address', 'write one such as 192.0.2.1 or 2001:db8::1'],
])('%j is refused as an address, with the reason', (text, problem, hint) => {
  expect(parseAddress(text)).toEqual({ ok: false, problem, hint })
})

test.each([
  [
    '192.0.2.1/24',
    'has host bits set beyond /24',
    'write 192.0.2.0/24, or 192.0.2.1/32 for a single address',
  ],
  [
    '2001:db8::1/32',
    'has host bits set beyond /32',
    'write 2001:db8::/32, or 2001:db8::1/128 for a single address',
  ],
  ['192.0.2.0', 'has no prefix length', 'write 192.0.2.0/32 for a single address'],
  ['192.0.2.0/33', 'has a prefix length that is not 0 to 32', 'write 192.0.2.0/32 or shorter'],
  ['192.0.2.0/024', 'has a prefix length that is not 0 to 32', 'write 192.0.2.0/32 or shorter'],
  ['192.0.2.0/-1', 'has a prefix length that is not 0 to 32', 'write 192.0.2.0/32 or shorter'],
  ['192.0.2.0/255.255.255.0', 'has a prefix length that is not 0 to 32', 'write 192.0.2.0/32 or shorter'],
  ['2001:db8::/129', 'has a prefix length that is not 0 to 128', 'write 2001:db8::/128 or shorter'],
])('%j is refused as a prefix, with the reason', (text, problem, hint) => {
  expect(parsePrefix(text)).toEqual({ ok: false, problem, hint })
})

test('an interface address keeps its host bits', () => {
  const parsed = parseInterfaceAddress('10.80.0.1/16')
  expect(parsed.ok && [parsed.value.toString(), parsed.value.prefix.toString()]).toEqual([
    '10.80.0.1/16',
    '10.80.0.0/16',
  ])
})
