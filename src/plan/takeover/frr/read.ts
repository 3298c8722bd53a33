import { familyOf } from '../../../net/prefix.ts'
import type { ConfigText } from '../../../syntax/config-text.ts'
import type { FoundRouter, FoundSession, Left } from '../router.ts'
import { mostLeft } from '../router.ts'
import { type Line, leftOf, readLines } from './lines.ts'
import { createDraft, type Draft, mergeDrafts, readSetting } from './neighbor.ts'
import { readProfiles } from './profiles.ts'
import { createSections, type Router, type Section } from './sections.ts'

/** Reads a frr.conf, or what `show running-config` prints. Never throws: FRR itself skips the lines that it does not know. */
export function readFrr(config: ConfigText): FoundRouter {
  const left: Left[] = []
  const leave = (line: Line, reason: string) => {
    if (left.length < mostLeft) left.push(leftOf(line, reason))
  }
  const profiles = readProfiles(readLines(config))
  const { routers, routerId } = readRouters(readLines(config), profiles, leave)
  const main = routers.find(({ vrf }) => vrf === null) ?? routers[0]
  const sessions = routers.flatMap((router) => {
    if (router.asn === null) return []
    return [...router.neighbors].flatMap(([name, draft]) => {
      if (draft.isGroup) return []
      const merged = mergeDrafts(draft, router.neighbors.get(draft.group ?? ''))
      const problem = findProblem(merged)
      if (problem === null) return [describeSession(name, merged, router, main?.asn ?? null)]
      leave(draft.first, problem)
      return []
    })
  })
  return { daemon: 'frr', asn: main?.asn ?? null, routerId: main?.routerId ?? routerId, sessions, left }
}

/** The `router bgp` sections, and the router id of the whole daemon. */
function readRouters(
  lines: Iterable<Line>,
  profiles: ReturnType<typeof readProfiles>,
  leave: (line: Line, reason: string) => void,
): { routers: readonly Router[]; routerId: string | null } {
  const routers: Router[] = []
  let routerId: string | null = null
  const sections = createSections(routers)
  for (const line of lines) {
    const section = sections(line)
    if (section.kind === 'bgp') readBgpLine(line, section, profiles, leave)
    else if (section.kind === 'left') {
      const id = /^(?:ip )?router-id (\S+)$/.exec(line.words.join(' '))
      if (id !== null) routerId = id[1]!
      else leave(line, section.reason)
    }
  }
  return { routers, routerId }
}

const quietBgp =
  /^(?:no )?bgp (?:router-id|log-neighbor-changes|default ipv4-unicast|ebgp-requires-policy|network import-check|default ipv6-unicast)/

function readBgpLine(
  line: Line,
  { router, family }: Extract<Section, { kind: 'bgp' }>,
  profiles: ReturnType<typeof readProfiles>,
  leave: (line: Line, reason: string) => void,
): void {
  const isNegated = line.words[0] === 'no'
  const words = isNegated ? line.words.slice(1) : line.words
  const text = line.words.join(' ')
  if (words[0] === 'neighbor' && words[1] !== undefined && words[2] !== undefined) {
    const draft = router.neighbors.get(words[1]) ?? createDraft(line)
    router.neighbors.set(words[1], draft)
    const reason = readSetting(draft, { words: words.slice(2), isNegated, family, profiles })
    if (reason !== null) leave(line, reason)
    return
  }
  if (/^bgp router-id \S+$/.test(text)) router.routerId = words[2]!
  if (text === 'no bgp default ipv4-unicast') router.defaultIpv4 = false
  if (words[0] === 'network')
    leave(line, 'Anyward announces the prefixes of its services, and alwaysAnnounce of the node')
  else if (words[0] === 'redistribute' || words[0] === 'aggregate-address') {
    leave(line, 'Anyward announces the prefixes of its services, and alwaysAnnounce of the node')
  } else if (/^bgp listen /.test(text)) leave(line, 'Anyward has no sessions with a range of neighbors')
  else if (!quietBgp.test(text)) leave(line, 'Anyward has no such setting of the BGP daemon')
}

function findProblem(draft: Draft): string | null {
  if (draft.shutdown === true) return 'the session is shut down'
  if (draft.asn === 'external') return 'the neighbor’s AS number is not in the configuration'
  if (draft.asn === null || draft.asn === 'unknown') return 'the neighbor has no AS number that can be read'
  return null
}

function describeSession(name: string, draft: Draft, router: Router, ourAsn: number | null): FoundSession {
  const family = draft.isInterface ? null : familyOf(name)
  const active = new Map(draft.active)
  // An IPv6 session carries IPv4 routes by default too; that alone is not worth a note.
  if (family === 'ipv4' && router.defaultIpv4 && !active.has('ipv4')) active.set('ipv4', true)
  const families = [...active].flatMap(([name, isActive]) => (isActive ? [name] : []))
  const isAddress = draft.source !== null && /[.:]/.test(draft.source)
  const asn = draft.asn === router.asn || draft.asn === 'internal' ? 'internal' : draft.asn
  const localAs = draft.localAs ?? router.asn
  return {
    place: { file: draft.first.file, line: draft.first.line },
    name,
    asn: typeof asn === 'number' ? asn : 'internal',
    address: draft.isInterface ? null : name,
    interface: draft.isInterface ? name : isAddress ? null : draft.source,
    localAddress: isAddress ? draft.source : null,
    localAs: localAs === ourAsn ? null : localAs,
    vrf: router.vrf,
    multihop: draft.multihop,
    bfd: draft.bfd,
    gtsm: draft.gtsm === true,
    hasPassword: draft.hasPassword === true,
    description: draft.description,
    timers: {
      ...(draft.holdMs !== null && { holdMs: draft.holdMs }),
      ...(draft.keepaliveMs !== null && { keepaliveMs: draft.keepaliveMs }),
    },
    families,
    extendedNextHop: draft.extendedNextHop === true,
    limit: draft.limits.get(family ?? 'ipv4') ?? null,
    import: draft.filtered.size > 0 ? 'filtered' : 'everything',
  }
}
