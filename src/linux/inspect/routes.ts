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

export type Route = Infer<typeof route>
export type LinkFacts = Infer<typeof link>

/**
 * The route that this node takes to an address, from one of its own if it is given; `null`: there is none. Throws
 * RunError for an address that it does not have.
 */
export async function findRoute(to: string, from?: string): Promise<Route | null> {
  const text = await runIp(['-j', 'route', 'get', to, ...(from === undefined ? [] : ['from', from])])
  const [first] = requireShape(list(route, 16), JSON.parse(text))
  return first ?? null
}

/** `null`: there is no such interface. */
export async function findLink(name: string): Promise<LinkFacts | null> {
  const links = requireShape(list(link, 100_000), JSON.parse(await runIp(['-j', 'link', 'show'])))
  return links.find(({ ifname }) => ifname === name) ?? null
}
