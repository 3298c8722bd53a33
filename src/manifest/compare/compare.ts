import type { Manifest, ManifestNeighbor } from '../manifest.ts'
import { plannerKeysName } from '../planner-keys.ts'
import { compareRules, type RuleChange } from './rule-changes.ts'
import { compareSettings, type Effect, worstEffect } from './session-costs.ts'

export interface NodeComparison {
  readonly site: string
  readonly node: string
  readonly daemon: Manifest['daemon']
  readonly change: 'new' | 'changed' | 'same'
  /** The worst effect on a session of the node. */
  readonly effect: Effect
  /** Changes other than those of the sessions. */
  readonly why: readonly string[]
  /** Sessions with a change, in the order of the new bundle, then sessions that end. */
  readonly sessions: readonly SessionChange[]
  readonly announcements: readonly AnnouncementChange[]
}

export interface SessionChange {
  readonly neighbor: string
  readonly effect: Effect | 'start' | 'end'
  readonly why: readonly string[]
  readonly takes: { readonly before: string; readonly after: string } | null
  readonly rules: readonly RuleChange[]
}

interface AnnouncementChange {
  readonly node: string
  readonly neighbor: string
  readonly prefix: string
  readonly change: 'new' | 'removed' | 'same'
}

/** The changes by a new bundle on its node. `before` is `null` if there is no usable earlier bundle. */
export function compareBundles(before: Manifest | null, after: Manifest): NodeComparison {
  const comparison = compareAll(before, after)
  if (after.routing === 'managed') return comparison
  // The engineer's own configuration has the sessions: a bundle changes the filters that it may call.
  const soften = <E extends Effect | 'start' | 'end'>(effect: E) =>
    effect === 'session-restart' ? 'reload' : effect
  const sessions = comparison.sessions.map((session) => ({ ...session, effect: soften(session.effect) }))
  return { ...comparison, effect: soften(comparison.effect), sessions }
}

function compareAll(before: Manifest | null, after: Manifest): NodeComparison {
  const { site, node, daemon } = after
  const announcements = compareAnnouncements(before, after)
  if (before === null) {
    const sessions = after.neighbors.map(({ name }) => sessionChange(name, 'start'))
    return { site, node, daemon, change: 'new', effect: 'session-restart', why: [], sessions, announcements }
  }
  if (before === after || JSON.stringify(before) === JSON.stringify(after)) {
    return { site, node, daemon, change: 'same', effect: 'none', why: [], sessions: [], announcements }
  }
  const forAll = compareSpeakers(before, after)
  const sessions = compareSessions(before, after, forAll)
  const why = [...forAll, ...compareRest(before, after)]
  if (why.length === 0 && sessions.length === 0 && !isReordered(before, after)) {
    // The templates changed, or the earlier bundle lacks fields.
    const unknown = 'the configuration differs from the last plan for an unknown reason'
    const restarts = after.neighbors.map(({ name }) => sessionChange(name, 'session-restart', [unknown]))
    return {
      ...{ site, node, daemon, change: 'changed', effect: 'session-restart', why: [unknown] },
      ...{ sessions: restarts, announcements },
    }
  }
  const effect = worstEffect([
    ...(why.length > 0 ? (['reload'] as const) : []),
    ...sessions.map((session) => effectOnNode[session.effect]),
  ])
  return { site, node, daemon, change: 'changed', effect, why, sessions, announcements }
}

/** A session that ends counts as a restart: its neighbor loses it. */
const effectOnNode = {
  none: 'none',
  reload: 'reload',
  'session-restart': 'session-restart',
  start: 'reload',
  end: 'session-restart',
} as const

function sessionChange(
  neighbor: string,
  effect: SessionChange['effect'],
  why: readonly string[] = [],
): SessionChange {
  return { neighbor, effect, why, takes: null, rules: [] }
}

/** Changes that restart all sessions of a node. */
function compareSpeakers(before: Manifest, after: Manifest): string[] {
  const why = []
  if (before.daemon !== after.daemon) why.push(`the daemon is ${after.daemon}, was ${before.daemon}`)
  if (before.routing !== after.routing) why.push(`routing is ${after.routing}, was ${before.routing}`)
  if (before.asn !== after.asn) why.push(`our AS is ${after.asn}, was ${before.asn}`)
  if (before.routerId !== after.routerId) {
    why.push(`the router id is ${after.routerId}, was ${before.routerId}`)
  }
  return why
}

function compareSessions(before: Manifest, after: Manifest, forAll: readonly string[]): SessionChange[] {
  const had = new Map(before.neighbors.map((neighbor) => [neighbor.name, neighbor]))
  const has = new Set(after.neighbors.map(({ name }) => name))
  const changes = after.neighbors.map((neighbor) => {
    const earlier = had.get(neighbor.name)
    return earlier === undefined
      ? sessionChange(neighbor.name, 'start')
      : compareSession(earlier, neighbor, after.daemon, forAll)
  })
  return [
    ...changes.filter((change) => change !== null),
    ...before.neighbors.filter(({ name }) => !has.has(name)).map(({ name }) => sessionChange(name, 'end')),
  ]
}

