import type { ManifestService } from '../../../manifest/manifest.ts'
import { createCommandProbe } from './command.ts'
import { createConntrackProbe } from './conntrack.ts'
import { createEgressProbe, type EgressTunnel } from './egress.ts'
import { createPeersProbe } from './peers.ts'
import type { SideProbe } from './side-check.ts'

interface SideProbeContext {
  readonly node: string
  /** The service's endpoint probe. It outlives the side probes. */
  readonly tunnel: EgressTunnel
  /** The public key of the probe, base64. */
  readonly publicKey: string
}

/**
 * One side probe for each side check in `checks`. Throws TypeError if an egress target's family differs from the
 * probe's.
 */
export function createSideProbes(
  { name, wireguard, probe }: ManifestService,
  { node, tunnel, publicKey }: SideProbeContext,
): SideProbe[] {
  const { egress, command, peers, conntrack } = probe
  const probes: SideProbe[] = []
  if (egress !== null) probes.push(createEgressProbe(egress, probe.address, tunnel))
  if (command !== null)
    probes.push(createCommandProbe(command, { ANYWARD_SERVICE: name, ANYWARD_NODE: node }))
  if (peers !== null) probes.push(createPeersProbe(peers, wireguard.interface, publicKey))
  if (conntrack !== null) probes.push(createConntrackProbe(conntrack))
  return probes
}
