import { isIPv4, isIPv6 } from 'node:net'
import fc from 'fast-check'
import { Address4, Address6 } from 'ip-address'
import { expect, test, vi } from 'vitest'
import {
  Address,
  addressBits,
  comparePrefixes,
  type Family,
  type Prefix,
  parseAddress,
  parseInterfaceAddress,
  parsePrefix,
  prefixOf,
} from '../../src/net/prefix.ts'

// Hundreds of runs, on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000 })

const anyFamily: fc.Arbitrary<Family> = fc.constantFrom('ipv4', 'ipv6')
const anyAddress = anyFamily.chain((family) =>
  fc
    .oneof(
      fc.bigInt({ min: 0n, max: (1n << BigInt(addressBits(family))) - 1n }),
      // With runs of zeros, where the short forms of IPv6 differ.
      fc.array(fc.constantFrom(0n, 0n, 1n, 0xffffn), { minLength: 8, maxLength: 8 }).map((groups) =>
        BigInt.asUintN(
          addressBits(family),
          groups.reduce<bigint>((value, group) => (value << 16n) | group, 0n),
        ),
      ),
    )
    .map((value) => new Address(family, value)),
)
const anyPrefix = anyAddress.chain((address) =>
  fc.nat(addressBits(address.family)).map((length) => prefixOf(address, length)),
)
/** Pairs that are often related, which two random prefixes never are. */
const anyPair = fc.oneof(
  fc.tuple(anyPrefix, anyPrefix),
  anyAddress.chain((address) =>
    fc
      .tuple(fc.nat(addressBits(address.family)), fc.nat(addressBits(address.family)))
      .map(([a, b]): [Prefix, Prefix] => [prefixOf(address, a), prefixOf(address, b)]),
  ),
)

/** First and last address as numbers. */
function rangeOf(prefix: Prefix): { first: bigint; last: bigint } {
  const size = 1n << BigInt(addressBits(prefix.family) - prefix.length)
  return { first: prefix.network.value, last: prefix.network.value + size - 1n }
}

test('a printed address is read back as the same address', () => {
  fc.assert(
    fc.property(anyAddress, (address) => {
      const parsed = parseAddress(address.toString())
      expect(parsed.ok && parsed.value.equals(address) && parsed.value.family === address.family).toBe(true)
    }),
    { numRuns: 1000 },
  )
})

test('a printed prefix is read back as the same prefix', () => {
  fc.assert(
    fc.property(anyPrefix, (prefix) => {
      const parsed = parsePrefix(prefix.toString())
      expect(parsed.ok && parsed.value.equals(prefix)).toBe(true)
    }),
    { numRuns: 1000 },
  )
})

test('an address is printed as by ip-address', () => {
  fc.assert(
    fc.property(anyAddress, ({ family, value }) => {
      const theirs = family === 'ipv4' ? Address4.fromBigInt(value) : Address6.fromBigInt(value)
      expect(new Address(family, value).toString()).toBe(theirs.correctForm())
    }),
    { numRuns: 5000 },
  )
})

test('text is an IPv6 address exactly if ip-address accepts it', () => {
  const anyText = fc
    .array(fc.constantFrom('0', '1', 'ffff', 'DB8', '10000', ':', ':', '::', '.', '1.2.3.4'), {
      maxLength: 16,
    })
    .map((parts) => parts.join(''))
  let valid = 0
  fc.assert(
    fc.property(fc.oneof(anyText, fc.ipV6(), anyAddress.map(String)), (text) => {
      const isValid = text.includes(':') && Address6.isValid(text)
      const parsed = parseAddress(text)
      if (isValid) valid += 1
      if (text.includes(':')) expect(parsed.ok).toBe(isValid)
      if (isValid && parsed.ok) expect(parsed.value.value).toBe(new Address6(text).bigInt())
    }),
    { numRuns: 5000 },
  )
  expect(valid).toBeGreaterThan(500)
})

