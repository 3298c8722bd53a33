import { familyOf } from '../../../src/net/prefix.ts'
import { isLinkLocal, nodeAddresses, nodeLinkLocal, otherLinkLocal } from '../bed/links.ts'
import { attribute } from '../bgp/wire.ts'
import { localAsn, otherAddresses, ourAsn, own } from '../fleet/resources.ts'
import { type RouteMaker, resize } from './route.ts'

export function addAttributes(maker: RouteMaker): void {
  addNextHops(maker)
  addCommunities(maker)
  addRoles(maker)
  addRest(maker)
}

function addNextHops(maker: RouteMaker): void {
  const { addresses, family, neighbor } = maker
  if (familyOf(neighbor.address) !== family || isLinkLocal(neighbor.address)) {
    addSharedNextHops(maker)
    return
  }
  maker.add('our own address as next hop', { nextHop: addresses.ours })
  maker.add('another address on the link as next hop', { nextHop: addresses.other })
  maker.add('an unused address as next hop', {
    nextHop: family === 'ipv4' ? '10.77.200.200' : 'fd77::200:200',
  })
  if (family === 'ipv4') {
    // Without RFC 8950: bgpd takes them all the same, and BIRD an IPv4 address in IPv6 form.
    const { ipv6 } = otherAddresses
    for (const nextHop of [ipv6, `::ffff:${neighbor.address}`, otherLinkLocal, `${ipv6} ${otherLinkLocal}`]) {
      maker.add(`the IPv6 next hop ${nextHop} of an IPv4 route`, { nextHop, lenient: true })
    }
  }
  // No next hop beyond the link: both daemons refuse it by themselves, and a policy has no notion of links.
  if (family === 'ipv6') {
    maker.add('a link-local next hop beside the global one', { nextHop: `${neighbor.address} fe80::1` })
    maker.add('a link-local next hop beside that of another host', { nextHop: `${addresses.other} fe80::1` })
  }
}

/** Of a session that a link-local address has, or IPv4 routes: with IPv6 next hops (RFC 8950). */
function addSharedNextHops(maker: RouteMaker): void {
  const { family, neighbor } = maker
  const global = nodeAddresses.ipv6
  const other = otherAddresses.ipv6
  const own = neighbor.address
  // No list of bgpd matches the IPv6 next hop of an IPv4 route: it sends the packets to the neighbor in any case.
  const unlisted = { lenient: family === 'ipv4' }
  const unnamed = { lenient: family === 'ipv4' && neighbor.unnumbered }
  // Neither daemon takes an address of its own, but only the filter of its neighbor knows one.
  maker.add('our own global address as next hop', { nextHop: global, malformed: true })
  maker.add('its own address beside our own', { nextHop: `${global} ${own}`, malformed: true })
  maker.add('an empty next hop', {
    nextHop: '::',
    malformed: !neighbor.unnumbered,
    lenient: neighbor.unnumbered,
  })
  maker.add('our own link-local address as next hop', { nextHop: nodeLinkLocal, lenient: true })
  maker.add('the link-local address of another as next hop', { nextHop: otherLinkLocal, lenient: true })
  maker.add('the link-local address of another beside its own address', {
    nextHop: `${own} ${otherLinkLocal}`,
    lenient: true,
  })
  maker.add('another address on the link as next hop', { nextHop: other, ...unnamed })
  maker.add('an unused address as next hop', { nextHop: 'fd77::200:200', ...unnamed })
  maker.add('another address, and a link-local one of another', {
    nextHop: `${other} ${otherLinkLocal}`,
    ...unnamed,
  })
  if (isLinkLocal(own)) {
    maker.add('its own address, twice', { nextHop: `${own} ${own}` })
    maker.add('its own address behind an empty one', { nextHop: `:: ${own}` })
    maker.add('its own address beside that of another', { nextHop: `${other} ${own}`, ...unlisted })
    maker.add('its own address beside an unused one', { nextHop: `fd77::200:200 ${own}`, ...unlisted })
  }
  if (family === 'ipv6') return
  // In the fields of an UPDATE without RFC 8950.
  maker.add('an IPv4 next hop on the link', { nextHop: otherAddresses.ipv4 })
  maker.add('an IPv4 next hop, ours', { nextHop: nodeAddresses.ipv4, malformed: true })
}

