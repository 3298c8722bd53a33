import { anyText, type Infer, list, optional, part, requireShape, whole } from '../../text/shape.ts'
import { runIp } from '../ip.ts'

const route = part({
  dst: optional(anyText()),
  type: optional(anyText()),
  gateway: optional(anyText()),
  dev: optional(anyText()),
  prefsrc: optional(anyText()),
})
const link = part({
  ifname: anyText(),
  mtu: whole(0, 2 ** 31),
  flags: list(anyText(), 64),
})

/** Of another kind, `ip` prints an empty object. */
const vrfLink = part({ ifname: optional(anyText()) })

export type Route = Infer<typeof route>
export type LinkFacts = Infer<typeof link>

/** Addresses of the whole Internet, of RFC 5737 and RFC 3849 no route leads to: the root server k, anycast itself. */
export const anywhere = { ipv4: '193.0.14.129', ipv6: '2001:7fd::1' } as const

interface Flow {
  /** One of the node's own addresses. */
  readonly from?: string
  /** UDP from this port. Its number is 17: its name is in /etc/protocols, which a small Debian does not have. */
  readonly fromPort?: number
  readonly vrf?: string | undefined
}

/**
 * The route that this node takes to an address; `null`: there is none. Throws RunError for a source that it does not
 * have, and a VRF that there is not.
 */
export async function findRoute(to: string, { from, fromPort, vrf }: Flow = {}): Promise<Route | null> {
  const text = await runIp([
    ...['-j', 'route', 'get', to],
    ...(from === undefined ? [] : ['from', from]),
    ...(fromPort === undefined ? [] : ['ipproto', '17', 'sport', String(fromPort)]),
    ...(vrf === undefined ? [] : ['vrf', vrf]),
  ])
  const [first] = requireShape(list(route, 16), JSON.parse(text))
  return first ?? null
}

/**
 * The routes of a VRF's table to an address, except those that drop packets, such as the usual `unreachable default`.
 * `ip route get` does not show that there is none: it goes on to the main table. Throws RunError for a VRF that there is not.
 */
export async function findVrfRoutes(vrf: string, to: string): Promise<Route[]> {
  const family = to.includes(':') ? '-6' : '-4'
  const text = await runIp(['-j', family, 'route', 'show', 'vrf', vrf, 'match', to])
  const routes = requireShape(list(route, 1000), JSON.parse(text || '[]'))
  // Only those that drop packets have a type here.
  return routes.filter(({ type }) => type === undefined)
}

/** `null`: there is no such interface. */
export async function findLink(name: string): Promise<LinkFacts | null> {
  const links = requireShape(list(link, 100_000), JSON.parse(await runIp(['-j', 'link', 'show'])))
  return links.find(({ ifname }) => ifname === name) ?? null
}

/** The names of the VRFs. */
export async function findVrfs(): Promise<string[]> {
  const text = await runIp(['-j', 'link', 'show', 'type', 'vrf'])
  return requireShape(list(vrfLink, 100_000), JSON.parse(text || '[]')).flatMap(({ ifname = '' }) =>
    ifname === '' ? [] : [ifname],
  )
}
