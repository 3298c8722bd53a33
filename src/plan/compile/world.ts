import type { NodeComparison } from '../../manifest/compare/compare.ts'
import type { RuleChange } from '../../manifest/compare/rule-changes.ts'
import { count } from '../../text/count.ts'

/** The effects of a plan on routing, in sentences: announcements, then imports, then rules. */
export function describeWorld(nodes: readonly NodeComparison[]): string[] {
  const nameOf = nodeNames(nodes)
  return [
    ...describeLostSites(nodes),
    ...nodes.flatMap((node) => describeAnnouncements(node, nameOf(node))),
    ...nodes.flatMap((node) => describeTaken(node, nameOf(node))),
    ...describeRules(nodes, nameOf),
  ]
}

/** The site's name if it has one node, otherwise site and node. */
function nodeNames(nodes: readonly NodeComparison[]): (node: NodeComparison) => string {
  const nodesAt = new Map<string, number>()
  for (const { site } of nodes) nodesAt.set(site, (nodesAt.get(site) ?? 0) + 1)
  return ({ site, node }) => (nodesAt.get(site) === 1 ? site : `${site} (${node})`)
}

/** A prefix that a site advertised to a neighbor and no longer advertises to any. */
function describeLostSites(nodes: readonly NodeComparison[]): string[] {
  const had = new Set<string>()
  const has = new Set<string>()
  for (const { site, announcements } of nodes) {
    for (const { prefix, change } of announcements) {
      if (change !== 'new') had.add(`${site} ${prefix}`)
      if (change !== 'removed') has.add(`${site} ${prefix}`)
    }
  }
  return [...had]
    .filter((key) => !has.has(key))
    .map((key) => {
      const [site, prefix] = key.split(' ')
      return `${site} will no longer announce ${prefix} to any neighbor`
    })
}

function describeAnnouncements(node: NodeComparison, name: string): string[] {
  return (['removed', 'new'] as const).flatMap((change) => {
    const prefixesOf = new Map<string, string[]>()
    for (const row of node.announcements) {
      if (row.change !== change) continue
      prefixesOf.set(row.neighbor, [...(prefixesOf.get(row.neighbor) ?? []), row.prefix])
    }
    const neighborsOf = new Map<string, string[]>()
    for (const [neighbor, prefixes] of prefixesOf) {
      const list = enumerate(prefixes)
      neighborsOf.set(list, [...(neighborsOf.get(list) ?? []), neighbor])
    }
    const verb = change === 'new' ? 'may now announce' : 'stops announcing'
    return [...neighborsOf].map(
      ([prefixes, neighbors]) => `${name} ${verb} ${prefixes} to ${enumerate(neighbors)}`,
    )
  })
}

const taken: Readonly<Record<string, string>> = {
  nothing: 'nothing',
  'default-only': 'the default route only',
  'own-prefixes': 'our own prefixes only',
  full: 'all that passes the filters',
}

function describeTaken({ sessions }: NodeComparison, name: string): string[] {
  return sessions.flatMap(({ neighbor, takes }) =>
    takes === null
      ? []
      : [`${name} accepts ${taken[takes.after]} from ${neighbor} (before: ${taken[takes.before]})`],
  )
}

const ruleVerbs: Readonly<Record<RuleChange['change'], string>> = {
  relaxed: 'no longer applies to',
  restored: 'applies again to',
  added: 'is new for',
  removed: 'is removed for',
  changed: 'changes for',
}

/** One sentence for all neighbors that it applies to; changes that follow from an earlier sentence are left out. */
function describeRules(nodes: readonly NodeComparison[], nameOf: (node: NodeComparison) => string): string[] {
  const neighborsOf = new Map<string, { neighbors: string[]; sites: Set<string> }>()
  for (const node of nodes) {
    const hasChanges = new Set(
      node.announcements.flatMap(({ neighbor, change }) => (change === 'same' ? [] : [neighbor])),
    )
    for (const { neighbor, rules, takes } of node.sessions) {
      for (const { rule, direction, change } of rules) {
        const follows = direction === 'import' ? takes !== null : hasChanges.has(neighbor)
        if (follows && change !== 'relaxed' && change !== 'restored') continue
        const sentence = `the ${direction} rule ${rule} ${ruleVerbs[change]}`
        const group = neighborsOf.get(sentence) ?? { neighbors: [], sites: new Set() }
        group.neighbors.push(`${neighbor} at ${nameOf(node)}`)
        group.sites.add(node.site)
        neighborsOf.set(sentence, group)
      }
    }
  }
  return [...neighborsOf].map(([sentence, { neighbors, sites }]) => {
    const whom =
      neighbors.length <= 3
        ? enumerate(neighbors)
        : `${count(neighbors.length, 'neighbor')} at ${count(sites.size, 'site')}`
    return `${sentence} ${whom}`
  })
}

/** `a, b and c`. */
function enumerate(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`
}
