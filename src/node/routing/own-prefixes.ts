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
      // These end up in commands: a manifest that somebody edited must not smuggle one in.
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

/** The prefix in canonical form; `null` for what is none, or has host bits set. */
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

/** In address order, without parsing what is in `own` already. */
export function inOrder(announcements: Announcements, own: ReadonlySet<string>): Announcements {
  const ours = [...own].filter((prefix) => announcements.has(prefix))
  const sorted = ours.length === announcements.size ? ours : sortPrefixes(announcements.keys())
  return new Map(sorted.map((prefix) => [prefix, announcements.get(prefix)!]))
}

/** What a configuration without degraded announcements can carry: those prefixes, for they are not withdrawn. */
export function gradesFor({ degradable }: Manifest, desired: Announcements): Announcements {
  return degradable ? desired : normally(desired.keys())
}

/** The neighbors from whom other nodes are heard: inside the AS, and our own prefixes are taken from them. */
export function isInformant({ kind, session }: ManifestNeighbor): boolean {
  return kind === 'ibgp' && session?.takes === 'own-prefixes'
}

/**
 * How many other nodes announce each prefix; 0 for the others that these informants can report. They are taken to
 * advertise to us what we may advertise to them: where host routes stay inside a node, the absence of one means nothing.
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
