import { addressBits } from '../../net/prefix.ts'
import type { NodePlan } from './plan.ts'

/** The lines of one WireGuard interface. */
export interface ProbePeers {
  readonly service: string
  readonly interface: string
  /** In the form of wg-quick and `wg addconf`, one entry a line. */
  readonly lines: readonly string[]
}

/** The peers that the interfaces of a node need for probes: its own, and those of other sites. Keys come from the YAML. */
export function probePeersOf(plan: NodePlan): ProbePeers[] {
  return plan.services.map(({ name, wireguard, probe }) => {
    const own = plan.probeKeys.find(({ service }) => service === name)?.publicKey ?? null
    const { address } = probe
    const ownAddress = `${address}/${addressBits(address.family)}`
    const peer = (node: string, whose: string, publicKey: string | null, allowedIps: readonly string[]) => {
      if (publicKey === null) {
        return [
          `# ${whose}: its key is not in the YAML. Write probeKeys: { ${name}: KEY } at ${node},`,
          `# with what \`wg pubkey < ${probe.privateKeyFile}\` prints there`,
        ]
      }
      const preshared = `# PresharedKey = the text of ${probe.presharedKeyFile} of ${node}`
      return [
        '[Peer]',
        `# ${whose}`,
        `PublicKey = ${publicKey}`,
        ...(probe.presharedKeyFile === null ? [] : [preshared]),
        ...allowedIps.map((prefix) => `AllowedIPs = ${prefix}`),
      ]
    }
    const blocks = [
      peer(plan.node, `the probe of ${plan.node} itself`, own, [ownAddress]),
      ...(plan.remote?.observers
        .filter(({ service }) => service === name)
        .map(({ node, site, publicKey }) =>
          peer(node, `the probe of ${node} at ${site}, without an address`, publicKey, []),
        ) ?? [['# fleet.yaml has no `remote`: no other site probes it']]),
    ]
    const lines = blocks.flatMap((block, at) => (at === 0 ? block : ['', ...block]))
    return { service: name, interface: wireguard.interface, lines }
  })
}
