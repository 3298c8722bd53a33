import { findBogon } from '../../../net/bogons.ts'
import type { Prefix } from '../../../net/prefix.ts'
import { globalLengths } from '../../../net/prefix-range.ts'
import type { Path } from '../../../text/wording.ts'
import { externalKinds, type PlacedNode, type PlacedService } from '../drafts.ts'
import type { Finding } from '../finding.ts'
import { receives } from './policy/advertised.ts'

/** The prefixes of one service: against each other, the neighbors that receive them, and the bogon ranges. */
export function checkPrefixes(
  placed: PlacedService,
  nodes: readonly PlacedNode[],
  bogonsAllowed: readonly (Prefix | undefined)[],
): Finding[] {
  return [
    ...checkAnycast(placed),
    ...checkCovering(placed, nodes),
    ...checkIdleCovering(placed),
    ...checkBogons(placed, bogonsAllowed),
  ]
}

function checkAnycast({ file, path, service }: PlacedService): Finding[] {
  const covering = service.covering?.filter((prefix) => prefix !== undefined) ?? []
  const allKnown = service.covering !== undefined && covering.length === service.covering.length
  return eachPrefix(service.anycast, [...path, 'anycast']).flatMap(({ prefix, path }): Finding[] => {
    if (!prefix.isHost) {
      const bits = prefix.family === 'ipv4' ? 32 : 128
      return [
        {
          severity: 'error',
          file,
          path,
          message: `${prefix} is not a single address, but clients connect to one`,
          hint: `write the address with /${bits}, such as ${prefix.network}/${bits}; ${prefix} belongs in covering`,
        },
      ]
    }
    if (!allKnown || covering.some((candidate) => candidate.contains(prefix))) return []
    return [
      {
        severity: 'error',
        file,
        path,
        message: `${prefix} is in none of the covering prefixes (${covering.join(', ')}), so other networks could not reach it`,
        hint: 'add the prefix that leaves the AS to covering',
      },
    ]
  })
}

function checkCovering(
  { file, name, path, service }: PlacedService,
  nodes: readonly PlacedNode[],
): Finding[] {
  const external = nodes.flatMap(({ node }) =>
    node.services?.includes(name) === true
      ? (node.neighbors ?? []).filter(
          (neighbor) =>
            neighbor !== undefined && externalKinds.includes(neighbor.kind ?? '') && receives(neighbor, name),
        )
      : [],
  )[0]
  if (external === undefined) return []
  return eachPrefix(service.covering, [...path, 'covering']).flatMap(({ prefix, path }): Finding[] => {
    const [, longest] = globalLengths[prefix.family]
    if (prefix.length <= longest) return []
    return [
      {
        severity: 'error',
        file,
        path,
        message: `${prefix} is longer than /${longest}, which other networks drop, and ${external.name ?? 'a neighbor'} is of kind ${external.kind}`,
        hint: `announce a covering prefix of /${longest} or shorter`,
      },
    ]
  })
}

function checkIdleCovering({ file, path, service }: PlacedService): Finding[] {
  const anycast = service.anycast ?? []
  const covering = eachPrefix(service.covering, [...path, 'covering'])
  const isCovered = (host: Prefix | undefined) =>
    host !== undefined && covering.some(({ prefix }) => prefix.contains(host))
  // Otherwise the anycast address is wrong, and is reported as such.
  if (anycast.length === 0 || !anycast.every(isCovered)) return []
  return covering.flatMap(({ prefix, path }): Finding[] => {
    if (anycast.some((host) => host !== undefined && prefix.contains(host))) return []
    return [
      {
        severity: 'warning',
        file,
        path,
        message: `none of the anycast addresses is in ${prefix}: traffic for it would arrive here and be dropped`,
        hint: 'leave it out, or add the address to anycast',
      },
    ]
  })
}

function checkBogons(
  { file, path, service }: PlacedService,
  allowed: readonly (Prefix | undefined)[],
): Finding[] {
  const covering = eachPrefix(service.covering, [...path, 'covering'])
  const alone = eachPrefix(service.anycast, [...path, 'anycast']).filter(
    ({ prefix }) => !covering.some((candidate) => candidate.prefix.contains(prefix)),
  )
  return [...covering, ...alone].flatMap(({ prefix, path }): Finding[] => {
    const bogon = findBogon(prefix)
    if (bogon === null || allowed.some((range) => range?.contains(prefix) === true)) return []
    return [
      {
        severity: 'error',
        file,
        path,
        message: `${prefix} is in a bogon range, ${bogon.prefix}: ${bogon.purpose}`,
        hint: `if this is intended, as in a lab, add ${bogon.prefix} to bogons.allow`,
      },
    ]
  })
}

function eachPrefix(
  list: readonly (Prefix | undefined)[] | undefined,
  path: Path,
): { prefix: Prefix; path: Path }[] {
  return (list ?? []).flatMap((prefix, index) =>
    prefix === undefined ? [] : [{ prefix, path: [...path, index] }],
  )
}
