import { comparePrefixes, type Prefix, parsePrefix } from '../net/prefix.ts'
import type { Manifest } from '../planner/manifest.ts'

/** All prefixes that this node may ever originate, in canonical form. Throws a TypeError naming a bad one. */
export function ownPrefixesOf(manifest: Manifest): ReadonlySet<string> {
  const own = new Set<string>()
  for (const service of manifest.services) {
    for (const text of service.prefixes) {
      // These end up in commands: a manifest that somebody edited must not smuggle one in.
      const prefix = parsePrefix(text)
      if (!prefix.ok) throw new TypeError(`service ${service.name}: "${text}" ${prefix.problem}`)
      own.add(prefix.value.toString())
    }
  }
  return own
}

export function assertOwn(desired: ReadonlySet<string>, own: ReadonlySet<string>): void {
  for (const prefix of desired) {
    if (!own.has(prefix)) throw new RangeError(`${prefix} belongs to no service of this node`)
  }
}

/** The prefix in canonical form; `null` for what is none, or has host bits set. */
export function canonicalPrefix(text: string): string | null {
  const prefix = parsePrefix(text)
  return prefix.ok ? prefix.value.toString() : null
}

/** IPv4 before IPv6, in address order. */
export function sortPrefixes(prefixes: Iterable<string>): string[] {
  const parsed: Prefix[] = []
  for (const text of new Set(prefixes)) {
    const prefix = parsePrefix(text)
    if (prefix.ok) parsed.push(prefix.value)
  }
  return parsed.sort(comparePrefixes).map(String)
}

export function sameSet(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every((item) => b.has(item))
}
