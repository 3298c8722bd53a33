import type { Endpoint, RosterClaim } from '../../fleet/roster/link.ts'
import { isUnicast } from '../../net/bogons.ts'
import { type Address, parseAddress, prefixFrom } from '../../net/prefix.ts'
import { readIpv4 } from '../../net/read-prefix.ts'

export interface RosterEntry extends RosterClaim {
  /** That has said it. */
  readonly node: string
  readonly site: string
}

const words = new Uint32Array(4)
const noClientHasIt = ['::1/128', '::ffff:0:0/96', 'fe80::/10'].map(prefixFrom)

/**
 * Whether a client can have it. An IPv4 address that is mapped into IPv6 is refused too: no packet has it as its source
 * (RFC 4291, section 2.5.5.2), and nftables would never match it.
 */
export function isEndpoint({ address, port }: Endpoint): boolean {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) return false
  // Nearly all, and without a bigint.
  if (readIpv4(address, address.length, words)) return isClientIpv4(words[0]!, address)
  const parsed = parseAddress(address)
  return parsed.ok && parsed.value.toString() === address && isClientAddress(parsed.value)
}

/** As one text, of which each endpoint has exactly one. */
export function endpointKey({ address, port }: Endpoint): string {
  return `${address} ${port}`
}

function isClientIpv4(value: number, text: string): boolean {
  const octets = [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255]
  const [first, second] = octets
  const isOther = first === 0 || first === 127 || first! >= 224 || (first === 169 && second === 254)
  return !isOther && octets.join('.') === text
}

function isClientAddress(address: Address): boolean {
  return isUnicast(address) && !noClientHasIt.some((range) => range.contains(address))
}
