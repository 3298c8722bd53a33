import { type Family, families, familyOf } from '../net/prefix.ts'

/** The static protocols of the owned include file, one a family. The export filters of bird.conf name them. */
export const originators: Readonly<Record<Family, string>> = { ipv4: 'anyward4', ipv6: 'anyward6' }

/**
 * BIRD's preference of a degraded route; 200 is that of a static one. No neighbor can see it, no configuration
 * can fail over it, and each list of routes shows it.
 */
export const degradedPreference = 199

/** What FRR knows a degraded route by: the route-map of its `network` line sets a tag, which stays on the node. */
export const frrDegraded = {
  map: 'aw-degraded',
  tag: 1,
  /** Set on the way out, where it means nothing but shows which version of a route a neighbor was sent. */
  weight: 1,
} as const

type Announcements = Iterable<readonly [prefix: string, grade: 'normal' | 'degraded']>

/**
 * The text of the include file that the controller owns: both protocols are always there, so that withdrawn
 * is said explicitly and `disable` always finds its protocol.
 * @param announcements canonical prefixes to originate, in any order
 */
export function renderAnnouncements(announcements: Announcements): string {
  const sorted = [...new Map(announcements)].sort(([a], [b]) => (a < b ? -1 : 1))
  const lines = ['# Owned by the anyward controller: what this node originates now.']
  for (const family of families) {
    lines.push(`protocol static ${originators[family]} {`, `  ${family};`)
    for (const [prefix, grade] of sorted) {
      if (familyOf(prefix) !== family) continue
      const mark = grade === 'degraded' ? ` { preference = ${degradedPreference}; }` : ''
      lines.push(`  route ${prefix} blackhole${mark};`)
    }
    lines.push('}')
  }
  return `${lines.join('\n')}\n`
}

/** What a text of `renderAnnouncements` originates; `null` for any other text. */
export function readAnnouncements(text: string): ReadonlyMap<string, 'normal' | 'degraded'> | null {
  const routes = text.matchAll(/^ {2}route (\S+) blackhole( \{.*\})?;$/gm)
  const announcements = new Map(
    [...routes].map(([, prefix, mark]) => [prefix!, mark === undefined ? 'normal' : 'degraded'] as const),
  )
  return renderAnnouncements(announcements) === text ? announcements : null
}
