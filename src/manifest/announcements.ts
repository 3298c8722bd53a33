import type { Announcements, Grade } from '../net/announcements.ts'
import { type Family, families, familyOf } from '../net/prefix.ts'

/** The static protocols of the owned include file, one per family. The export filters of bird.conf name them. */
export const originators: Readonly<Record<Family, string>> = { ipv4: 'anyward4', ipv6: 'anyward6' }

/** The static protocols of the prefixes that BIRD announces by itself. The controller does not know them. */
export const alwaysOriginators: Readonly<Record<Family, string>> = {
  ipv4: 'anyward_always4',
  ipv6: 'anyward_always6',
}

/** Between BIRD's name of an unnumbered session and the number of the protocol that a connection gets. No name of ours has it. */
export const instanceMark = '__'

/**
 * BIRD's preference of a degraded route; a static route has 200. It is not sent to neighbors, is valid in every
 * configuration, and is shown in each list of routes.
 */
export const degradedPreference = 199
/**
 * The preference that the functions of an attached node give a route that they have degraded: `show route export` shows
 * whether the engineer's filter has called them.
 */
export const degradedByFilter = 198

/** FRR's mark of a degraded route: the route-map of its `network` line sets a tag, which stays on the node. */
export const frrDegraded = {
  map: 'aw-degraded',
  tag: 1,
  /** Set on export, where it has no effect but shows which version of a route a neighbor received. */
  weight: 1,
} as const

/**
 * The text of the include file that the controller owns. Both protocols are always present, so that a withdrawal
 * is explicit and `disable` always finds its protocol.
 * @param announcements canonical prefixes to originate, in any order
 */
export function renderAnnouncements(
  announcements: Iterable<readonly [prefix: string, grade: Grade]>,
): string {
  const sorted = [...new Map(announcements)].sort(([a], [b]) => (a < b ? -1 : 1))
  const lines = ['# Written by the anyward controller: the prefixes that this node originates.']
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

/** The announcements in a text of `renderAnnouncements`; `null` for any other text. */
export function readAnnouncements(text: string): Announcements | null {
  const routes = text.matchAll(/^ {2}route (\S+) blackhole( \{.*\})?;$/gm)
  const announcements = new Map(
    [...routes].map(([, prefix, mark]) => [prefix!, mark === undefined ? 'normal' : 'degraded'] as const),
  )
  return renderAnnouncements(announcements) === text ? announcements : null
}

/**
 * A glob that matches just that file. BIRD refuses its whole configuration over a missing include, file or folder, unless
 * a glob found nothing; a boot leaves neither until the controller creates them.
 */
export function globOf(file: string): string {
  const slash = file.lastIndexOf('/')
  return `${bracketLast(file.slice(0, slash))}/${bracketLast(file.slice(slash + 1))}`
}

/** A glob that matches this one path. */
export function bracketLast(name: string): string {
  return `${name.slice(0, -1)}[${name.slice(-1)}]`
}
