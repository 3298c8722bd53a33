import { formatRange, type PrefixRange } from '../../../../net/prefix-range.ts'
import { alternatives } from '../../../../text/wording.ts'
import {
  type FleetDraft,
  familiesOf,
  importOf,
  type PlacedNeighbor,
  type PlacedNode,
  type PlacedService,
} from '../../drafts.ts'
import { error, type Finding, warning } from '../../finding.ts'
import { importLimits, importsByKind, rolesByKind } from '../../fleet.ts'
import { checkTwice } from '../twice.ts'
import { checkCommunities, checkNoExport } from './communities.ts'
import { checkRelax } from './relax.ts'

/** Checks the policy of one session: what its kind allows, and what has an effect. `received`: the services advertised to it. */
export function checkPolicy(
  at: PlacedNeighbor,
  fleet: FleetDraft | undefined,
  received: readonly PlacedService[],
  { node }: PlacedNode,
): Finding[] {
  const { file, path, neighbor } = at
  return [
    ...checkImport(at),
    // An attached node's own configuration has the limits.
    ...(node.routing === 'attached' ? [] : checkLimit(at)),
    ...checkRelax(at, fleet),
    ...checkTighten(at, fleet),
    ...checkIrr(at),
    ...checkCommunities(file, [...path, 'communities'], neighbor.communities),
    ...checkHostRoutes(at),
    ...checkNoExport(at, fleet, received),
    ...checkRole(at),
  ]
}

function checkImport({ file, path, neighbor: { kind, import: taken } }: PlacedNeighbor): Finding[] {
  if (kind === undefined || taken === undefined || importsByKind[kind].includes(taken)) return []
  return [
    error(
      file,
      [...path, 'import'],
      `${taken} is not allowed for a neighbor of kind ${kind}`,
      `write ${alternatives(importsByKind[kind])}`,
    ),
  ]
}

function checkLimit({ file, path, neighbor }: PlacedNeighbor): Finding[] {
  const { kind } = neighbor
  const families = familiesOf(neighbor)
  if ((kind !== 'peer' && kind !== 'route-server') || families.length === 0) return []
  if (importOf(neighbor) !== 'full' || Object.hasOwn(neighbor, 'limit')) return []
  const limits = [...new Set(families.map((family) => importLimits[kind][family]))].join(' or ')
  const each = families.length === 1 ? '' : ' of one address family'
  return [
    warning(
      file,
      [...path, 'limit'],
      `is missing: the session stops beyond ${limits} prefixes${each}, the default for kind ${kind}`,
      'write the number of prefixes it sends, with a reserve, such as limit: 1000',
    ),
  ]
}

function checkTighten(at: PlacedNeighbor, fleet: FleetDraft | undefined): Finding[] {
  const { file, path, neighbor } = at
  const { kind, asn, tighten } = neighbor
  if (tighten === undefined) return []
  const inside = [...path, 'tighten']
  const findings = [
    ...checkRanges(at, 'onlyPrefixes', tighten.onlyPrefixes),
    ...checkRanges(at, 'rejectPrefixes', tighten.rejectPrefixes),
    ...checkTwice(file, [...inside, 'rejectAsns'], tighten.rejectAsns),
  ]
  for (const [index, refused] of (tighten.rejectAsns ?? []).entries()) {
    if (refused === undefined || refused !== asn || kind === 'route-server') continue
    findings.push(
      error(
        file,
        [...inside, 'rejectAsns', index],
        `${refused} is the neighbor's own AS number, which is in every path it sends`,
        'to accept no route from it, write import: nothing',
      ),
    )
  }
  if (tighten.notFound === 'reject') findings.push(...checkNotFound(at, fleet))
  const asked =
    tighten.onlyPrefixes !== undefined ||
    (tighten.rejectPrefixes ?? []).length > 0 ||
    (tighten.rejectAsns ?? []).length > 0 ||
    tighten.pathLength !== undefined
  if (asked && importOf(neighbor) === 'nothing') {
    findings.push(
      warning(file, inside, 'no route is accepted from this neighbor, so tighten has no effect', null),
    )
  }
  return findings
}

