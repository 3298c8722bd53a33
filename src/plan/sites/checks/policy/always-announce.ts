import { findBogon } from '../../../../net/bogons.ts'
import type { Prefix } from '../../../../net/prefix.ts'
import { globalLengths } from '../../../../net/prefix-range.ts'
import { externalKinds, familiesOf, type PlacedNode, type PlacedService } from '../../drafts.ts'
import { error, type Finding, warning } from '../../finding.ts'
import { hostRoutesByKind } from '../../fleet.ts'
import { checkTwice } from '../twice.ts'

/** The unicast prefixes that a node announces whether or not a service is healthy. */
export function checkAlwaysAnnounce(
  placed: PlacedNode,
  services: readonly PlacedService[],
  bogonsAllowed: readonly (Prefix | undefined)[],
): Finding[] {
  const { file, path, node } = placed
  const list = node.alwaysAnnounce ?? []
  return [
    ...checkTwice(file, [...path, 'alwaysAnnounce'], list),
    ...list.flatMap((prefix, index): Finding[] => {
      if (prefix === undefined) return []
      const at = { file, path: [...path, 'alwaysAnnounce', index], node, prefix }
      return (
        checkService(at, services) ??
        checkBogon(at, bogonsAllowed) ??
        checkLength(at) ??
        checkReceivers(at) ??
        []
      )
    }),
  ]
}

interface At {
  readonly file: string
  readonly path: readonly (string | number)[]
  readonly node: PlacedNode['node']
  readonly prefix: Prefix
}

function checkService({ file, path, prefix }: At, services: readonly PlacedService[]): Finding[] | null {
  for (const { name, service } of services) {
    const own = [...(service.covering ?? []), ...(service.anycast ?? [])]
    const found = own.find((candidate) => candidate?.overlaps(prefix) === true)
    if (found === undefined) continue
    return [
      error(
        file,
        path,
        `${prefix} overlaps ${found} of ${name}, which is announced only while ${name} is healthy`,
        'leave it out, or give the service prefixes of its own',
      ),
    ]
  }
  return null
}

function checkBogon({ file, path, prefix }: At, allowed: readonly (Prefix | undefined)[]): Finding[] | null {
  const bogon = findBogon(prefix)
  if (bogon === null || allowed.some((range) => range?.contains(prefix) === true)) return null
  return [
    error(
      file,
      path,
      `${prefix} is in a bogon range, ${bogon.prefix}: ${bogon.purpose}`,
      `if this is intended, as in a lab, add ${bogon.prefix} to bogons.allow`,
    ),
  ]
}

function checkLength({ file, path, node, prefix }: At): Finding[] | null {
  const [least, most] = globalLengths[prefix.family]
  if (prefix.length < least) {
    return [
      error(
        file,
        path,
        `${prefix} is shorter than /${least}: no network is that large`,
        'write the prefixes that are in use here',
      ),
    ]
  }
  // A host route is not advertised to them anyway.
  if (prefix.length <= most || prefix.isHost) return null
  const external = node.neighbors?.find((neighbor) => externalKinds.includes(neighbor?.kind ?? ''))
  if (external === undefined) return null
  return [
    error(
      file,
      path,
      `${prefix} is longer than /${most}, which other networks drop, and ${external.name ?? 'a neighbor'} is of kind ${external.kind}`,
      `announce a prefix of /${most} or shorter`,
    ),
  ]
}

function checkReceivers({ file, path, node, prefix }: At): Finding[] | null {
  const neighbors = (node.neighbors ?? []).filter((neighbor) => neighbor !== undefined)
  const receives = neighbors.some(
    (neighbor) =>
      familiesOf(neighbor).includes(prefix.family) &&
      (!prefix.isHost ||
        (neighbor.hostRoutes ?? (neighbor.kind !== undefined && hostRoutesByKind[neighbor.kind]))),
  )
  // Without any neighbor the node has a warning already.
  if (receives || neighbors.length === 0) return null
  const family = prefix.family === 'ipv4' ? 'IPv4' : 'IPv6'
  return [
    warning(
      file,
      path,
      prefix.isHost
        ? `${prefix} is a host route, and no ${family} neighbor of the node receives host routes`
        : `the node has no ${family} neighbor to announce ${prefix} to`,
      `add an ${family} session, or leave it out`,
    ),
  ]
}
