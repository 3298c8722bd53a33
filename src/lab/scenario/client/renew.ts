import { readFile } from 'node:fs/promises'
import { runIn } from '../../machine/namespaces.ts'
import { together } from '../../machine/together.ts'
import { generateKeyPair, renderWireguard } from '../../machine/wireguard.ts'
import { type ClientState, type LabState, type NodeState, writeSecret } from '../../state.ts'

/**
 * Gives clients new keys and ports. For the servers they are other clients: without a session or an endpoint, not in the roster, and without
 * a history at the limiter of rescues. So scenarios do not affect each other.
 */
export async function renewClients(state: LabState, clients: readonly ClientState[]): Promise<void> {
  const changes = clients.map((client) => ({ client, before: client.publicKey, pair: generateKeyPair() }))
  for (const { client, pair } of changes) client.publicKey = pair.publicKey
  await together(state.nodes.map((node) => exchangePeers(node, changes)))
  await together(
    changes.map(async ({ client, pair }) => {
      const { publicKey, allowedIp, endpoint } = client.server
      const server = { publicKey, allowedIps: [allowedIp], endpoint }
      await writeSecret(client.config, renderWireguard(pair.privateKey, null, [server]))
      await runIn(client.namespace, ['wg', 'setconf', client.interface, client.config])
    }),
  )
}

async function exchangePeers(
  node: NodeState,
  changes: readonly { readonly client: ClientState; readonly before: string }[],
): Promise<void> {
  for (const { service, interface: name, config } of node.wireguard) {
    const own = changes.filter(({ client }) => client.service === service)
    if (own.length === 0) continue
    let text = await readFile(config, 'utf8')
    for (const { client, before } of own) text = text.replaceAll(before, client.publicKey)
    await writeSecret(config, text)
    const words = own.flatMap(({ client, before }) => [
      ...['peer', before, 'remove'],
      ...['peer', client.publicKey, 'allowed-ips', client.allowedIp],
    ])
    await runIn(node.namespace, ['wg', 'set', name, ...words])
  }
}
