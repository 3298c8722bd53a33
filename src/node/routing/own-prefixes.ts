import type { Manifest, ManifestNeighbor } from '../../manifest/manifest.ts'
import { type Announcements, normally } from '../../net/announcements.ts'
import { comparePrefixes, type Prefix, parsePrefix } from '../../net/prefix.ts'

/**
 * All prefixes that this node may ever originate, in canonical form, IPv4 before IPv6, in address order. Throws a
 * TypeError naming a bad one.
 */
export function ownPrefixesOf(manifest: Manifest): ReadonlySet<string> {
  const own = new Set<string>()
  for (const service of manifest.services) {
    for (const text of service.prefixes) {
      // They become part of commands: an edited manifest must not inject one.
      const prefix = parsePrefix(text)
      if (!prefix.ok) throw new TypeError(`service ${service.name}: "${text}" ${prefix.problem}`)
      own.add(prefix.value.toString())
    }
  }
  return new Set(sortPrefixes(own))
}

export function assertOwn(desired: Announcements, own: ReadonlySet<string>): void {
  for (const prefix of desired.keys()) {
    if (!own.has(prefix)) throw new RangeError(`${prefix} belongs to no service of this node`)
  }
}

/** The prefix in canonical form; `null` if it is invalid or has host bits set. */
export function canonicalPrefix(text: string): string | null {
  const prefix = parsePrefix(text)
  return prefix.ok ? prefix.value.toString() : null
}

/** IPv4 before IPv6, in address order. */
function sortPrefixes(prefixes: Iterable<string>): string[] {
  const parsed: Prefix[] = []
  for (const text of new Set(prefixes)) {
    const prefix = parsePrefix(text)
    if (prefix.ok) parsed.push(prefix.value)
  }
  return parsed.sort(comparePrefixes).map(String)
}

/** In address order, without parsing prefixes of `own` again. */
export function inOrder(announcements: Announcements, own: ReadonlySet<string>): Announcements {
  const ours = [...own].filter((prefix) => announcements.has(prefix))
  const sorted = ours.length === announcements.size ? ours : sortPrefixes(announcements.keys())
  return new Map(sorted.map((prefix) => [prefix, announcements.get(prefix)!]))
}

/** For a configuration without degraded announcements: the same prefixes, because they are not withdrawn. */
export function gradesFor({ degradable }: Manifest, desired: Announcements): Announcements {
  return degradable ? desired : normally(desired.keys())
}

/** The iBGP neighbors from which our own prefixes are accepted: they report other announcers. */
export function isInformant({ kind, session }: ManifestNeighbor): boolean {
  return kind === 'ibgp' && session?.takes === 'own-prefixes'
}

/**
 * How many other nodes announce each prefix; 0 for the other prefixes that these neighbors can report. A neighbor
 * is assumed to advertise to us what we may advertise to it: if host routes stay inside a node, the absence of
 * one means nothing.
 */
export class OtherAnnouncers {
  readonly #nodes: ReadonlyMap<string, Set<string>>

  constructor(informants: readonly ManifestNeighbor[]) {
    const reported = informants.flatMap(({ prefixes }) => prefixes)
    this.#nodes = new Map(reported.map((prefix) => [prefix, new Set()]))
  }

  add(prefix: string, node: string): void {
    this.#nodes.get(prefix)?.add(node)
  }

  count(): ReadonlyMap<string, number> {
    return new Map([...this.#nodes].map(([prefix, nodes]) => [prefix, nodes.size]))
  }
}
