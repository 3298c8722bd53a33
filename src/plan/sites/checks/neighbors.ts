import { daemonTraits } from '../../../manifest/daemon-kinds.ts'
import { isUnicast } from '../../../net/bogons.ts'
import type { Address } from '../../../net/prefix.ts'
import type { Path } from '../../../text/wording.ts'
import {
  type FleetDraft,
  importOf,
  type PlacedNeighbor,
  type PlacedNode,
  type PlacedService,
} from '../drafts.ts'
import { error, type Finding, warning } from '../finding.ts'
import { checkAttached } from './attached.ts'
import { checkNeighborServices, receives } from './policy/advertised.ts'
import { checkPolicy } from './policy/policy.ts'
import { checkInterface, checkSession } from './session.ts'

/** Checks one session against its kind, its addresses and the node's daemon. */
export function checkNeighbor(
  at: PlacedNeighbor,
  placed: PlacedNode,
  fleet: FleetDraft | undefined,
  services: readonly PlacedService[],
): Finding[] {
  const received = services.filter(
    ({ name }) => placed.node.services?.includes(name) === true && receives(at.neighbor, name),
  )
  return [
    ...checkAttached(at, placed),
    ...checkAddresses(at),
    ...checkMultihop(at),
    ...checkGtsm(at, placed),
    ...checkPreference(at),
    ...checkDegrade(at),
    ...checkSession(at, placed, fleet),
    ...checkNeighborServices(at, placed, services),
    ...checkPolicy(at, fleet, received, placed),
  ]
}

function checkAddresses({ file, path, neighbor }: PlacedNeighbor): Finding[] {
  const { address, localAddress } = neighbor
  const findings = [
    ...checkUnicast(file, [...path, 'address'], address),
    ...checkUnicast(file, [...path, 'localAddress'], localAddress),
    ...checkInterface({ file, path, neighbor }),
  ]
  if (findings.length > 0 || address === undefined || localAddress === undefined) return findings
  const at = [...path, 'localAddress']
  if (localAddress.family !== address.family) {
    const name = address.family === 'ipv4' ? 'IPv4' : 'IPv6'
    return [
      error(
        file,
        at,
        `${localAddress} and the neighbor's ${address} are of different families`,
        `write the node's own ${name} address on that link`,
      ),
    ]
  }
  if (localAddress.equals(address)) {
    return [
      error(
        file,
        at,
        `${localAddress} is the neighbor's own address`,
        "write the node's own address on that link",
      ),
    ]
  }
  return []
}

function checkUnicast(file: string, path: Path, address: Address | undefined): Finding[] {
  if (address === undefined) return []
  if (!isUnicast(address)) {
    return [error(file, path, `${address} cannot be the address of a router`, null)]
  }
  return []
}

function checkMultihop({ file, path, neighbor: { kind, multihop } }: PlacedNeighbor): Finding[] {
  if (multihop === undefined || kind !== 'ibgp') return []
  return [
    error(file, [...path, 'multihop'], 'an ibgp session may cross any number of hops', 'leave multihop out'),
  ]
}

function checkGtsm({ file, path, neighbor }: PlacedNeighbor, { node }: PlacedNode): Finding[] {
  if (neighbor.gtsm !== true) return []
  const at = [...path, 'gtsm']
  if (neighbor.kind === 'ibgp') {
    return [
      error(
        file,
        at,
        'GTSM (RFC 5082) requires a neighbor one hop away, which an ibgp neighbor need not be',
        'leave gtsm out',
      ),
    ]
  }
  if (neighbor.multihop !== undefined) {
    return [
      error(
        file,
        at,
        `GTSM (RFC 5082) requires a neighbor one hop away, and multihop says up to ${neighbor.multihop}`,
        'leave out gtsm or multihop',
      ),
    ]
  }
  const why = node.daemon === undefined ? null : daemonTraits[node.daemon].gtsmExcludesBfd
  if (why !== null && neighbor.bfd !== undefined) {
    return [error(file, at, `with gtsm, ${why}`, 'leave out gtsm or bfd, or use daemon: bird')]
  }
  return []
}

/** `prepend`, `med` and `localPref`, of every announcement and of every route. */
function checkPreference({ file, path, neighbor }: PlacedNeighbor): Finding[] {
  const { kind, prepend, localPref } = neighbor
  const findings: Finding[] = []
  if (kind === 'ibgp' && prepend !== undefined && prepend > 0) {
    findings.push(error(file, [...path, 'prepend'], ownNumberInside, 'leave prepend out'))
  }
  if (kind === 'ibgp' && localPref !== undefined) {
    findings.push(
      error(
        file,
        [...path, 'localPref'],
        'inside the AS the sender sets LOCAL_PREF, to 0 while it drains, and it must not be overwritten',
        'leave localPref out, or set it where the route enters the AS',
      ),
    )
  } else if (localPref !== undefined && importOf(neighbor) === 'nothing') {
    findings.push(
      warning(
        file,
        [...path, 'localPref'],
        'no route is accepted from this neighbor, so localPref has no effect',
        null,
      ),
    )
  }
  return findings
}

const ownNumberInside = 'a neighbor inside the AS treats our own AS number in a path as a loop'

function checkDegrade({ file, path, neighbor }: PlacedNeighbor): Finding[] {
  const { kind, degrade, med: normalMed } = neighbor
  const { gracefulShutdown, prepend, med } = degrade ?? {}
  if (kind === 'ibgp' && prepend !== undefined && prepend > 0) {
    return [
      error(
        file,
        [...path, 'degrade', 'prepend'],
        ownNumberInside,
        'leave prepend out: gracefulShutdown sends LOCAL_PREF 0 to an ibgp neighbor',
      ),
    ]
  }
  if (med !== undefined && normalMed !== undefined && med < normalMed) {
    return [
      error(
        file,
        [...path, 'degrade', 'med'],
        `a degraded announcement has the MED ${med}, and a normal one ${normalMed}: the neighbor prefers the lower`,
        `write at least ${normalMed}, or leave it out`,
      ),
    ]
  }
  const isUnprepended = prepend === 0 || (kind === 'ibgp' && prepend === undefined)
  if (gracefulShutdown !== false || !isUnprepended || (med !== undefined && med !== normalMed)) return []
  return [
    warning(
      file,
      [...path, 'degrade'],
      'for this neighbor a degraded announcement equals a normal one: a drain moves no traffic away from it',
      'leave degrade out, or set one of gracefulShutdown, prepend and med',
    ),
  ]
}
