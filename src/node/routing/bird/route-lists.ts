import { degradedPreference } from '../../../manifest/announcements.ts'
import type { Grade } from '../../../net/announcements.ts'
import { families, familyOf, type Prefix, prefixFrom, prefixOf } from '../../../net/prefix.ts'
import { DaemonError } from '../daemon.ts'
import { canonicalPrefix } from '../own-prefixes.ts'
import { type BirdReply, wordsOf } from './reply.ts'

export interface BirdRoute {
  readonly prefix: string
  /** The protocol of the route. */
  readonly protocol: string
  readonly grade: Grade
  /** BIRD's own preference; `null`: not shown. */
  readonly preference: number | null
  /** The BGP next hop; `null` in a list without attributes. */
  nextHop: string | null
}

const routePattern = /^(\S+\/\d+)?\s+\S[^[]*\[([^\s\]]+)[^\]]*\](?: [*!])*(?: \((\d+)[/)])?/

/**
 * A line that starts with blanks is another route to the network above; a line that starts with a tab belongs to
 * the route above.
 * @param own prefixes that need not be parsed
 */
export function readRoutes(reply: BirdReply, own: ReadonlySet<string>): BirdRoute[] {
  const routes: BirdRoute[] = []
  let prefix: string | null = null
  for (const { code, text } of reply.lines) {
    if (code === 1012) {
      // The second is BIRD 3's.
      const nextHop = /^\t(?:BGP\.|bgp_)next_hop: (\S+)/.exec(text)?.[1]
      if (nextHop !== undefined && routes.length > 0) routes.at(-1)!.nextHop = nextHop
      continue
    }
    if (code !== 1007 || /^(?:Table |\t|\s*$)/.test(text)) continue
    const [, network, protocol, preference] = routePattern.exec(text) ?? []
    if (network !== undefined) prefix = own.has(network) ? network : canonicalPrefix(network)
    if (prefix === null || protocol === undefined) {
      throw new DaemonError('protocol', 'BIRD listed a route without a network', { reply: text })
    }
    routes.push({
      prefix,
      protocol,
      grade: preference === String(degradedPreference) ? 'degraded' : 'normal',
      preference: preference === undefined ? null : Number(preference),
      nextHop: null,
    })
  }
  return routes
}

/**
 * A condition that matches all of these prefixes and few others: a table may hold many other routes, and a
 * command has room for some dozens of prefixes only.
 */
export function matchNetworks(prefixes: Iterable<string>, roomBytes: number): string {
  const own = [...prefixes].map(prefixFrom)
  // An IPv6 prefix is shortened in proportion to an IPv4 one.
  for (let bits = 32; ; bits -= 1) {
    const condition = printNetworks(own, bits)
    if (condition.length <= roomBytes || bits === 0) return condition
  }
}

function printNetworks(own: readonly Prefix[], bits: number): string {
  const terms = families.flatMap((family) => {
    const most = family === 'ipv4' ? bits : bits * 4
    const members = new Set(
      own
        .filter((prefix) => prefix.family === family)
        .map((prefix) => (prefix.length <= most ? String(prefix) : `${prefixOf(prefix.network, most)}+`)),
    )
    // A set in BIRD has one family.
    return members.size === 0 ? [] : [`net ~ [${[...members].join(',')}]`]
  })
  return terms.length === 0 ? 'false' : terms.join(' || ')
}

/**
 * `show protocols` still lists a protocol that is being removed, after its name is gone. A session that has just
 * gone down, or carries no routes, has no tables, or in BIRD 3 accepts no exports.
 */
export function isGone(reply: BirdReply): boolean {
  return (
    reply.code === 9001 &&
    /CF_SYM_UNDEFINED|^No valid tables$|aren't accepting exports at all/.test(wordsOf(reply))
  )
}

/** A reconfiguration ends a list that is just being printed. */
export function isCutShort(reply: BirdReply): boolean {
  return reply.code >= 8000 && wordsOf(reply).endsWith('Stopped due to reconfiguration')
}

export function some(prefixes: Iterable<string>, family: (typeof families)[number]): boolean {
  return [...prefixes].some((prefix) => familyOf(prefix) === family)
}
