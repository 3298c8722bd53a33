import { bogonAsns, tier1Asns } from '../../../src/plan/policy/asn-ranges.ts'
import { localAsn, ourAsn } from '../fleet/resources.ts'
import type { RouteMaker } from './route.ts'

export function addPaths(maker: RouteMaker): void {
  addLengths(maker)
  addFirst(maker)
  addBogonAsns(maker)
  addSets(maker)
  addNamed(maker)
}

function addLengths(maker: RouteMaker): void {
  const { head } = maker
  for (const length of [1, 2, 3, 19, 20, 21, 63, 64, 65, 66, 128, 255, 256, 300]) {
    const rest = Array.from({ length: length - head.length }, (_, index) => 6000 + index)
    maker.add(`a path of ${length}`, { asPath: [...head, ...rest] })
  }
  const first = head[0] ?? 6000
  for (const length of [5, 64, 65]) {
    const asPath = Array<number>(length).fill(first)
    maker.add(`the first number ${length} times and nothing else`, { asPath })
    maker.add(`an origin prepended to a path of ${length}`, {
      asPath: [...head, ...Array<number>(length - head.length).fill(6001)],
    })
  }
  // An AS_SET counts as one.
  const before = Array.from({ length: 63 - head.length }, () => 6002)
  maker.add('a path of 64 with an AS_SET', { asPath: [...head, ...before, [6003, 6004, 6005]] })
  maker.add('a path of 65 with an AS_SET', { asPath: [...head, ...before, 6002, [6003, 6004, 6005]] })
}

function addFirst(maker: RouteMaker): void {
  const { head, neighbor } = maker
  maker.add('an empty path', { asPath: [] })
  maker.add('another AS first', { asPath: [6010, 6000] })
  maker.add('the neighbor second', { asPath: [6010, ...head, 6000] })
  maker.add('the neighbor last', { asPath: [6010, 6000, ...head] })
  maker.add('an AS_SET first', { asPath: [[...head, 6010], 6000] })
  // AS numbers that an imprecise pattern would match as the neighbor's.
  maker.add('a number that begins like the neighbor’s', { asPath: [neighbor.asn * 10 + 1, 6000] })
  maker.add('a number that ends like the neighbor’s', { asPath: [Number(`1${neighbor.asn}`), 6000] })
}

function addBogonAsns(maker: RouteMaker): void {
  const { head } = maker
  const edges = bogonAsns.flatMap(({ first, last }) => [
    [first - 1, 'before a range of bogon ASNs'] as const,
    [first, 'the first of a range of bogon ASNs'] as const,
    [Math.floor((first + last) / 2), 'in a range of bogon ASNs'] as const,
    [last, 'the last of a range of bogon ASNs'] as const,
    [last + 1, 'behind a range of bogon ASNs'] as const,
  ])
  const singles = [
    0, 1, 64500, 64511, 64512, 64999, 65000, 65100, 65534, 65535, 65536, 65551, 65552, 99999, 100000,
  ]
    .concat([131071, 131072, 4199999999, 4200000001, 4294967294, 4294967295])
    .map((asn) => [asn, 'around what is private or kept for documentation'] as const)
  const seen = new Set<number>()
  for (const [asn, meaning] of [...edges, ...singles]) {
    if (asn < 0 || asn > 4294967295 || seen.has(asn)) continue
    seen.add(asn)
    maker.add(`${meaning}: ${asn} as origin`, { asPath: [...head, 6000, asn] })
    maker.add(`${meaning}: ${asn} in the middle`, { asPath: [...head, asn, 6000] })
  }
  // Their digits within other numbers.
  for (const asn of [
    10, 100, 1234560, 234567, 123456, 1645000, 645000, 6451, 650, 655350, 42000000, 420000000,
  ]) {
    maker.add(`digits of a bogon ASN: ${asn}`, { asPath: [...head, asn, 6000] })
  }
}

function addSets(maker: RouteMaker): void {
  const { head } = maker
  maker.add('an AS_SET as origin', { asPath: [...head, 6000, [6020, 6021]] })
  maker.add('an AS_SET of one', { asPath: [...head, 6000, [6020]] })
  maker.add('an AS_SET in the middle', { asPath: [...head, [6020, 6021], 6000] })
  maker.add('two AS_SETs', { asPath: [...head, [6020, 6021], 6000, [6022, 6023]] })
  maker.add('nothing but an AS_SET', { asPath: [[...head, 6020]] })
  maker.add('a private number in an AS_SET', { asPath: [...head, 6000, [6020, 64512]] })
  maker.add('a tier-1 network in an AS_SET', { asPath: [...head, 6000, [3356, 6020]] })
  maker.add('our own number in an AS_SET', { asPath: [...head, 6000, [6020, ourAsn]] })
}

function addNamed(maker: RouteMaker): void {
  const { head } = maker
  for (const asn of tier1Asns) {
    maker.add(`the tier-1 network ${asn} in the middle`, { asPath: [...head, asn, 6000] })
  }
  maker.add('a tier-1 network as origin', { asPath: [...head, 6000, 174] })
  maker.add('a tier-1 network behind others', { asPath: [...head, 6000, 6001, 12956, 6002] })
  for (const asn of [17, 1174, 1740, 11740, 33560, 13356, 129560]) {
    maker.add(`digits of a tier-1 network: ${asn}`, { asPath: [...head, asn, 6000] })
  }
  maker.add('our own number in the middle', { asPath: [...head, ourAsn, 6000] })
  maker.add('our own number as origin', { asPath: [...head, 6000, ourAsn] })
  maker.add('our number of another session in the middle', { asPath: [...head, localAsn, 6000] })
  maker.add('our number of another session as origin', { asPath: [...head, 6000, localAsn] })
  maker.add('our two numbers', { asPath: [...head, localAsn, ourAsn] })
  maker.add('digits of our number of another session', { asPath: [...head, localAsn * 10, 6000] })
  maker.add('our own number twice', { asPath: [...head, ourAsn, ourAsn] })
  maker.add('digits of our own number', { asPath: [...head, ourAsn * 10, 6000] })
  for (const asn of [7777, 400777]) {
    maker.add(`the number ${asn}, which one neighbor may not tell`, { asPath: [...head, 6000, asn] })
    maker.add(`digits of ${asn}`, { asPath: [...head, asn * 10, 6000] })
    maker.add(`digits of ${asn} at the end`, { asPath: [...head, Number(`1${asn}`), 6000] })
  }
}
