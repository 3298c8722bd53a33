import { frrDegraded } from '../../manifest/announcements.ts'
import { vrfsOf } from '../../manifest/vrfs.ts'
import type { NodePlan, SessionPlan } from '../compile/plan.ts'
import type { Policy } from '../policy/policy.ts'
import { birdRules } from './bird-rules.ts'
import { commands, type FrrList } from './frr-prefix-lists.ts'
import { frrEntries } from './frr-rules.ts'
import { collectLists, joinForBird, joinForFrr } from './rule-lists.ts'
import { coveringRoutes, suffixOf } from './view.ts'

/** What templates/bird/anyward.conf.hbs shows: functions for the engineer's own filters. */
export function filtersForBird(node: NodePlan) {
  const lists = collectLists<readonly string[]>(node.sessions, joinForBird)
  const sessions = node.sessions.map((session) => ({
    ...headOf(session),
    functions: filtersOf(session, '_').map(({ name, policy }) => ({
      name,
      rules: birdRules(session, policy, lists, { inFunction: true, hasLastGood: false }).join('\n  '),
    })),
  }))
  return {
    ...nodeOf(node),
    sessions,
    lists: lists.all.map(({ name, content }) => ({ name, members: content.join(',\n  ') })),
  }
}

/** What templates/frr/anyward.conf.hbs shows: route-maps for the engineer's own sessions. */
export function filtersForFrr(node: NodePlan) {
  const lists = collectLists<FrrList>(node.sessions, joinForFrr)
  const sessions = node.sessions.map((session) => ({
    ...headOf(session),
    maps: filtersOf(session, '-').map(({ name, policy }) => ({
      name,
      entries: frrEntries(session, policy, lists, false),
    })),
  }))
  return {
    ...nodeOf(node),
    sessions,
    lists: lists.all.map(({ name, content: { command, entries } }) => ({
      lines: entries.map((entry, index) => `${command} ${name} seq ${(index + 1) * 5} ${entry}`).join('\n'),
    })),
    coverings: coveringRoutes(node),
    vrfs: vrfsOf(node.sessions).map((vrf) => ({ vrf, routes: routesInVrf(node, vrf) })),
    degraded: frrDegraded,
  }
}

/** Of what the neighbors in the VRF get: lo with the anycast addresses is not in it. */
function routesInVrf({ sessions }: NodePlan, vrf: string) {
  const exports = sessions.filter((session) => session.vrf === vrf).flatMap((session) => session.exports)
  const prefixes = new Map(exports.map((prefix) => [prefix.toString(), prefix]))
  return [...prefixes].map(([prefix, { family }]) => ({ command: commands[family], prefix }))
}

/** Named as those of a managed node. */
export function filtersOf(session: SessionPlan, separator: string): { name: string; policy: Policy }[] {
  return session.channels.flatMap((channel) =>
    (['in', 'out'] as const).map((way) => ({
      name: `${session.symbol}${separator}${way}${suffixOf(session, channel)}`,
      policy: way === 'in' ? channel.import : channel.export,
    })),
  )
}

function nodeOf({ site, node, asn }: NodePlan) {
  return { site, node, asn }
}

function headOf({ symbol, kind, neighbor, asn, address, interface: link }: SessionPlan) {
  return { symbol, kind, neighbor, asn, address: String(address ?? link) }
}
