import { daemonTraits } from '../../../manifest/daemon-kinds.ts'
import { importOf, type PlacedNeighbor, type PlacedNode } from '../drafts.ts'
import { error, type Finding, warning } from '../finding.ts'
import { rolesByKind } from '../fleet.ts'
import { otherOwnAsns } from '../other-own-asns.ts'

/** Our AS numbers at a node: its own, and those of its sessions. */
export function listAsns({ node, asn }: PlacedNode): (number | undefined)[] {
  const local = (node.neighbors ?? []).filter((neighbor) => Object.hasOwn(neighbor ?? {}, 'localAs'))
  return [asn, ...local.map((neighbor) => neighbor?.localAs)]
}

/** The AS numbers of a session, against the node's. `ourAsns`: those of all nodes. */
export function checkAsns(
  at: PlacedNeighbor,
  placed: PlacedNode,
  ourAsns: ReadonlySet<number | undefined>,
): Finding[] {
  const findings = checkAsn(at, placed.asn, ourAsns)
  return findings.length > 0
    ? findings
    : [...checkLocalAs(at, placed.asn), ...checkMark(at, placed), ...checkRelaxed(at, placed, ourAsns)]
}

function checkAsn(
  { file, path, neighbor: { kind, asn } }: PlacedNeighbor,
  ourAsn: number | undefined,
  ourAsns: ReadonlySet<number | undefined>,
): Finding[] {
  if (ourAsn === undefined || kind === undefined || asn === undefined) return []
  const at = [...path, 'asn']
  if (kind === 'ibgp' && asn !== ourAsn) {
    return [
      error(
        file,
        at,
        `an ibgp neighbor is in our own AS, ${ourAsn}, not in ${asn}`,
        ourAsns.has(asn)
          ? 'iBGP is within one AS: give both nodes the same asn, and write localAs at the neighbors that know one of them by another'
          : `write ${ourAsn}, or another kind`,
      ),
    ]
  }
  if (kind !== 'ibgp' && asn === ourAsn) {
    return [
      error(
        file,
        at,
        `${asn} is our own AS, but kind ${kind} is another network`,
        'write the neighbor’s AS number, or kind: ibgp',
      ),
    ]
  }
  return []
}

function checkLocalAs(
  { file, path, neighbor: { kind, asn, localAs } }: PlacedNeighbor,
  ourAsn: number | undefined,
): Finding[] {
  if (localAs === undefined) return []
  const at = [...path, 'localAs']
  if (kind === 'ibgp') {
    const words = 'an ibgp session is within the AS of the node'
    return [error(file, at, words, 'leave localAs out, or write asn at the node')]
  }
  if (localAs === ourAsn) {
    return [error(file, at, `${localAs} is the AS number of the node anyway`, 'leave localAs out')]
  }
  if (localAs === asn) {
    const words = `${localAs} is the neighbor's own AS number, and between equal numbers a session is iBGP`
    return [error(file, at, words, 'write another AS number of ours, or kind: ibgp and asn at the node')]
  }
  return []
}

/** ONLY_TO_CUSTOMER (RFC 9234) of a daemon that marks routes with the AS number of the router. */
function checkMark({ file, path, neighbor }: PlacedNeighbor, { node, asn }: PlacedNode): Finding[] {
  const { kind, localAs } = neighbor
  // There the role is a matter of its own configuration.
  if (node.routing === 'attached') return []
  if (localAs === undefined || kind === undefined || node.daemon === undefined) return []
  if (Object.hasOwn(neighbor, 'role') && neighbor.role === undefined) return []
  const role = neighbor.role ?? rolesByKind[kind][0]
  const why = daemonTraits[node.daemon].marksWithRouterAsn
  if (why === null || (role !== 'peer' && role !== 'provider')) return []
  return [
    error(
      file,
      [...path, 'role'],
      `with localAs and the role ${role}, ${why}${asn === undefined ? '' : `, ${asn}`}: the neighbor would drop our routes as leaks (RFC 9234, section 5)`,
      'write role: none, or use daemon: bird',
    ),
  ]
}

function checkRelaxed(
  { file, path, neighbor }: PlacedNeighbor,
  placed: PlacedNode,
  ourAsns: ReadonlySet<number | undefined>,
): Finding[] {
  const index = neighbor.relax?.indexOf('other-own-asn') ?? -1
  if (index === -1 || importOf(neighbor) === 'nothing') return []
  const known = (asns: Iterable<number | undefined>) =>
    new Set([...asns].filter((asn): asn is number => asn !== undefined))
  const session = { ours: placed.asn, neighbor: neighbor.asn, localAs: neighbor.localAs }
  const others = otherOwnAsns(known(ourAsns), known(listAsns(placed)), session)
  if (others.length > 0) return []
  const words = 'other-own-asn applies only where we have other AS numbers'
  return [warning(file, [...path, 'relax', index], words, 'leave it out')]
}