function checkNotFound({ file, path, neighbor }: PlacedNeighbor, fleet: FleetDraft | undefined): Finding[] {
  const at = [...path, 'tighten', 'notFound']
  const { kind } = neighbor
  const taken = importOf(neighbor)
  if (kind === undefined || taken === undefined) return []
  if (!['transit', 'peer', 'route-server'].includes(kind) || taken !== 'full') {
    return [
      error(
        file,
        at,
        `routes of a neighbor of kind ${kind} with import: ${taken} are not validated`,
        'leave it out',
      ),
    ]
  }
  if (fleet === undefined || Object.hasOwn(fleet, 'rpki')) return []
  return [
    error(
      file,
      at,
      'without an RPKI cache the state of every route is not-found',
      'add caches under rpki in fleet.yaml, or leave it out',
    ),
  ]
}

function checkRanges(
  { file, path, neighbor }: PlacedNeighbor,
  key: 'onlyPrefixes' | 'rejectPrefixes',
  ranges: readonly (PrefixRange | undefined)[] | undefined,
): Finding[] {
  const [only, ...others] = familiesOf(neighbor)
  const at = [...path, 'tighten', key]
  const texts = ranges?.map((range) => (range === undefined ? undefined : formatRange(range)))
  const findings = checkTwice(file, at, texts)
  for (const [index, range] of (ranges ?? []).entries()) {
    if (only === undefined || others.length > 0 || range === undefined || range.prefix.family === only)
      continue
    const [name, other] = only === 'ipv4' ? ['IPv6', 'IPv4'] : ['IPv4', 'IPv6']
    findings.push(
      error(
        file,
        [...at, index],
        `${formatRange(range)} is ${name}, but the session to ${neighbor.address ?? neighbor.interface} carries ${other}`,
        `move it to the neighbor's ${name} session`,
      ),
    )
  }
  return findings
}

function checkIrr({ file, path, neighbor }: PlacedNeighbor): Finding[] {
  const { irr, kind } = neighbor
  if (irr === undefined) return []
  const at = [...path, 'irr']
  const findings: Finding[] = []
  if (kind !== undefined && kind !== 'peer' && kind !== 'route-server') {
    findings.push(
      error(
        file,
        at,
        `is for peer and route-server only: no IRR set lists the routes of a neighbor of kind ${kind}`,
        'leave it out, or write tighten.onlyPrefixes',
      ),
    )
  } else if (importOf(neighbor) === 'nothing') {
    findings.push(warning(file, at, 'no route is accepted from this neighbor, so the set is not used', null))
  }
  return findings
}

function checkHostRoutes({ file, path, neighbor: { kind, hostRoutes } }: PlacedNeighbor): Finding[] {
  if (hostRoutes !== true) return []
  if (kind !== 'transit' && kind !== 'peer' && kind !== 'route-server') return []
  return [
    error(
      file,
      [...path, 'hostRoutes'],
      `a host route never leaves the AS, and kind ${kind} is another network`,
      'leave it out: the covering prefixes are advertised',
    ),
  ]
}

function checkRole({ file, path, neighbor: { kind, role } }: PlacedNeighbor): Finding[] {
  if (kind === undefined || role === undefined || rolesByKind[kind].includes(role)) return []
  const at = [...path, 'role']
  return kind === 'ibgp'
    ? [error(file, at, 'an ibgp session has no role (RFC 9234)', 'leave role out')]
    : [
        error(
          file,
          at,
          `${role} is not our role towards a neighbor of kind ${kind}`,
          `write ${alternatives(rolesByKind[kind])}, or another kind; the role is our side's (RFC 9234)`,
        ),
      ]
}
