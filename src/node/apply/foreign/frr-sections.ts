import { countMany } from '../../../text/count.ts'
import { isFamily, type Line, type Lines } from '../frr-lines.ts'
import type { Foreign } from './foreign.ts'

/** Where a line comes from, for messages; `null`: only the running daemons have it. */
export type PlaceOf = (line: Line) => string | null

/** Lines of which nothing is lost: they concern logs, of which each bundle has its own, access, or the machine's own sysctls. */
const harmless =
  /^(?:no )?(?:frr |log |service |hostname |domainname |password |enable password |line vty|debug |banner |zebra |username |agentx|allow-external|(?:ip|ipv6) (?:forwarding|nht )|bgp route-map delay-timer|fpm |vni |end$)/

/** Settings of `router bgp` that each bundle has too, perhaps with other values. */
const ofEachBundle = /^(?:no )?bgp (?:router-id |log-neighbor-changes$|default )/

/** A line of `router bgp` about one neighbor or peer group. */
const neighborLine = /^neighbor (\S+) /

export interface SectionContext {
  readonly placeOf: PlaceOf
  /** Whether the running daemons have the line. */
  readonly runs: (line: Line) => boolean
  /** Whether the new configuration has a session with that neighbor of a block. */
  readonly replaces: (block: string, neighbor: string) => boolean
  /** Prefixes that the controller announces. */
  readonly own: ReadonlySet<string>
}

/** Describes lines of FRR's configuration as the parts that an engineer knows: sessions, protocols, static routes. */
export function describeSections(lines: Lines, context: SectionContext): Foreign[] {
  const found: Foreign[] = []
  const routes: Line[] = []
  const policies = new Map<string, Line[]>()
  const others: Line[] = []
  for (const [block, ...parts] of byBlock(lines)) {
    const first = parts[0]!
    if (block.startsWith('router bgp ')) found.push(...describeBgp(block, parts, context))
    else if (/^(?:router |mpls ldp|pbr-map |segment-routing|key chain )/.test(block)) {
      found.push(part('protocol', nameOf(block), first, context, parts.some(context.runs)))
    } else if (/^(?:interface|vrf) /.test(block)) {
      const settings = parts.filter((line) => line.length > 1).map((line) => line.slice(1).join(' '))
      if (settings.length === 0) continue
      const what = `${block}: ${countMany(settings.length, 'setting')} (${firstThree(settings)})`
      found.push(part('interface', what, first, context, parts.some(context.runs)))
    } else if (/^(?:ip|ipv6) (?:route|mroute) /.test(block)) routes.push(first)
    else if (!isOurs(block)) {
      const policy = /^route-map /.test(block) && 'route-map entry'
      const list =
        /^(?:ip |ipv6 |bgp |mac )?(?:prefix-list|as-path access-list|community-list|large-community-list|extcommunity-list|access-list) /.test(
          block,
        ) && 'line of lists'
      const kind = policy || list
      if (kind) policies.set(kind, [...(policies.get(kind) ?? []), first])
      else if (!harmless.test(block)) others.push(first)
    }
  }
  if (routes.length > 0) {
    const running = routes.filter(context.runs).length
    const state = running === 0 ? null : `${countMany(running, 'route')} configured now`
    const place = context.placeOf(routes[0]!)
    found.push({ kind: 'static-routes', what: countMany(routes.length, 'static route'), state, place })
  }
  for (const [kind, list] of policies) {
    const count = kind.startsWith('line')
      ? countMany(list.length, kind, 'lines of lists')
      : countMany(list.length, kind, 'route-map entries')
    const names = [...new Set(list.map(([block]) => nameOfPolicy(block)))]
    const what = `${count} (${firstThree(names)})`
    found.push(part('settings', what, list[0]!, context, list.some(context.runs)))
  }
  if (others.length > 0) {
    const what = `${countMany(others.length, 'other line')}, such as "${others[0]!.join(' / ').slice(0, 100)}"`
    found.push(part('settings', what, others[0]!, context, others.some(context.runs)))
  }
  return found
}