function addCommunities(maker: RouteMaker): void {
  const { family } = maker
  const sets: Readonly<Record<string, readonly string[]>> = {
    'GRACEFUL_SHUTDOWN alone': ['65535:0'],
    'GRACEFUL_SHUTDOWN among others': ['6000:1', '65535:0', '6000:1:1'],
    'what looks like GRACEFUL_SHUTDOWN': ['65535:1', '0:0', '65534:0', '65535:10'],
    'a large community with the numbers of GRACEFUL_SHUTDOWN': ['65535:0:0'],
    'our own large community': [`${ourAsn}:100:1`],
    'many large communities of ours': [`${ourAsn}:0:1`, `${ourAsn}:0:0`, `${ourAsn}:4294967295:4294967295`],
    'a large community of our number of another session': [`${localAsn}:0:1`, `${ourAsn}:0:1`, '6001:7:7'],
    'our own large communities among others': ['6000:0:1', `${ourAsn}:0:1`, '6001:0:1', `${ourAsn}:7:7`],
    'what looks like our own large communities': [
      '6000:60000:1',
      '600001:1:1',
      '160000:1:1',
      `1:${ourAsn}:1`,
    ],
    'our own number in standard communities': [`${ourAsn}:100`, `${ourAsn}:0`],
    'a route target of ours': [`rt:${ourAsn}:100`],
    'route targets and origins of others, among communities': [
      'rt:6000:1',
      'ro:6000:4294967295',
      'rt:400123:65535',
      '6000:1',
      '6000:1:2',
    ],
    'extended communities, and GRACEFUL_SHUTDOWN': ['65535:0', 'ro:60000:1'],
    'communities of others': ['6000:1', '6000:2', '6000:1:2', '4294967295:1:2'],
    NO_EXPORT: ['65535:65281'],
    NO_ADVERTISE: ['65535:65282'],
    'NO_EXPORT_SUBCONFED and NOPEER': ['65535:65283', '65535:65284'],
    'GRACEFUL_SHUTDOWN and our own': ['65535:0', `${ourAsn}:1:1`],
  }
  for (const [meaning, communities] of Object.entries(sets)) maker.add(meaning, { communities })
  const covering = own[family].covering
  const beside = resize(covering, Number(covering.split('/')[1]) - 2)
  maker.add('around our own prefix, with our own communities', {
    prefix: beside,
    communities: [`${ourAsn}:100`, `${ourAsn}:100:1`],
  })
}

function addRoles(maker: RouteMaker): void {
  const { neighbor } = maker
  maker.add('only for the customers of the neighbor', { otc: neighbor.asn })
  maker.add('only for the customers of another AS', { otc: 6000 })
  maker.add('only for our own customers', { otc: ourAsn })
  maker.add('only for customers, of a number with four octets', { otc: 400123 })
  maker.add('only for customers, and GRACEFUL_SHUTDOWN', { otc: neighbor.asn, communities: ['65535:0'] })
}

function addRest(maker: RouteMaker): void {
  const { neighbor, head } = maker
  maker.add('nothing wrong', {})
  maker.add('origin EGP', { origin: 'egp' })
  maker.add('origin incomplete', { origin: 'incomplete' })
  maker.add('a metric', { med: 77 })
  maker.add('the metric 0', { med: 0 })
  maker.add('the largest metric', { med: 4294967295 })
  maker.add(neighbor.internal ? 'a local preference from inside' : 'a local preference from outside', {
    localPref: 250,
  })
  maker.add('an unknown transitive attribute', { raw: [attribute(0xc0, 99, [1, 2, 3, 4])] })
  maker.add('an aggregator', { raw: [attribute(0xc0, 7, [0, 0, 23, 112, 10, 1, 1, 1])] })
  maker.add('all that is allowed', {
    asPath: [...head, ...head, 6000, 400001, 6001, 6001],
    origin: 'incomplete',
    med: 5,
    communities: ['6000:6000', '6000:6000:6000', '65535:65281'],
  })
}
