import type { PlacedNode } from '../drafts.ts'
import { error, type Finding } from '../finding.ts'
import { rolesByKind } from '../fleet.ts'

const daemons = {
  bird: { name: 'BIRD', oldest: '2.0.11', lacks: 'it has no BGP roles and no empty sets' },
  frr: { name: 'FRR', oldest: '8.0', lacks: 'its commands differ' },
} as const

const frrRoles = '8.4'

/** Checks for features that the daemon's version lacks. */
export function checkVersion({ file, path, node }: PlacedNode): Finding[] {
  const { daemon, daemonVersion: version } = node
  if (daemon === undefined || version === undefined) return []
  const { name, oldest, lacks } = daemons[daemon]
  const at = [...path, 'daemonVersion']
  if (daemon === 'bird' && compareVersions(version, '8') >= 0) {
    return [
      error(file, at, `there is no BIRD ${version}`, 'is it the version of FRR? Then write daemon: frr'),
    ]
  }
  if (compareVersions(version, oldest) < 0) {
    return [error(file, at, `${name} ${version} is too old: ${lacks}`, `install ${name} ${oldest} or later`)]
  }
  if (daemon === 'bird' || compareVersions(version, frrRoles) >= 0) return []
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
        `FRR ${version} has no BGP roles (RFC 9234)${whose}`,
        `write role: none, or install FRR ${frrRoles} or later`,
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
