import type { Prefix } from '../../net/prefix.ts'
import type { PlacedNode, PlacedService } from '../drafts.ts'
import { error, type Finding, warning } from '../finding.ts'

/**
 * Services may share an address if their ports differ, as 51820 and 443 of one VPN. A node announces the address
 * while any of them is well, so each node should serve them all.
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
              `${prefix} with port ${port} is the service ${other.name} too: a packet can't be for both`,
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

/** Nodes that serve the one and not the other, although others do. */
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
        `${served.name} brings clients of ${missing.name} here, for both have ${prefix}, and they find port ${missing.service.wireguard?.port} closed`,
        `add ${missing.name}, or give it an address of its own`,
      ),
    ]
  })
}