test('an IPv6 address is printed as in RFC 5952', () => {
  fc.assert(
    fc.property(
      anyAddress.filter((address) => address.family === 'ipv6'),
      (address) => {
        expect(address.toString()).toBe(printRfc5952(address.value))
      },
    ),
    { numRuns: 1000 },
  )
})

test('a prefix contains exactly the addresses between its first and last one', () => {
  fc.assert(
    fc.property(anyPair, ([a, b]) => {
      const inner = rangeOf(b)
      const outer = rangeOf(a)
      const isSameFamily = a.family === b.family
      const contains = isSameFamily && outer.first <= inner.first && inner.last <= outer.last
      expect(a.contains(b)).toBe(contains)
      expect(a.contains(b.network)).toBe(
        isSameFamily && outer.first <= inner.first && inner.first <= outer.last,
      )
      expect(a.overlaps(b)).toBe(isSameFamily && outer.first <= inner.last && inner.first <= outer.last)
    }),
    { numRuns: 2000 },
  )
})

test('the order of prefixes is total', () => {
  fc.assert(
    fc.property(anyPair, ([a, b]) => {
      expect(Math.sign(comparePrefixes(a, b))).toBe(-Math.sign(comparePrefixes(b, a)) + 0)
      expect(comparePrefixes(a, b) === 0).toBe(a.equals(b))
    }),
    { numRuns: 1000 },
  )
})

test('text is an address only if Node accepts it', () => {
  const almost = fc.oneof(
    fc
      .array(fc.constantFrom('0', '1', '01', '255', '256', '', ' 1', 'a', '0x1', '1e1', '+1'), {
        minLength: 3,
        maxLength: 5,
      })
      .map((parts) => parts.join('.')),
    fc
      .array(fc.constantFrom('0', '1', '', 'ffff', '10000', 'g', '1.2.3.4', '%eth0'), {
        minLength: 1,
        maxLength: 9,
      })
      .map((parts) => parts.join(':')),
    fc.string(),
  )
  fc.assert(
    fc.property(almost, (text) => {
      const parsed = parseAddress(text)
      if (parsed.ok) expect(isIPv4(text) || isIPv6(text)).toBe(true)
      else if (!text.includes('%')) expect(isIPv4(text) || isIPv6(text)).toBe(false)
    }),
    { numRuns: 3000 },
  )
})

test('a prefix with host bits is refused, with the prefix to write instead', () => {
  fc.assert(
    fc.property(anyAddress, fc.nat(128), (address, number) => {
      const length = number % (addressBits(address.family) + 1)
      const text = `${address}/${length}`
      const network = prefixOf(address, length)
      const parsed = parsePrefix(text)
      expect(parsed.ok).toBe(network.network.equals(address))
      if (!parsed.ok) expect(parsed.hint).toContain(`write ${network}`)
      const onInterface = parseInterfaceAddress(text)
      expect(onInterface.ok && onInterface.value.toString()).toBe(text)
      expect(onInterface.ok && onInterface.value.prefix.equals(network)).toBe(true)
    }),
    { numRuns: 1000 },
  )
})

/** RFC 5952: no leading zeros, lower case, the longest run of two or more zero groups (the first of equals) as `::`. */
function printRfc5952(value: bigint): string {
  const groups = Array.from({ length: 8 }, (_, index) =>
    Number((value >> BigInt(112 - index * 16)) & 0xffffn),
  )
  let best = { start: -1, length: 1 }
  for (let start = 0; start < 8; start += 1) {
    let length = 0
    while (start + length < 8 && groups[start + length] === 0) length += 1
    if (length > best.length) best = { start, length }
  }
  const print = (part: number[]) => part.map((group) => group.toString(16)).join(':')
  if (best.start === -1) return print(groups)
  return `${print(groups.slice(0, best.start))}::${print(groups.slice(best.start + best.length))}`
}
