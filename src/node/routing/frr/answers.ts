import { frrDegraded } from '../../../manifest/announcements.ts'
import { defaultVrf } from '../../../manifest/vrfs.ts'
import type { Announcements, Grade } from '../../../net/announcements.ts'
import type { Family } from '../../../net/prefix.ts'
import {
  anyText,
  type Infer,
  list,
  map,
  number,
  optional,
  part,
  requireShape,
  type Shape,
  yesNo,
} from '../../../text/shape.ts'
import { DaemonError } from '../daemon.ts'
import { canonicalPrefix } from '../own-prefixes.ts'
import { readRouterLine } from './router-line.ts'

const many = Number.POSITIVE_INFINITY
const anyNumber = number(-Number.MAX_VALUE, Number.MAX_VALUE)

const peer = part({ state: anyText(), pfxRcd: optional(anyNumber), pfxSnt: optional(anyNumber) })
const section = optional(part({ peers: optional(map(anyText(), peer, many)) }))
const summary = part({ ipv4Unicast: section, ipv6Unicast: section })

// 8.4.4 has the first for a neighbor it does not know, and the second where the family is not activated.
const none = { bgpNoSuchNeighbor: optional(yesNo), warning: optional(anyText()) }
const advertised = part({
  advertisedRoutes: optional(map(anyText(), part({ weight: optional(anyNumber) }), many)),
  ...none,
})
const path = part({
  locPrf: optional(anyNumber),
  nexthops: optional(list(part({ ip: anyText(), scope: optional(anyText()) }), many)),
})
const taken = part({ routes: optional(map(anyText(), list(path, many), many)), ...none })

const vrfs = part({ vrfs: map(anyText(), part({ routerId: anyText() }), many) })

export interface Summary {
  /** Each session's state by family and neighbor address, as bgpd names it. */
  readonly states: Readonly<Record<Family, ReadonlyMap<string, string>>>
}

export function readSummary(text: string): Summary {
  const { ipv4Unicast, ipv6Unicast } = parse(text, summary, 'summary')
  const statesOf = (section: Infer<typeof summary>['ipv4Unicast']) =>
    new Map(Object.entries(section?.peers ?? {}).map(([address, { state }]) => [address, state]))
  return {
    states: { ipv4: statesOf(ipv4Unicast), ipv6: statesOf(ipv6Unicast) },
  }
}

/** Of each session that is up, by the neighbor as bgpd names it. */
export function readPrefixCounts(text: string): Map<string, { received: number; sent: number }> {
  const counts = new Map<string, { received: number; sent: number }>()
  for (const section of Object.values(parse(text, summary, 'summary'))) {
    for (const [name, { state, pfxRcd = 0, pfxSnt = 0 }] of Object.entries(section?.peers ?? {})) {
      if (state !== 'Established') continue
      const { received = 0, sent = 0 } = counts.get(name) ?? {}
      counts.set(name, { received: received + pfxRcd, sent: sent + pfxSnt })
    }
  }
  return counts
}

/**
 * Of the instance of a VRF. From `show bgp vrfs json`, because the summary of a bgpd without neighbors is empty; `null`
 * without the instance.
 */
export function readRouterId(text: string, vrf: string): string | null {
  return parse(text, vrfs, 'list of VRFs').vrfs[vrf === defaultVrf ? 'default' : vrf]?.routerId ?? null
}

/**
 * A neighbor's adj-rib-out with the grade of each route: the outbound route-map sets its weight. Empty if bgpd
 * does not know the neighbor in that family.
 * @param own prefixes that need not be parsed
 */
export function readAdvertised(text: string, own: ReadonlySet<string>): Announcements {
  const what = 'list of advertised routes'
  const answer = parse(text, advertised, what)
  const routes = answer.advertisedRoutes ?? requireNone(answer, text, what)
  return new Map(
    Object.entries(routes).map(([key, { weight }]) => {
      const prefix = own.has(key) ? key : canonicalPrefix(key)
      if (prefix === null) throw unreadable(what, key)
      return [prefix, weight === frrDegraded.weight ? 'degraded' : 'normal']
    }),
  )
}

interface TakenRoute {
  readonly prefix: string
  readonly nextHop: string | null
}

/** Routes accepted from an iBGP neighbor, without degraded ones, which have LOCAL_PREF 0. */
export function readTaken(text: string): TakenRoute[] {
  const what = 'list of routes'
  const answer = parse(text, taken, what)
  return Object.entries(answer.routes ?? requireNone(answer, text, what)).flatMap(([prefix, paths]) =>
    paths
      .filter(({ locPrf }) => locPrf !== 0)
      .map(({ nexthops = [] }) => ({
        prefix,
        nextHop: nexthops.find(({ scope }) => scope !== 'link-local')?.ip ?? null,
      })),
  )
}

const ownPaths = part({ paths: optional(list(part({ valid: optional(yesNo) }), many)) })

/** The paths to a prefix, from `show bgp … PREFIX json`: whether one is valid; `null`: there is none. */
export function readValidity(text: string): boolean | null {
  const { paths = [] } = parse(text, ownPaths, 'list of paths')
  return paths.length === 0 ? null : paths.some(({ valid }) => valid === true)
}

export interface RunningNetworks {
  /** The announcements of each instance of our AS, by its VRF; the default one is the empty text. */
  readonly instances: ReadonlyMap<string, Announcements>
  /** Whether the route-map of degraded announcements is defined. */
  readonly definesDegraded: boolean
}

/**
 * Only these lines, because the others contain passwords. bgpd's configuration rather than its table: `no
 * network` takes effect here at once, and in the table when bgpd processes its queue.
 */
export const networksCommand =
  'show running-config | include ^(router bgp |  network |route-map aw-degraded permit )'

export function readNetworks(text: string, asn: number): RunningNetworks {
  let networks: Map<string, Grade> | null = null
  let definesDegraded = false
  const instances = new Map<string, Map<string, Grade>>()
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith(`route-map ${frrDegraded.map} permit `)) definesDegraded = true
    if (line.startsWith('router bgp ')) {
      const router = readRouterLine(line)
      networks = router?.asn === asn ? new Map() : null
      if (networks !== null) instances.set(router!.vrf, networks)
      continue
    }
    const network = /^ {2}network (\S+)(.*)$/.exec(line)
    // `backdoor` marks a route of another AS; it originates nothing.
    if (network === null || networks === null || / backdoor\b/.test(network[2]!)) continue
    const prefix = canonicalPrefix(network[1]!)
    if (prefix !== null) {
      networks.set(prefix, network[2] === ` route-map ${frrDegraded.map}` ? 'degraded' : 'normal')
    }
  }
  return { instances, definesDegraded }
}

export function readVersion(text: string): string {
  const version = /^FRRouting (\S+)/m.exec(text)?.[1]
  if (version === undefined) throw unreadable('version', text)
  return version
}

/** Throws, unless bgpd answers that the neighbor has no routes. */
function requireNone(
  answer: { bgpNoSuchNeighbor?: boolean; warning?: string },
  text: string,
  what: string,
): Record<string, never> {
  if (answer.bgpNoSuchNeighbor !== true && answer.warning === undefined) throw unreadable(what, text)
  return {}
}

function parse<T>(text: string, shape: Shape<T>, what: string): T {
  try {
    return requireShape(shape, JSON.parse(text))
  } catch (cause) {
    throw unreadable(what, text, cause)
  }
}

function unreadable(what: string, text: string, cause?: unknown): DaemonError {
  return new DaemonError('protocol', `bgpd's ${what} is not one that this version of anyward can read`, {
    reply: text.slice(0, 200),
    cause,
  })
}
