import { join } from 'node:path'
import { storeDir } from './machine/store.ts'
import type { LabState } from './state.ts'

/** What `anyward lab up --json` prints. */
export function describeLab(state: LabState) {
  const { storeMembers } = state
  const hasStore = storeMembers.length > 0
  return {
    nodes: state.nodes.map((node) => ({
      name: node.name,
      site: node.site,
      namespace: node.namespace,
      daemon: node.daemon,
      controlSocket: node.controlSocket,
      wireguardInterface: node.wireguard[0]?.interface ?? null,
      wireguardPid: node.wireguard[0]?.process?.pid ?? null,
      daemonPids: node.daemons.map(({ pid }) => pid),
      controllerPid: node.controller?.pid ?? null,
      ...(hasStore && { agentPid: node.agent?.pid ?? null }),
      statusUrl: node.statusUrl,
      bundle: node.bundle,
      peers: node.peers,
    })),
    neighbors: state.routers.map((router) => ({
      name: router.name,
      site: router.site,
      namespace: router.namespace,
      controlSocket: router.controlSocket,
      pid: router.process?.pid ?? null,
      sessions: router.sessions.map(({ node, neighbor, address, protocol }) => ({
        node,
        neighbor,
        address,
        protocol,
      })),
    })),
    clients: state.clients.map((client) => ({
      name: client.name,
      site: client.site,
      namespace: client.namespace,
      interface: client.interface,
      tunnelAddress: client.tunnelAddress.slice(0, client.tunnelAddress.indexOf('/')),
    })),
    ...(hasStore && {
      store: {
        endpoints: storeMembers.map(({ endpoint }) => endpoint),
        pids: storeMembers.map((member) => member.process?.pid ?? null),
        members: storeMembers.map(({ name, namespace }) => ({ name, namespace })),
        credentials: join(storeDir, 'pki'),
      },
    }),
  }
}
