import { type DaemonKind, daemonNames } from '../../../manifest/daemon-kinds.ts'
import { compareVersions, oldestVersions } from '../../../manifest/daemon-versions.ts'
import type { PlacedNode } from '../drafts.ts'
import { error, type Finding } from '../finding.ts'
import { rolesByKind } from '../fleet.ts'

interface Versions {
  readonly oldest: string
  /** Why an older one is refused. */
  readonly lacks: string
  /** Which is meant where the YAML names none: that of Debian 13. */
  readonly assumed: string
  /** A version that does not exist, and a hint at what else it may be; `null`: any may. */
  readonly beyond: { readonly version: string; readonly hint: string } | null
}

export const versions: Readonly<Record<DaemonKind, Versions>> = {
  bird: {
    oldest: oldestVersions.bird,
    lacks: 'it has no BGP roles and no empty sets',
    assumed: '2.17',
    beyond: { version: '8', hint: 'is it the version of FRR? Then write daemon: frr' },
  },
  frr: { oldest: oldestVersions.frr, lacks: 'its commands differ', assumed: '10.3', beyond: null },
}

/** What not every version has, or writes in another way. */
export type VersionFeature =
  | 'roles'
  | 'cache-transport'
  | 'rpki-of-vrf'
  | 'next-hop-of-link'
  | 'quick-prefix-lists'
  | 'bfd-before-bgp'

/** The first version with the feature; `null`: no version has it. */
export const firstVersions: Readonly<Record<VersionFeature, Readonly<Record<DaemonKind, string | null>>>> = {
  /** BGP roles (RFC 9234). */
  roles: { bird: '2.0.11', frr: '8.4' },
  /** `rpki cache tcp …`: later versions refuse the command without the transport, and earlier ones that with it. */
  'cache-transport': { bird: null, frr: '10.1' },
  /** RPKI caches of each VRF: `match rpki` no longer applies those of the default VRF in others. */
  'rpki-of-vrf': { bird: null, frr: '10.0' },
  /**
   * A link-local next hop is kept with its interface, but of a neighbor that is named by its address it never becomes valid
   * where that neighbor has opened the connection. 8.4 does not do so, 10.3 does; no version between them was measured.
   */
  'next-hop-of-link': { bird: null, frr: '8.5' },
  /** A prefix list is read in a time that thousands of entries do not make long. 8.4 was measured, and 10.3. */
  'quick-prefix-lists': { bird: oldestVersions.bird, frr: '10.3' },
  /**
   * A BGP session with BFD stays Idle while BFD is down. Of a session inside the AS with `update-source`, bgpd asks for
   * multihop BFD until it has once connected. Both in docs/daemons.md, measured with 10.3.
   */
  'bfd-before-bgp': { bird: null, frr: '10.2' },
}

/** Whether the node's daemon has a feature, by the version in the YAML or the assumed one. */
export function hasFeature(
  {
    daemon,
    daemonVersion,
  }: { readonly daemon: DaemonKind; readonly daemonVersion?: string | null | undefined },
  feature: VersionFeature,
): boolean {
  const first = firstVersions[feature][daemon]
  return first !== null && compareVersions(daemonVersion ?? versions[daemon].assumed, first) >= 0
}

/** Checks for features that the daemon's version lacks. */
export function checkVersion({ file, path, node }: PlacedNode): Finding[] {
  const { daemon, daemonVersion: version } = node
  if (daemon === undefined || version === undefined) return []
  const { oldest, lacks, beyond } = versions[daemon]
  const roles = firstVersions.roles[daemon]!
  const { project: name } = daemonNames[daemon]
  const at = [...path, 'daemonVersion']
  if (beyond !== null && compareVersions(version, beyond.version) >= 0) {
    return [error(file, at, `there is no ${name} ${version}`, beyond.hint)]
  }
  if (compareVersions(version, oldest) < 0) {
    return [error(file, at, `${name} ${version} is too old: ${lacks}`, `install ${name} ${oldest} or later`)]
  }
  if (compareVersions(version, roles) >= 0) return []
  return (node.neighbors ?? []).flatMap((neighbor, index): Finding[] => {
    if (neighbor?.kind === undefined || (Object.hasOwn(neighbor, 'role') && neighbor.role === undefined)) {
      return []
    }
    const role = neighbor.role ?? rolesByKind[neighbor.kind][0] ?? 'none'
    if (role === 'none') return []
    const whose = neighbor.role === undefined ? `, and a ${neighbor.kind} neighbor has the role ${role}` : ''
    return [
      error(
        file,
        [...path, 'neighbors', index, 'role'],
        `${name} ${version} has no BGP roles (RFC 9234)${whose}`,
        `write role: none, or install ${name} ${roles} or later`,
      ),
    ]
  })
}
