import { type DaemonKind, daemonNames } from './daemon-kinds.ts'
import type { Manifest } from './manifest.ts'

/** The oldest that any configuration may be written for. */
export const oldestVersions: Readonly<Record<DaemonKind, string>> = { bird: '2.0.11', frr: '8.0' }

/** The versions of a daemon that a configuration is written for. */
export interface DaemonVersions {
  /** The oldest; `null`: any. */
  readonly from: string | null
  /** The first that is too new; `null`: none. */
  readonly below: string | null
  /** What in the configuration needs it, in a few words. */
  readonly because: string
}

interface Mismatch {
  /** Such as `this bundle is for FRR 10.1 or later (RPKI caches), and FRR 8.4.4 runs here`. */
  readonly problem: string
  readonly cure: string
}

/** Why the bundle is not for the running daemon; `null`: it is. */
export function findMismatch(manifest: Manifest, running: string): Mismatch | null {
  const { daemonVersions: versions, daemon, node } = manifest
  if (versions === undefined || fits(versions, running)) return null
  const { project } = daemonNames[daemon]
  return {
    problem: `this bundle is for ${project} ${describeVersions(versions)} (${versions.because}), and ${project} ${running} runs here`,
    cure: `write daemonVersion: "${leading(running)}" at the node ${node} in the YAML, run \`anyward plan\` and copy the bundle again`,
  }
}

export function fits({ from, below }: DaemonVersions, version: string): boolean {
  return (
    (from === null || compareVersions(version, from) >= 0) &&
    (below === null || compareVersions(version, below) < 0)
  )
}

/** Such as `10.1 or later`, `8.4 or later, before 10.1`. */
export function describeVersions({ from, below }: DaemonVersions): string {
  const words = [
    ...(from === null ? [] : [`${from} or later`]),
    ...(below === null ? [] : [`before ${below}`]),
  ]
  return words.join(', ')
}

/** Negative where `a` is older. A part that is missing is zero; what follows the numbers does not count: `10.3-dev`. */
export function compareVersions(a: string, b: string): number {
  const left = leading(a).split('.').map(Number)
  const right = leading(b).split('.').map(Number)
  for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

function leading(version: string): string {
  return /^\d+(?:\.\d+)*/.exec(version)?.[0] ?? '0'
}
