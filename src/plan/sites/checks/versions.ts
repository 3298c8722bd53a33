import { type DaemonKind, daemonNames } from '../../../manifest/daemon-kinds.ts'
import type { PlacedNode } from '../drafts.ts'
import { error, type Finding } from '../finding.ts'
import { rolesByKind } from '../fleet.ts'

interface Versions {
  readonly oldest: string
  /** Why an older one is refused. */
  readonly lacks: string
  /** The first version with BGP roles (RFC 9234). */
  readonly roles: string
  /** A version that does not exist, and a hint at what else it may be; `null`: any may. */
  readonly beyond: { readonly version: string; readonly hint: string } | null
}

const versions: Readonly<Record<DaemonKind, Versions>> = {
  bird: {
    oldest: '2.0.11',
    lacks: 'it has no BGP roles and no empty sets',
    roles: '2.0.11',
    beyond: { version: '8', hint: 'is it the version of FRR? Then write daemon: frr' },
  },
  frr: { oldest: '8.0', lacks: 'its commands differ', roles: '8.4', beyond: null },
}

/** Checks for features that the daemon's version lacks. */
export function checkVersion({ file, path, node }: PlacedNode): Finding[] {
  const { daemon, daemonVersion: version } = node
  if (daemon === undefined || version === undefined) return []
  const { oldest, lacks, roles, beyond } = versions[daemon]
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

/** Negative where `a` is older. A part that is missing is zero. */
function compareVersions(a: string, b: string): number {
  const left = a.split('.').map(Number)
  const right = b.split('.').map(Number)
  for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}
