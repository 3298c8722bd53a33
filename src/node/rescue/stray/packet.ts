import { Address, type Family } from '../../../net/prefix.ts'
import type { Endpoint } from './endpoint.ts'

const udp = 17
const ipv6HeaderBytes = 40

export interface UdpHeader {
  readonly source: Endpoint
  readonly destination: Endpoint
  /** The first byte after the UDP header; `null`: there is none, or it was cut off. */
  readonly firstByte: number | null
}

/**
 * The addresses and ports of a UDP packet (RFC 768) in IPv4 (RFC 791) or IPv6 (RFC 8200) without extension headers, from its
 * IP header on. `null`: it is none, a later fragment, or cut before its ports.
 */
export function readUdpHeader(packet: Uint8Array): UdpHeader | null {
  const version = packet.length === 0 ? 0 : packet[0]! >> 4
  if (version === 4) return readIpv4(packet)
  return version === 6 ? readIpv6(packet) : null
}

function readIpv4(packet: Uint8Array): UdpHeader | null {
  const headerBytes = (packet[0]! & 0x0f) * 4
  if (headerBytes < 20 || packet.length < headerBytes + 4 || packet[9] !== udp) return null
  const fragmentOffset = ((packet[6]! & 0x1f) << 8) | packet[7]!
  return fragmentOffset === 0 ? readPorts(packet, 'ipv4', 12, headerBytes) : null
}

function readIpv6(packet: Uint8Array): UdpHeader | null {
  if (packet.length < ipv6HeaderBytes + 4 || packet[6] !== udp) return null
  return readPorts(packet, 'ipv6', 8, ipv6HeaderBytes)
}

function readPorts(packet: Uint8Array, family: Family, addressesAt: number, portsAt: number): UdpHeader {
  const addressBytes = family === 'ipv4' ? 4 : 16
  const endpointAt = (address: number, port: number): Endpoint => ({
    address: readAddress(packet.subarray(address, address + addressBytes), family),
    port: (packet[port]! << 8) | packet[port + 1]!,
  })
  return {
    source: endpointAt(addressesAt, portsAt),
    destination: endpointAt(addressesAt + addressBytes, portsAt + 2),
    firstByte: packet[portsAt + 8] ?? null,
  }
}

function readAddress(bytes: Uint8Array, family: Family): string {
  return new Address(family, BigInt(`0x${Buffer.from(bytes).toString('hex')}`)).toString()
}
