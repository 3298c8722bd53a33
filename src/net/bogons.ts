import { type Address, type Prefix, prefixFrom } from './prefix.ts'

interface Bogon {
  readonly prefix: Prefix
  /** Its purpose, and the document that defines it. */
  readonly purpose: string
}

/** Ranges that must not be in the global table: the IANA special-purpose registries (RFC 6890) and what is not unicast. */
export const bogons: readonly Bogon[] = [
  bogon('0.0.0.0/8', '"this network" (RFC 1122)'),
  bogon('10.0.0.0/8', 'private (RFC 1918)'),
  bogon('100.64.0.0/10', 'shared by carrier NAT (RFC 6598)'),
  bogon('127.0.0.0/8', 'loopback (RFC 1122)'),
  bogon('169.254.0.0/16', 'link-local (RFC 3927)'),
  bogon('172.16.0.0/12', 'private (RFC 1918)'),
  bogon('192.0.0.0/24', 'IETF protocol assignments (RFC 6890)'),
  bogon('192.0.2.0/24', 'documentation (RFC 5737)'),
  bogon('192.88.99.0/24', 'the deprecated 6to4 relays (RFC 7526)'),
  bogon('192.168.0.0/16', 'private (RFC 1918)'),
  bogon('198.18.0.0/15', 'benchmarks (RFC 2544)'),
  bogon('198.51.100.0/24', 'documentation (RFC 5737)'),
  bogon('203.0.113.0/24', 'documentation (RFC 5737)'),
  bogon('224.0.0.0/4', 'multicast (RFC 5771)'),
  bogon('240.0.0.0/4', 'reserved (RFC 1112)'),
  bogon('::/8', 'loopback, mapped addresses and such (RFC 4291)'),
  bogon('100::/64', 'discard-only (RFC 6666)'),
  bogon('2001:2::/48', 'benchmarks (RFC 5180)'),
  bogon('2001:10::/28', 'ORCHID (RFC 4843)'),
  bogon('2001:db8::/32', 'documentation (RFC 3849)'),
  bogon('2002::/16', '6to4 (RFC 7526)'),
  bogon('3ffe::/16', 'the former 6bone (RFC 3701)'),
  bogon('3fff::/20', 'documentation (RFC 9637)'),
  bogon('5f00::/16', 'segment routing (RFC 9602)'),
  bogon('fc00::/7', 'unique local (RFC 4193)'),
  bogon('fe80::/10', 'link-local (RFC 4291)'),
  bogon('fec0::/10', 'the former site-local (RFC 3879)'),
  bogon('ff00::/8', 'multicast (RFC 4291)'),
]

/** The bogon range that a prefix lies in, or `null`. */
export function findBogon(prefix: Prefix): Bogon | null {
  return bogons.find((candidate) => candidate.prefix.contains(prefix)) ?? null
}

const multicastAndAbove = ['224.0.0.0/4', '240.0.0.0/4', 'ff00::/8'].map(prefixFrom)

/** Whether an interface can have it: not multicast, reserved, `0.0.0.0` or `::`. */
export function isUnicast(address: Address): boolean {
  return address.value !== 0n && !multicastAndAbove.some((range) => range.contains(address))
}

function bogon(text: string, purpose: string): Bogon {
  return { prefix: prefixFrom(text), purpose }
}
