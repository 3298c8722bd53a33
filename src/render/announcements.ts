import { type Family, families, familyOf } from '../net/prefix.ts'

/** The static protocols of the owned include file, one a family. The export filters of bird.conf name them. */
export const originators: Readonly<Record<Family, string>> = { ipv4: 'anyward4', ipv6: 'anyward6' }

/**
 * The text of the include file that the controller owns: both protocols are always there, so that withdrawn
 * is said explicitly and `disable` always finds its protocol.
 * @param prefixes canonical prefixes to originate, in any order
 */
export function renderAnnouncements(prefixes: Iterable<string>): string {
  const sorted = [...new Set(prefixes)].sort()
  const lines = ['# Owned by the anyward controller: what this node originates now.']
  for (const family of families) {
    lines.push(`protocol static ${originators[family]} {`, `  ${family};`)
    for (const prefix of sorted) {
      if (familyOf(prefix) === family) lines.push(`  route ${prefix} blackhole;`)
    }
    lines.push('}')
  }
  return `${lines.join('\n')}\n`
}

/** The prefixes that a text of `renderAnnouncements` originates; `null` for any other text. */
export function readAnnouncements(text: string): ReadonlySet<string> | null {
  const prefixes = new Set([...text.matchAll(/^ {2}route (\S+) blackhole;$/gm)].map((match) => match[1]!))
  return renderAnnouncements(prefixes) === text ? prefixes : null
}
