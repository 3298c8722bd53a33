import type { Prefix } from '../../../net/prefix.ts'
import type { PlacedNode, PlacedService } from '../drafts.ts'
import { error, type Finding, warning } from '../finding.ts'

/**
 * Services may share an address if their ports differ, as 51820 and 443 of one VPN. A node announces the address
 * while any of them is healthy, so each node should serve all of them.
 */
export function checkSharedAnycast(
  services: readonly PlacedService[],
  nodes: readonly PlacedNode[],
): Finding[] {
  return services.flatMap((placed, index) =>
    services.slice(0, index).flatMap((other): Finding[] => {
      const shared = findShared(placed, other)
      const [port, otherPort] = [placed.service.wireguard?.port, other.service.wireguard?.port]
      if (shared === null || port === undefined || otherPort === undefined) return []
      const { prefix, path } = shared
      return port === otherPort
        ? [
            error(
              placed.file,
              path,
              `${prefix} with port ${port} is also used by the service ${other.name}: a packet cannot be for both`,
              'give each service an address or a port of its own',
            ),
          ]
        : [...findLonely(placed, other, prefix, nodes), ...findLonely(other, placed, prefix, nodes)]
    }),
  )
}

function findShared(placed: PlacedService, other: PlacedService) {
  for (const [index, prefix] of (placed.service.anycast ?? []).entries()) {
    if (prefix !== undefined && other.service.anycast?.some((theirs) => theirs?.overlaps(prefix) === true))
      return { prefix, path: [...placed.path, 'anycast', index] }
  }
  return null
}

/** Nodes that serve one of the services, while the other is served only elsewhere. */
function findLonely(
  served: PlacedService,
  missing: PlacedService,
  prefix: Prefix,
  nodes: readonly PlacedNode[],
): Finding[] {
  const serves = ({ node }: PlacedNode, { name }: PlacedService) => node.services?.includes(name) === true
  if (!nodes.some((placed) => serves(placed, missing))) return []
  return nodes.flatMap((placed): Finding[] => {
    const { file, path, node } = placed
    if (!serves(placed, served) || serves(placed, missing) || node.services?.includes(undefined)) return []
    return [
      warning(
        file,
        [...path, 'services'],
        `${served.name} and ${missing.name} share ${prefix}: clients of ${missing.name} reach this node too, where port ${missing.service.wireguard?.port} is closed`,
        `add ${missing.name}, or give it an address of its own`,
      ),
    ]
  })
}
