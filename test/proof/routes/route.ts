import {
  Address,
  addressBits,
  type Family,
  type Prefix,
  parsePrefix,
  prefixOf,
} from '../../../src/net/prefix.ts'
import { nodeAddresses } from '../bed/links.ts'
import type { WireRoute } from '../bgp/wire.ts'
import type { ProofNeighbor } from '../fleet/neighbors.ts'
import { otherAddresses } from '../fleet/resources.ts'

export interface ProofRoute extends WireRoute {
  readonly meaning: string
  /** Any daemon must treat it as withdrawn (RFC 7606), whatever the policy says. */
  readonly malformed: boolean
  /** Where the neighbor has to be the next hop, a daemon may also refuse it, or send the packets to the neighbor all the same. */
  readonly lenient: boolean
}

export type RouteFields = Partial<Omit<ProofRoute, 'meaning'>>

/** Makes routes of one neighbor, each with a prefix of its own. */
export interface RouteMaker {
  readonly neighbor: ProofNeighbor
  readonly family: Family
  /** The start of each path from this neighbor: its AS number, none for iBGP. */
  readonly head: readonly number[]
  /** Adds a route with a prefix that no rule matches. */
  add(meaning: string, fields: RouteFields): void
  readonly routes: readonly ProofRoute[]
  readonly addresses: { readonly ours: string; readonly other: string }
}

export function makeRoutes(neighbor: ProofNeighbor): RouteMaker {
  const routes = new Map<string, ProofRoute>()
  const { family } = neighbor
  const head = neighbor.internal ? [] : [neighbor.asn]
  let count = 0
  return {
    neighbor,
    family,
    head,
    addresses: { ours: nodeAddresses[family], other: otherAddresses[family] },
    add(meaning, fields) {
      const prefix = canonical(fields.prefix ?? plainPrefix(family, count))
      if (fields.prefix === undefined) count += 1
      const route = {
        meaning,
        asPath: [...head, 6000],
        nextHop: neighbor.address,
        origin: 'igp' as const,
        med: null,
        localPref: neighbor.internal ? 100 : null,
        communities: [],
        otc: null,
        malformed: false,
        lenient: false,
        ...fields,
        prefix,
      }
      // The first route to a prefix is kept: a neighbor has one route to each prefix.
      if (!routes.has(prefix)) routes.set(prefix, route)
    },
    get routes() {
      return [...routes.values()]
    },
  }
}

/** In 99.1.0.0/16 and 2999:1::/32, which no rule matches. */
function plainPrefix(family: Family, index: number): string {
  return family === 'ipv4' ? `99.1.${index}.0/24` : `2999:1:${index.toString(16)}::/48`
}

function canonical(text: string): string {
  return parse(text).toString()
}

/** The prefix of that length around the first address of another. */
export function resize(text: string, length: number): string {
  return prefixOf(parse(text).network, length).toString()
}

/** The last prefix of that length in another. */
export function lastOf(text: string, length: number): string {
  const { network, family, length: outer } = parse(text)
  const last = network.value | ((1n << BigInt(addressBits(family) - outer)) - 1n)
  return prefixOf(new Address(family, last), length).toString()
}

function parse(text: string): Prefix {
  const parsed = parsePrefix(text)
  if (!parsed.ok) throw new TypeError(`${text} ${parsed.problem}`)
  return parsed.value
}