function firstThree(texts: readonly string[]): string {
  return `${texts.slice(0, 3).join(', ')}${texts.length > 3 ? ', …' : ''}`
}

function describeBgp(block: string, parts: readonly Line[], context: SectionContext): Foreign[] {
  const found: Foreign[] = []
  const [, asn, scope = ''] = /^router bgp (\S+)(.*)$/.exec(block)!
  const neighbors = new Map<string, Line[]>()
  const rest: Line[] = []
  const settings: Line[] = []
  for (const line of parts) {
    const text = line.at(-1)!
    const address = line.length === 2 || line.length === 3 ? neighborLine.exec(text)?.[1] : undefined
    if (address !== undefined) neighbors.set(address, [...(neighbors.get(address) ?? []), line])
    else if (isOrigination(text, context.own)) rest.push(line)
    else if (line.length > 1 && !isFamily(text) && !/^network /.test(text) && !ofEachBundle.test(text))
      settings.push(line)
  }
  for (const [address, lines] of neighbors) {
    const texts = lines.map((line) => line.at(-1)!)
    const as = texts.map((text) => / remote-as (\S+)$/.exec(text)?.[1]).find((word) => word !== undefined)
    const isGroup = texts.some((text) => text === `neighbor ${address} peer-group`)
    const what = `BGP ${isGroup ? 'peer group' : 'session to'} ${address}${as === undefined ? '' : ` AS ${as}`}`
    const replaced = context.replaces(block, address) ? ', replaced by that of the bundle' : ''
    const where = `${what}${scope} (router bgp ${asn})${replaced}`
    found.push(part('session', where, lines[0]!, context, lines.some(context.runs)))
  }
  const describeLines = (kind: Foreign['kind'], lines: readonly Line[], word: string) => {
    const texts = lines.map((line) => line.at(-1)!)
    const what = `${countMany(lines.length, word)} of router bgp ${asn}${scope} (${firstThree(texts)})`
    found.push(part(kind, what, lines[0]!, context, lines.some(context.runs)))
  }
  if (rest.length > 0) describeLines('protocol', rest, 'route origination')
  // Without a session or a route they have no effect.
  if (found.length > 0 && settings.length > 0) describeLines('settings', settings, 'setting')
  return found
}

/** Of a route-map entry, or of a line of a list. */
function nameOfPolicy(block: string): string {
  return /^(?:route-map|.*?list)(?: standard| expanded)? (\S+)/.exec(block)?.[1] ?? block
}

/** `network` lines of our own prefixes are the controller's. */
function isOrigination(text: string, own: ReadonlySet<string>): boolean {
  const network = /^network (\S+)/.exec(text)?.[1]
  if (network !== undefined) return !own.has(network)
  return /^(?:redistribute|aggregate-address|import|default-information) /.test(text)
}

function part(
  kind: Foreign['kind'],
  what: string,
  line: Line,
  { placeOf }: SectionContext,
  runs: boolean,
): Foreign {
  return { kind, what, state: runs ? 'running' : null, place: placeOf(line) }
}

/** `OSPF process`; FRR's word where there is no other. */
function nameOf(block: string): string {
  const names: Readonly<Record<string, string>> = {
    ospf: 'OSPF',
    ospf6: 'OSPFv3',
    isis: 'IS-IS',
    rip: 'RIP',
    ripng: 'RIPng',
    eigrp: 'EIGRP',
    babel: 'Babel',
    openfabric: 'OpenFabric',
  }
  const [, word = '', rest = ''] = /^router (\S+)(.*)$/.exec(block) ?? []
  const name = names[word]
  return name === undefined ? block : `${name} process${rest}`
}

function isOurs(block: string): boolean {
  return /(?:^| )aw[-_]/.test(block) || /^(?:bfd|rpki)$/.test(block)
}

/** The lines of each block of the top level, the block's own line first. */
function* byBlock(lines: Lines): Generator<[string, ...Line[]]> {
  const blocks = new Map<string, Line[]>()
  for (const line of lines.values()) blocks.set(line[0], [...(blocks.get(line[0]) ?? []), line])
  for (const [block, parts] of blocks) yield [block, ...parts]
}
