import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseAddress } from '../../../../../src/net/prefix.ts'
import { readUdpHeader } from '../../../../../src/node/rescue/stray/packet.ts'

const source4 = { address: '10.3.0.77', port: 7777 }
const destination4 = { address: '192.0.2.1', port: 51_820 }
const ports = '1e61ca6c'
const ipv4 = `4500003c98780000401115e80a03004dc0000201${ports}00280000`
const ipv6 = `600000000028114020010db8000000000000000000000077fd00000000000000000000000000000${'1'}${ports}00280000`

const read = (hex: string) => readUdpHeader(Buffer.from(hex, 'hex'))

test('reads addresses and ports over IPv4', () => {
  expect(read(ipv4)).toEqual({ source: source4, destination: destination4, firstByte: null })
  expect(read(`${ipv4}02000000`)?.firstByte).toBe(2)
})

test('reads them behind options of IPv4', () => {
  const options = '01010101'
  const withOptions = `46${ipv4.slice(2, 40)}${options}${ipv4.slice(40)}`
  expect(read(`${withOptions}04`)).toEqual({ source: source4, destination: destination4, firstByte: 4 })
})

test('reads them over IPv6, in canonical form', () => {
  expect(read(ipv6)).toEqual({
    source: { address: '2001:db8::77', port: 7777 },
    destination: { address: 'fd00::1', port: 51_820 },
    firstByte: null,
  })
  expect(read(`${ipv6}02000000`)?.firstByte).toBe(2)
})

test.each([
  ['nothing', ''],
  ['TCP over IPv4', ipv4.replace('4011', '4006')],
  ['TCP over IPv6', ipv6.replace('1140', '0640')],
  ['an extension header of IPv6', ipv6.replace('1140', '2c40')],
  ['a later fragment', ipv4.replace('98780000', '98780001')],
  ['a header of IPv4 that is too short', `44${ipv4.slice(2)}`],
  ['a header of IPv4 that is longer than the packet', `4f${ipv4.slice(2)}`],
  ['IPv4 that ends before its ports', ipv4.slice(0, 46)],
  ['IPv6 that ends before its ports', ipv6.slice(0, 86)],
  ['another version', `5${ipv4.slice(1)}`],
])('refuses %s', (_case, hex) => {
  expect(read(hex)).toBeNull()
})

test('any bytes give null, or addresses and ports that are ones', () => {
  const first = fc.constantFrom(0x45, 0x46, 0x4f, 0x60, 0x00)
  fc.assert(
    fc.property(first, fc.uint8Array({ maxLength: 96 }), fc.boolean(), (version, rest, isUdp) => {
      const packet = Uint8Array.of(version, ...rest)
      if (isUdp && packet.length > 9) packet[version === 0x60 ? 6 : 9] = 17
      const header = readUdpHeader(packet)
      for (const endpoint of header === null ? [] : [header.source, header.destination]) {
        const parsed = parseAddress(endpoint.address)
        expect(parsed.ok && parsed.value.toString()).toBe(endpoint.address)
        expect(endpoint.port).toBeGreaterThanOrEqual(0)
        expect(endpoint.port).toBeLessThanOrEqual(65_535)
      }
    }),
    { numRuns: 5000 },
  )
})
