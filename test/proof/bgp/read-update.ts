import { Address, type Family, Prefix } from '../../../src/net/prefix.ts'
import type { WireRoute } from './wire.ts'

export interface Update {
  readonly announced: readonly WireRoute[]
  readonly withdrawn: readonly string[]
}

/** The content of a daemon's UPDATE, with AS numbers of four octets. Unused attributes are left out. */
export function readUpdate(body: Buffer): Update {
  const withdrawnLength = body.readUInt16BE(0)
  const withdrawn = readPrefixes('ipv4', body.subarray(2, 2 + withdrawnLength))
  const attributesStart = 4 + withdrawnLength
  const attributesEnd = attributesStart + body.readUInt16BE(2 + withdrawnLength)
  const announced = readPrefixes('ipv4', body.subarray(attributesEnd))
  const route = {
    asPath: [] as (number | number[])[],
    nextHop: '',
    origin: 'incomplete' as WireRoute['origin'],
    med: null as number | null,
    localPref: null as number | null,
    communities: [] as string[],
    otc: null as number | null,
  }
  for (let offset = attributesStart; offset < attributesEnd; ) {
    const long = (body[offset]! & 0x10) !== 0
    const length = long ? body.readUInt16BE(offset + 2) : body[offset + 2]!
    const start = offset + (long ? 4 : 3)
    const value = body.subarray(start, start + length)
    switch (body[offset + 1]) {
      case 1:
        route.origin = (['igp', 'egp', 'incomplete'] as const)[value[0]!]!
        break
      case 2:
        route.asPath = readPath(value)
        break
      case 3:
        route.nextHop = readAddress('ipv4', value)
        break
      case 4:
        route.med = value.readUInt32BE(0)
        break
      case 5:
        route.localPref = value.readUInt32BE(0)
        break
      case 8:
        route.communities.push(...readNumbers(value, 2, 2))
        break
      case 14: {
        const hopLength = value[3]!
        route.nextHop = readNextHop(value.subarray(4, 4 + hopLength))
        announced.push(...readPrefixes(familyOfAfi(value), value.subarray(5 + hopLength)))
        break
      }
      case 15:
        withdrawn.push(...readPrefixes(familyOfAfi(value), value.subarray(3)))
        break
      case 16:
        route.communities.push(...readExtended(value))
        break
      case 32:
        route.communities.push(...readNumbers(value, 4, 3))
        break
      case 35:
        route.otc = value.readUInt32BE(0)
        break
    }
    offset = start + length
  }
  return { announced: announced.map((prefix) => ({ prefix, ...route })), withdrawn }
}

function familyOfAfi(value: Buffer): Family {
  return value.readUInt16BE(0) === 1 ? 'ipv4' : 'ipv6'
}

/** The global one where there are two, and the link-local one behind an empty one, as BIRD sends it. */
function readNextHop(bytes: Buffer): string {
  if (bytes.length === 4) return readAddress('ipv4', bytes)
  const first = readAddress('ipv6', bytes.subarray(0, 16))
  return bytes.length === 32 && first === '::' ? readAddress('ipv6', bytes.subarray(16)) : first
}

function readPath(value: Buffer): (number | number[])[] {
  const path: (number | number[])[] = []
  for (let offset = 0; offset < value.length; ) {
    const count = value[offset + 1]!
    const asns = Array.from({ length: count }, (_, index) => value.readUInt32BE(offset + 2 + index * 4))
    if (value[offset] === 1) path.push(asns)
    else path.push(...asns)
    offset += 2 + count * 4
  }
  return path
}

function readNumbers(value: Buffer, size: 2 | 4, parts: number): string[] {
  const texts: string[] = []
  for (let offset = 0; offset < value.length; offset += size * parts) {
    const numbers = Array.from({ length: parts }, (_, index) => value.readUIntBE(offset + index * size, size))
    texts.push(numbers.join(':'))
  }
  return texts
}

/** Those that Anyward writes, and others in hexadecimal, but for the validation state, which bgpd sends over iBGP (RFC 8097). */
function readExtended(value: Buffer): string[] {
  const all = Array.from({ length: value.length / 8 }, (_, index) => value.subarray(index * 8, index * 8 + 8))
  return all
    .filter((one) => one[0] !== 0x43)
    .map((one) => {
      const sort = ['rt', 'ro'][one[1]! - 2]
      if (one[0] === 0 && sort !== undefined) return `${sort}:${one.readUInt16BE(2)}:${one.readUInt32BE(4)}`
      if (one[0] === 2 && sort !== undefined) return `${sort}:${one.readUInt32BE(2)}:${one.readUInt16BE(6)}`
      return one.toString('hex')
    })
}

function readPrefixes(family: Family, bytes: Buffer): string[] {
  const prefixes: string[] = []
  for (let offset = 0; offset < bytes.length; ) {
    const length = bytes[offset]!
    const size = Math.ceil(length / 8)
    const network = readAddressValue(family, bytes.subarray(offset + 1, offset + 1 + size))
    prefixes.push(new Prefix(new Address(family, network), length).toString())
    offset += 1 + size
  }
  return prefixes
}

function readAddress(family: Family, bytes: Buffer): string {
  return new Address(family, readAddressValue(family, bytes)).toString()
}

function readAddressValue(family: Family, bytes: Buffer): bigint {
  const padded = Buffer.alloc(family === 'ipv4' ? 4 : 16)
  bytes.copy(padded)
  return BigInt(`0x${padded.toString('hex')}`)
}
