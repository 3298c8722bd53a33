import { findBogon } from '../../net/bogons.ts'
import {
  Address,
  addressBits,
  parseAddress,
  parseInterfaceAddress,
  parsePrefix,
  prefixOf,
} from '../../net/prefix.ts'

/** The prefix around an address that other networks accept: /24 and /48. `null`: it is no prefix. */
export function suggestCovering(anycast: string): string | null {
  const parsed = parsePrefix(anycast)
  if (!parsed.ok) return null
  const { network, family } = parsed.value
  return prefixOf(network, family === 'ipv4' ? 24 : 48).toString()
}

/** An address of the tunnel's subnet for the probe: near its end, where rarely a client is. */
export function suggestProbeAddress(tunnelAddress: string): string | null {
  const parsed = parseInterfaceAddress(tunnelAddress)
  if (!parsed.ok) return null
  const { address, prefix } = parsed.value
  const bits = addressBits(prefix.family)
  if (bits - prefix.length < 2) return null
  const last = prefix.network.value + (1n << BigInt(bits - prefix.length)) - 2n
  return new Address(prefix.family, last === address.value ? last - 1n : last).toString()
}

/** An address is written as the prefix of one host. */
export function asHostPrefix(text: string): string {
  const parsed = parseAddress(text)
  return parsed.ok ? `${parsed.value}/${addressBits(parsed.value.family)}` : text
}

/** `AS64500` is 64500. */
export function asPlainAsn(text: string): string {
  return /^AS(\d{1,10})$/i.exec(text)?.[1] ?? text
}

/** The bogon ranges that these prefixes are in, once each, with their purpose. */
export function findBogonRanges(prefixes: readonly string[]): { range: string; purpose: string }[] {
  const ranges = new Map<string, string>()
  for (const text of prefixes) {
    const parsed = parsePrefix(text)
    const bogon = parsed.ok ? findBogon(parsed.value) : null
    if (bogon !== null) ranges.set(bogon.prefix.toString(), bogon.purpose)
  }
  return [...ranges].map(([range, purpose]) => ({ range, purpose }))
}
