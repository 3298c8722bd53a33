import { bfdHopsOf } from './indirect.ts'
import type { Manifest, ManifestNeighbor } from './manifest.ts'

/** BFD needs some seconds after its BGP session, and a restart of bgpd ends it once more. */
export const bfdGraceMs = 10_000

/** That BFD is configured and not up, while its BGP session is up: with the cure. */
export function describeQuietBfd(
  neighbor: ManifestNeighbor,
  daemon: Manifest['daemon'],
  /** `missing`: the daemon has no BFD session with it. */
  state: 'down' | 'missing',
): string {
  const { name } = neighbor
  const hops = bfdHopsOf(neighbor)
  const what = `BFD with ${name} is not up, but its session is`
  if (state === 'missing')
    return `${what}: the daemon has no ${kindWords[hops ?? 'unknown']} session with it; ${cureOfMissing[daemon]}`
  return `${what}: ${consequences[daemon]}; configure ${kindWords[hops ?? 'unknown']} at the far end too (anyward plan --for-neighbor ${name} lists what it needs), or leave bfd out`
}

/**
 * From FRR 10 on a BGP session ends with its BFD, and starts only with it. Other daemons, and a neighbor without BFD, are
 * not concerned.
 */
export function describeStuckSession(neighbor: string): string {
  return `${neighbor} stays down until BFD is up: once a BGP session has ended, FRR 10 starts it again only when BFD is up. If BFD is configured on one side only, configure it at the far end too (anyward plan --for-neighbor ${neighbor} lists what it needs), or leave bfd out`
}

const consequences: Readonly<Record<Manifest['daemon'], string>> = {
  bird: 'a failure is found only when the hold time ends',
  frr: 'a failure is found only when the hold time ends, and FRR 10 does not start an ended session again until BFD is up',
}

const kindWords = {
  single: 'single-hop BFD (RFC 5881, UDP 3784)',
  multi: 'multihop BFD (RFC 5883, UDP 4784)',
  unknown: 'BFD',
} as const

const cureOfMissing: Readonly<Record<Manifest['daemon'], string>> = {
  bird: 'run anyward apply with this bundle, or set bfd.hops to what the session is',
  frr: 'run anyward apply with this bundle, see that bfdd runs, or set bfd.hops to what the session is',
}
