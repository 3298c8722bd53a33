import type { Family } from '../../../net/prefix.ts'
import type { Line } from './lines.ts'
import { type Draft, plainFromDotted, readNumber } from './neighbor.ts'

export interface Router {
  readonly asn: number | null
  readonly vrf: string | null
  routerId: string | null
  defaultIpv4: boolean
  readonly neighbors: Map<string, Draft>
}

/** Where a line stands. `left`: it begins a section that is not read, or is none; `quiet`: it is no loss. */
export type Section =
  | { readonly kind: 'bgp'; readonly router: Router; readonly family: Family | 'other' | null }
  | { readonly kind: 'left'; readonly reason: string }
  | { readonly kind: 'quiet' }

/** The first words of lines in `router bgp`; any other line ends the section, as in FRR. */
const bgpWords = new Set(
  'bgp neighbor no address-family exit-address-family network redistribute timers maximum-paths aggregate-address distance table-map coalesce-time read-quanta write-quanta update-delay advertise-all-vni advertise vni import export rd rt label route-target sid segment-routing vnc agentx flooding'.split(
    ' ',
  ),
)
/** Lines of the whole configuration that Anyward has no use for, or writes itself. */
const quiet =
  /^(?:frr |service |hostname |domainname |log |ip forwarding|ipv6 forwarding|no ip forwarding|no ipv6 forwarding|ip nht |ipv6 nht |Building |Current |end$|exit)/

const sectionReasons: Readonly<Record<string, string>> = {
  'route-map': 'filters are not taken over: Anyward writes its own, by the kind of the neighbor',
  'ip prefix-list': 'filters are not taken over: Anyward writes its own, by the kind of the neighbor',
  'ipv6 prefix-list': 'filters are not taken over: Anyward writes its own, by the kind of the neighbor',
  'bgp community-list': 'filters are not taken over: Anyward writes its own, by the kind of the neighbor',
  'bgp as-path': 'filters are not taken over: Anyward writes its own, by the kind of the neighbor',
  'access-list': 'filters are not taken over: Anyward writes its own, by the kind of the neighbor',
  'ip route': 'Anyward has no static routes: see alwaysAnnounce for prefixes to announce',
  'ipv6 route': 'Anyward has no static routes: see alwaysAnnounce for prefixes to announce',
  router: 'Anyward runs no other routing protocol',
  interface: 'Anyward does not configure interfaces',
  vrf: 'Anyward creates no VRF: vrf of its neighbors is taken over; for static routes in it see extra',
  bfd: 'Anyward writes its own: bfd of the neighbors is taken over',
  rpki: 'set rpki in fleet.yaml',
  line: 'Anyward writes its own',
}
const otherReason = 'Anyward has no such setting'

/** Finds the section of each line in turn; new `router bgp` sections are added to `routers`. */
export function createSections(routers: Router[]): (line: Line) => Section {
  let router: Router | null = null
  let family: Family | 'other' | null = null
  let isInside = false
  return (line) => {
    const { words, isIndented } = line
    const text = words.join(' ')
    if (words[0] === 'router' && words[1] === 'bgp') {
      router = openRouter(words, routers)
      family = null
      isInside = false
      return { kind: 'quiet' }
    }
    if (router !== null) {
      if (text === 'exit-address-family' || (words[0] === 'exit' && family !== null)) {
        family = null
        return { kind: 'quiet' }
      }
      if (words[0] === 'address-family') {
        family = readFamily(words)
        return { kind: 'quiet' }
      }
      // `bgp as-path access-list` and such are of no router, and stand at the margin.
      const isOutside = !isIndented && words[0] === 'bgp' && /-list|as-path/.test(words[1] ?? '')
      if (bgpWords.has(words[0]!) && !isOutside) return { kind: 'bgp', router, family }
      router = null
      family = null
    }
    if (isInside && isIndented) return { kind: 'quiet' }
    isInside = false
    if (quiet.test(text)) return { kind: 'quiet' }
    const reason = sectionReasons[`${words[0]} ${words[1]}`] ?? sectionReasons[words[0]!] ?? otherReason
    isInside = true
    return { kind: 'left', reason }
  }
}

function openRouter(words: readonly string[], routers: Router[]): Router {
  const at = words.findIndex((word) => word === 'vrf' || word === 'view')
  const vrf = at === -1 ? null : (words[at + 1] ?? null)
  const asn = readNumber(words[2]) ?? plainFromDotted(words[2])
  // FRR allows the same line twice; without a number it means the only one.
  const known = routers.find((router) => router.vrf === vrf)
  if (known !== undefined) return known
  const router: Router = { asn, vrf, routerId: null, defaultIpv4: true, neighbors: new Map() }
  routers.push(router)
  return router
}

function readFamily(words: readonly string[]): Family | 'other' {
  const [, family, type = 'unicast'] = words
  if (type !== 'unicast') return 'other'
  return family === 'ipv4' || family === 'ipv6' ? family : 'other'
}
