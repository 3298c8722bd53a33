import type { Family } from '../net/prefix.ts'
import { originatorOf } from './view.ts'

/**
 * The include file that the controller owns: one static protocol a family, always there, so that withdrawn
 * is said explicitly and `disable` always finds its protocol.
 * @param prefixes canonical prefixes to originate
 */
export function renderAnnouncements(prefixes: Iterable<string>): string {
  const sorted = [...new Set(prefixes)].sort()
  const lines = ['# Owned by the anyward controller: what this node originates now.']
  for (const family of ['ipv4', 'ipv6'] as const) {
    lines.push(`protocol static ${originatorOf(family)} {`, `  ${family};`)
    for (const prefix of sorted) {
      if (familyOf(prefix) === family) lines.push(`  route ${prefix} blackhole;`)
    }
    lines.push('}')
  }
  return `${lines.join('\n')}\n`
}

function familyOf(prefix: string): Family {
  return prefix.includes(':') ? 'ipv6' : 'ipv4'
}