function compareSession(
  before: ManifestNeighbor,
  after: ManifestNeighbor,
  daemon: Manifest['daemon'],
  forAll: readonly string[],
): SessionChange | null {
  if (forAll.length === 0 && JSON.stringify(before) === JSON.stringify(after)) return null
  const settings = compareSettings(before, after, daemon)
  const rules = compareRules(before, after)
  const takes =
    before.session === undefined ||
    after.session === undefined ||
    before.session.takes === after.session.takes
      ? null
      : { before: before.session.takes, after: after.session.takes }
  const why = [...forAll, ...settings.map((setting) => setting.why)]
  if (rules.length > 0) why.push('its filters change')
  const isKnown = why.length > 0 && before.session !== undefined
  if (!isKnown) why.push('the previous bundle lacks its settings')
  const effect = worstEffect([
    ...settings.map((setting) => setting.effect),
    ...(rules.length > 0 ? (['reload'] as const) : []),
    ...(forAll.length > 0 || !isKnown ? (['session-restart'] as const) : []),
  ])
  return { neighbor: after.name, effect, why, takes, rules }
}

/** Changes of settings that only the controller reads, and of RTR sessions. */
function compareRest(before: Manifest, after: Manifest): string[] {
  const why = []
  if (before.rpki !== undefined && JSON.stringify(before.rpki) !== JSON.stringify(after.rpki)) {
    why.push('the RPKI caches or their timers change')
  }
  if (JSON.stringify(before.alwaysAnnounce) !== JSON.stringify(after.alwaysAnnounce)) {
    why.push('the prefixes of alwaysAnnounce change')
  }
  why.push(...compareExtra(before.extra, after.extra))
  why.push(...comparePlannerKeys(before.files[plannerKeysName], after.files[plannerKeysName]))
  const own = ({
    paths,
    listen,
    access,
    peerMetrics,
    services,
    store,
    remote,
    rescue,
    degradable,
    maintenance,
  }: Manifest) =>
    JSON.stringify([
      ...[paths, listen, access, peerMetrics, services, store, remote, rescue],
      ...[degradable, maintenance],
    ])
  if (own(before) !== own(after)) why.push('the controller’s settings change: restart it with the new bundle')
  return why
}

/** By the hashes of the file with the keys. */
function comparePlannerKeys(before: string | undefined, after: string | undefined): string[] {
  if (before === after) return []
  if (before === undefined)
    return ['from now on it accepts only bundles that a key of planner.keys has signed']
  if (after === undefined) return ['from then on it accepts unsigned bundles: planner.keys is removed']
  return ['the keys that may sign the next bundle change']
}

/** What changes in the engineer's own part of the daemon's configuration. */
function compareExtra(before: Manifest['extra'], after: Manifest['extra']): string[] {
  const had = new Map(before.map((entry) => [entry.file, entry]))
  const has = new Set(after.map(({ file }) => file))
  const changes = after.flatMap(({ file, at, hash }) => {
    const earlier = had.get(file)
    if (earlier === undefined) return [`the extra configuration ${file} is added`]
    if (earlier.hash !== hash) return [`the extra configuration ${file} changes`]
    return earlier.at === at ? [] : [`the extra configuration ${file} moves to the ${at}`]
  })
  const gone = before.filter(({ file }) => !has.has(file))
  return [...changes, ...gone.map(({ file }) => `the extra configuration ${file} is removed`)]
}

function isReordered(before: Manifest, after: Manifest): boolean {
  const sorted = ({ neighbors }: Manifest) =>
    JSON.stringify(neighbors.map((one) => JSON.stringify(one)).sort())
  return (
    JSON.stringify(before.neighbors) !== JSON.stringify(after.neighbors) && sorted(before) === sorted(after)
  )
}

/** Every announcement of a node, before and after, in the order of the new bundle. */
function compareAnnouncements(before: Manifest | null, after: Manifest): AnnouncementChange[] {
  const had = announcementsOf(before)
  const has = announcementsOf(after)
  const row = (key: string, change: AnnouncementChange['change']): AnnouncementChange => {
    const [neighbor = '', prefix = ''] = key.split(' ')
    return { node: after.node, neighbor, prefix, change }
  }
  return [
    ...[...has].map((key) => row(key, had.has(key) ? 'same' : 'new')),
    ...[...had].filter((key) => !has.has(key)).map((key) => row(key, 'removed')),
  ]
}

function announcementsOf(manifest: Manifest | null): Set<string> {
  return new Set(
    (manifest?.neighbors ?? []).flatMap(({ name, prefixes }) =>
      prefixes.map((prefix) => `${name} ${prefix}`),
    ),
  )
}
