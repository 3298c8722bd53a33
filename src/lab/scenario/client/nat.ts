import { LabError } from '../../lab-error.ts'
import { runIn } from '../../machine/namespaces.ts'
import type { ClientState, LabState, NodeState } from '../../state.ts'

const table = 'anyward_lab_nat'

/**
 * The client's router translates what it sends to WireGuard, as a home router or a carrier's does: another address, another port, and nothing
 * enters that is no reply.
 * @returns the removal
 */
export async function putBehindNat(state: LabState, client: ClientState): Promise<() => Promise<void>> {
  const namespace = state.routers.find(({ name }) => name === client.router)?.namespace ?? state.coreNamespace
  await runIn(namespace, ['nft', '-f', '-'], { input: renderNat(client) })
  return () =>
    runIn(namespace, ['nft', 'delete', 'table', 'inet', table]).then(
      () => {},
      () => {},
    )
}

type Translated = Pick<ClientState, 'underlay' | 'server'>

export function renderNat({ underlay, server }: Translated): string {
  const { ip, bracket } = server.endpoint.startsWith('[')
    ? { ip: 'ip6', bracket: (address: string) => `[${address}]` }
    : { ip: 'ip', bracket: (address: string) => address }
  const port = server.endpoint.slice(server.endpoint.lastIndexOf(':') + 1)
  return `table inet ${table} {
  chain translate {
    type nat hook postrouting priority srcnat; policy accept;
    ${ip} saddr ${underlay.address} udp dport ${port} snat ${ip} to ${bracket(underlay.gateway)}:20000-29999
  }
  chain enter {
    type filter hook forward priority filter; policy accept;
    ${ip} daddr ${underlay.address} ct state new drop
  }
}
`
}

/** Throws a LabError if the node sees the client's own address. */
export async function requireTranslated(node: NodeState, client: ClientState): Promise<void> {
  const wireguard = node.wireguard.find(({ service }) => service === client.service)!
  const text = await runIn(node.namespace, ['wg', 'show', wireguard.interface, 'endpoints'])
  const line = text.split('\n').find((one) => one.startsWith(`${client.publicKey}\t`)) ?? ''
  if (!line.includes(client.underlay.gateway))
    throw new LabError(
      `${node.name} sees ${client.name} at ${line.split('\t')[1] ?? 'no endpoint'}, and not its NAT`,
    )
}
