import { spawnSync } from 'node:child_process'
import type { DaemonKind } from '../src/manifest/daemon-kinds.ts'

const programs: Readonly<Record<DaemonKind, string>> = { bird: 'bird', frr: '/usr/lib/frr/bgpd' }

/** The version of the daemon on this machine, which the tests start; that of a machine without it is unknown: `null`. */
export function installedVersion(kind: DaemonKind): string | null {
  const { stdout, stderr } = spawnSync(programs[kind], ['--version'], { encoding: 'utf8' })
  return /^(?:BIRD|bgpd) version (\d+(?:\.\d+)+)/m.exec(`${stdout}\n${stderr}`)?.[1] ?? null
}

/** The line of a node's YAML that names it. */
export function versionLine(kind: DaemonKind): string {
  const version = installedVersion(kind)
  return version === null ? '' : `daemonVersion: "${version}"`
}
