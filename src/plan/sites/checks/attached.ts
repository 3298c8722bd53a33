import { daemonNames } from '../../../manifest/daemon-kinds.ts'
import type { NeighborDraft, PlacedNeighbor, PlacedNode } from '../drafts.ts'
import { error, type Finding } from '../finding.ts'

/** Settings of a session itself, by their key in the YAML: how an attached node's own configuration has them. */
const ownSettings: readonly (readonly [keyof NeighborDraft, (neighbor: NeighborDraft) => boolean])[] = [
  ['limit', isSet('limit')],
  ['role', isSet('role')],
  ['multihop', isSet('multihop')],
  ['bfd', isSet('bfd')],
  ['timers', ({ timers }) => timers?.keepalive !== undefined || (timers?.hold ?? 90_000) !== 90_000],
  ['gtsm', ({ gtsm }) => gtsm === true],
  ['passwordFile', isSet('passwordFile')],
]

function isSet(key: keyof NeighborDraft) {
  return (neighbor: NeighborDraft) => neighbor[key] !== undefined
}

/** A node's own configuration has its own prefixes. */
export function checkAttachedNode({ file, path, node }: PlacedNode): Finding[] {
  if (node.routing !== 'attached' || (node.alwaysAnnounce ?? []).length === 0) return []
  return [
    error(
      file,
      [...path, 'alwaysAnnounce'],
      'the node has routing: attached, so its own configuration announces its own prefixes',
      'leave it out, and announce them there',
    ),
  ]
}

/** Refuses settings that only the engineer's own configuration of an attached node can have, and the reverse. */
export function checkAttached({ file, path, neighbor }: PlacedNeighbor, { node }: PlacedNode): Finding[] {
  const { daemon, routing } = node
  if (routing === undefined) return []
  if (routing === 'managed') {
    if (neighbor.session === undefined) return []
    const at = [...path, 'session']
    return [
      error(
        file,
        at,
        'is for a node with routing: attached: the planner names the session itself',
        'leave it out',
      ),
    ]
  }
  const config = daemon === undefined ? 'configuration' : daemonNames[daemon].configFile
  const findings = ownSettings
    .filter(([, isUsed]) => isUsed(neighbor))
    .map(([key]) =>
      error(
        file,
        [...path, key],
        `the node has routing: attached, so its own ${config} decides this`,
        `leave ${key} out, and set it in that file`,
      ),
    )
  if (neighbor.tighten?.notFound === 'reject') {
    findings.push(
      error(
        file,
        [...path, 'tighten', 'notFound'],
        `the node has routing: attached, so its own ${config} validates origins`,
        'leave it out, and refuse such routes in that file',
      ),
    )
  }
  if (daemon === 'bird' && !Object.hasOwn(neighbor, 'address') && neighbor.interface !== undefined) {
    findings.push(
      error(
        file,
        [...path, 'interface'],
        'BIRD starts a protocol of another name for each router of an unnumbered session, so it cannot be found in a configuration of your own',
        'write the link-local address of the neighbor too',
      ),
    )
  }
  if (daemon === 'bird' && neighbor.vrf !== undefined) {
    findings.push(
      error(
        file,
        [...path, 'vrf'],
        'the node has routing: attached, and BIRD finds the session in every VRF',
        'leave vrf out',
      ),
    )
  }
  if (daemon === 'frr' && neighbor.session !== undefined) {
    findings.push(
      error(file, [...path, 'session'], 'FRR names a session by the address of its neighbor', 'leave it out'),
    )
  }
  return findings
}
