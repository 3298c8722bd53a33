import { ourAsn } from '../fleet/resources.ts'
import type { RouteMaker } from './route.ts'

/** Origins by their state against the VRPs of the proof's fleet. */
export function addOrigins(maker: RouteMaker): void {
  const { family, head } = maker
  const rows: readonly (readonly [meaning: string, ipv4: string, ipv6: string, origin: number])[] = [
    ['valid', '99.200.0.0/16', '2999:200::/32', 7000],
    ['valid, as long as the VRP allows', '99.200.32.0/20', '2999:200:2000::/36', 7000],
    ['too long for its VRP', '99.200.64.0/21', '2999:200:4000::/37', 7000],
    ['too long for its VRP by far', '99.200.80.0/24', '2999:200:5000::/48', 7000],
    ['another origin', '99.200.128.0/18', '2999:200:8000::/34', 7002],
    ['another origin, and too long', '99.200.200.0/24', '2999:200:c800::/48', 7002],
    ['valid by a more specific VRP', '99.200.16.0/20', '2999:200:1000::/36', 7001],
    ['valid by a more specific VRP, long', '99.200.17.0/24', '2999:200:1100::/48', 7001],
    ['the outer VRP’s origin, too long', '99.200.18.0/24', '2999:200:1200::/48', 7000],
    ['a less-specific of what a VRP covers', '99.200.0.0/15', '2999:200::/31', 7002],
    ['no AS may originate it', '99.201.0.0/16', '2999:201::/32', 7000],
    ['no AS may originate it, a part', '99.201.5.0/24', '2999:201:5::/48', 7000],
    ['no AS may originate it, and AS 0 does', '99.201.6.0/24', '2999:201:6::/48', 0],
    ['valid, a number of four octets', '99.202.0.0/16', '2999:202::/32', 400700],
    ['too long, a number of four octets', '99.202.0.0/17', '2999:202::/33', 400700],
    ['another number of four octets', '99.202.128.0/17', '2999:202:8000::/33', 400701],
    ['kept for us', '99.203.1.0/24', '2999:203:1::/48', 7000],
    ['not covered', '99.205.0.0/16', '2999:205::/32', 7000],
    ['not covered, an origin with VRPs', '99.206.0.0/24', '2999:206::/48', 7000],
    ['valid, but too long for all neighbors', '99.204.1.0/25', '2999:204:1::/49', 3000],
  ]
  for (const [meaning, ipv4, ipv6, origin] of rows) {
    maker.add(`RPKI: ${meaning}`, { prefix: family === 'ipv4' ? ipv4 : ipv6, asPath: [...head, origin] })
  }
  const at = (ipv4: string, ipv6: string) => (family === 'ipv4' ? ipv4 : ipv6)
  maker.add('RPKI: valid, the origin prepended', {
    prefix: at('99.200.240.0/20', '2999:200:f000::/36'),
    asPath: [...head, 6000, 7000, 7000, 7000],
  })
  maker.add('RPKI: the right number, but not last', {
    prefix: at('99.200.224.0/20', '2999:200:e000::/36'),
    asPath: [...head, 7000, 6000],
  })
  maker.add('RPKI: covered, and an AS_SET with the right number as origin', {
    prefix: at('99.200.208.0/20', '2999:200:d000::/36'),
    asPath: [...head, 6000, [7000]],
  })
  maker.add('RPKI: covered, and an AS_SET before the right origin', {
    prefix: at('99.200.192.0/20', '2999:200:c000::/36'),
    asPath: [...head, [6000, 6001], 7000],
  })
  maker.add('RPKI: not covered, and an AS_SET as origin', { asPath: [...head, 6000, [7000, 7001]] })
  maker.add('RPKI: covered, and an empty path', {
    prefix: at('99.200.176.0/20', '2999:200:b000::/36'),
    asPath: [],
  })
  maker.add('RPKI: kept for us, and an empty path', {
    prefix: at('99.203.2.0/24', '2999:203:2::/48'),
    asPath: [],
  })
  maker.add('RPKI: kept for us, and we are the origin', {
    prefix: at('99.203.3.0/24', '2999:203:3::/48'),
    asPath: [...head, ourAsn],
  })
  maker.add('RPKI: the neighbor is the origin', { asPath: head })
  maker.add('RPKI: the neighbor’s number is the VRP’s', {
    prefix: at('99.204.2.0/24', '2999:204:2::/48'),
    asPath: [...head, 3000],
  })
}
