import { bogons } from '../../../src/net/bogons.ts'
import { addressBits } from '../../../src/net/prefix.ts'
import { allowedBogons, isOfFamily, own } from '../fleet/resources.ts'
import { lastOf, type RouteMaker, resize } from './route.ts'

export function addPrefixes(maker: RouteMaker): void {
  addOwn(maker)
  addBogons(maker)
  addLengths(maker)
  addStrict(maker)
}

function addOwn(maker: RouteMaker): void {
  const { family } = maker
  const bits = addressBits(family)
  for (const [name, prefix] of Object.entries(own[family])) {
    const length = Number(prefix.split('/')[1])
    maker.add(`our own ${name} prefix`, { prefix })
    for (const longer of [length + 1, length + 4, bits].filter((value) => value <= bits)) {
      maker.add(`a more-specific of our own ${name} prefix, /${longer}`, { prefix: resize(prefix, longer) })
    }
    maker.add(`a less-specific of our own ${name} prefix`, { prefix: resize(prefix, length - 1) })
    maker.add(`what lies beside our own ${name} prefix`, { prefix: beside(prefix) })
  }
}

function addBogons(maker: RouteMaker): void {
  const { family } = maker
  const bits = addressBits(family)
  const publicLength = family === 'ipv4' ? 24 : 48
  const allowed = allowedBogons.filter(isOfFamily(family))
  for (const prefix of allowed) {
    const length = Number(prefix.split('/')[1])
    maker.add(`a bogon that is allowed, ${prefix}`, { prefix })
    maker.add(`in a bogon that is allowed, ${prefix}`, { prefix: resize(prefix, length + 4) })
    maker.add(`a less-specific of a bogon that is allowed, ${prefix}`, { prefix: resize(prefix, length - 1) })
    maker.add(`beside a bogon that is allowed, ${prefix}`, { prefix: beside(prefix) })
  }
  for (const { prefix, purpose } of bogons.filter((bogon) => bogon.prefix.family === family)) {
    const text = prefix.toString()
    maker.add(`the bogon ${text}, ${purpose}`, { prefix: text })
    for (const longer of new Set([prefix.length + 1, publicLength, publicLength + 1, bits])) {
      if (longer <= prefix.length) continue
      maker.add(`/${longer} in the bogon ${text}`, { prefix: resize(text, longer) })
      maker.add(`the last /${longer} in the bogon ${text}`, { prefix: lastOf(text, longer) })
    }
    if (prefix.length > 1)
      maker.add(`a less-specific of the bogon ${text}`, { prefix: resize(text, prefix.length - 1) })
    maker.add(`what lies beside the bogon ${text}`, { prefix: beside(text) })
  }
}

function addLengths(maker: RouteMaker): void {
  const { family } = maker
  const base = family === 'ipv4' ? '101.101.101.101/32' : '2999:aaaa:aaaa:aaaa:aaaa:aaaa:aaaa:aaaa/128'
  const lengths =
    family === 'ipv4'
      ? Array.from({ length: 33 }, (_, length) => length)
      : [
          0, 1, 2, 3, 4, 8, 10, 11, 12, 13, 15, 16, 17, 20, 24, 28, 29, 31, 32, 33, 36, 40, 44, 46, 47, 48,
          49,
        ].concat([50, 52, 56, 63, 64, 65, 80, 96, 112, 120, 126, 127, 128])
  for (const length of lengths) maker.add(`length /${length}`, { prefix: resize(base, length) })
  if (family === 'ipv6') {
    for (const prefix of [
      '4000::/3',
      '4000::/16',
      '6000::/12',
      '8000::/1',
      '9000::/32',
      'a000::/48',
      'e000::/20',
    ]) {
      maker.add(`outside 2000::/3, ${prefix}`, { prefix })
    }
    maker.add('the end of 2000::/3', { prefix: '3e00::/12' })
  }
}

/** Around the bounds of the prefixes that the neighbor `strict` may advertise. */
function addStrict(maker: RouteMaker): void {
  const prefixes =
    maker.family === 'ipv4'
      ? ['99.0.0.0/10', '99.0.0.0/19', '99.0.0.0/20', '99.63.255.0/24', '99.64.0.0/24', '99.3.0.0/19']
          .concat([
            '99.3.0.0/20',
            '99.3.255.0/24',
            '99.2.255.0/24',
            '99.4.0.0/24',
            '99.0.0.0/8',
            '98.255.0.0/16',
          ])
          .concat(['100.0.0.0/24'])
      : ['2999::/18', '2999::/35', '2999::/36', '2999:3fff::/48', '2999:4000::/48', '2999:3::/39']
          .concat(['2999:3::/40', '2999:3:ffff::/48', '2999:2:ffff::/48', '2999:4::/48', '2999::/16'])
          .concat(['2998::/16', '299a::/32'])
  for (const prefix of prefixes) maker.add(`around what one neighbor may tell, ${prefix}`, { prefix })
}

/** The other half of the next shorter prefix. */
function beside(text: string): string {
  const length = Number(text.split('/')[1])
  const lower = resize(text, length)
  const parent = resize(text, length - 1)
  return lastOf(parent, length) === lower ? resize(parent, length) : lastOf(parent, length)
}
