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
  /** The probe's, base64. */
  readonly publicKey: string
}

/** One for each side check among the service's `checks`. Throws TypeError where an egress target is of another family than the probe. */
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
