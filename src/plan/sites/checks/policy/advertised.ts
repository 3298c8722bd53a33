import type { Family, Prefix } from '../../../../net/prefix.ts'
import { nearestWord, quote } from '../../../../text/wording.ts'
import {
  familiesOf,
  type NeighborDraft,
  type PlacedNeighbor,
  type PlacedNode,
  type PlacedService,
} from '../../drafts.ts'
import { error, type Finding, warning } from '../../finding.ts'

/** Whether a service of the node is advertised to this neighbor. */
export function receives({ services }: NeighborDraft, service: string): boolean {
  return services === undefined || services.includes(service)
}

/** The `services` of one neighbor, against those of its node. */
export function checkNeighborServices(
  at: PlacedNeighbor,
  { node }: PlacedNode,
  services: readonly PlacedService[],
): Finding[] {
  const { file, path, neighbor } = at
  const served = node.services ?? []
  if (neighbor.services === undefined || served.includes(undefined)) return []
  const seen = new Set<string>()
  const findings = neighbor.services.flatMap((name, index): Finding[] => {
    if (name === undefined) return []
    const place = [...path, 'services', index]
    if (seen.has(name)) {
      return [error(file, place, `${quote(name)} is in this list twice`, 'keep one of the two')]
    }
    seen.add(name)
    if (served.includes(name)) return []
    const known = served.filter((one) => one !== undefined)
    const nearest = nearestWord(name, known)
    return [
      error(
        file,
        place,
        `${quote(name)} is not among the services of the node`,
        nearest === null
          ? `add ${name} to the services of the node, or leave it out here`
          : `did you mean ${nearest}?`,
      ),
    ]
  })
  return findings.length > 0 ? findings : checkShared(at, served, services)
}

/**
 * A prefix is advertised while one of its services is announced. A neighbor that receives only some of them would
 * have it while only another one is up.
 */
function checkShared(
  { file, path, neighbor }: PlacedNeighbor,
  served: readonly (string | undefined)[],
  services: readonly PlacedService[],
): Finding[] {
  const placed = services.filter(({ name }) => served.includes(name))
  const others = placed.filter(({ name }) => !receives(neighbor, name))
  return (neighbor.services ?? []).flatMap((name, index): Finding[] => {
    const own = placed.find((service) => service.name === name)
    for (const other of own === undefined ? [] : others) {
      const shared = prefixesOf(own!).find((prefix) => prefixesOf(other).some((one) => one.equals(prefix)))
      if (shared === undefined) continue
      return [
        error(
          file,
          [...path, 'services', index],
          `${name} shares ${shared} with ${other.name}, which is not in this list: the neighbor would have that prefix also while only ${other.name} is up`,
          `add ${other.name}, or give the services different prefixes`,
        ),
      ]
    }
    return []
  })
}

function prefixesOf({ service }: PlacedService): Prefix[] {
  return [...(service.covering ?? []), ...(service.anycast ?? [])].filter((prefix) => prefix !== undefined)
}

const families: readonly (readonly [Family, string])[] = [
  ['ipv4', 'IPv4'],
  ['ipv6', 'IPv6'],
]

/** Each service of the node reaches a neighbor in each of its address families. */
export function checkFamilies(
  { file, path, node }: PlacedNode,
  services: readonly PlacedService[],
): Finding[] {
  const neighbors = (node.neighbors ?? []).filter((neighbor) => neighbor !== undefined)
  if (neighbors.length === 0) return []
  return families.flatMap(([family, name]): Finding[] => {
    const served = services.filter(
      (placed) =>
        node.services?.includes(placed.name) === true &&
        placed.service.anycast?.some((prefix) => prefix?.family === family) === true,
    )
    const [first] = served
    if (first === undefined) return []
    const sessions = neighbors.filter((neighbor) => familiesOf(neighbor).includes(family))
    const at = [...path, 'neighbors']
    if (sessions.length === 0) {
      return [
        warning(
          file,
          at,
          `${first.name} has an ${name} anycast address, but the node has no ${name} neighbor to announce it to`,
          family === 'ipv4'
            ? 'add an IPv4 session, or extendedNextHop: true to an IPv6 session (RFC 8950)'
            : 'add an IPv6 session',
        ),
      ]
    }
    // A name that is misspelt is an error of its own, and may be any service.
    const isUnclear = ({ services: names }: NeighborDraft) =>
      names?.some((one) => !node.services?.includes(one)) === true
    return served
      .filter(({ name }) => !sessions.some((one) => receives(one, name) || isUnclear(one)))
      .map((placed) =>
        warning(
          file,
          at,
          `${placed.name} has an ${name} anycast address, but no ${name} neighbor of the node has it in its services`,
          `add ${placed.name} to the services of one of them`,
        ),
      )
  })
}
