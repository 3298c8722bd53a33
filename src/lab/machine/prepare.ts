import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeBundles } from '../../bundle/write.ts'
import type { NodePlan } from '../../plan/compile/plan.ts'
import { createRenderer } from '../../plan/render/render.ts'
import { renderBundle } from '../../plan/service/render-bundle.ts'
import { loadTemplates } from '../../plan/service/templates.ts'
import type { Fleet, Service } from '../../plan/sites/fleet.ts'
import { OperationError } from '../../text/operation-error.ts'
import {
  type CacheState,
  type ClientState,
  type LabState,
  labDir,
  type NodeState,
  type RouterState,
  type WireguardState,
  writeSecret,
} from '../state.ts'
import type { LabCache, LabClient, LabNode, LabRouter, PointToPoint, Topology } from '../topology/model.ts'
import { needsOf } from '../topology/needs.ts'
import { installConfiguration } from './daemons.ts'
import { generateKeys, type Keys, writeKeys } from './keys.ts'
import { locateSecrets, nodeDir, planNodes } from './plan-nodes.ts'
import { renderCore, renderRouter } from './router-config.ts'
import { renderVrps, vrpFileOf } from './rtr.ts'
import { prepareNodeKeys, prepareStore } from './store.ts'
import { renderWireguard } from './wireguard.ts'

export const managementLink = 'aw-mgmt'
export const coreDir = join(labDir, 'core')

/** The state of a lab before it is created: its names, which are enough to remove it. */
export function describeClaim(topology: Topology, sites: string, owner: LabState['owner']): LabState {
  return {
    format: 1,
    owner,
    ready: false,
    startedAt: new Date().toISOString(),
    sites,
    fabricNamespace: topology.fabricNamespace,
    coreNamespace: topology.coreNamespace,
    namespaces: namespacesOf(topology),
    kernelWireguard: false,
    timerFactor: 1,
    core: null,
    caches: [],
    storeMembers: [],
    nodes: [],
    routers: [],
    clients: [],
  }
}

/** Writes the files of the fleet's daemons in the lab, and returns the state of a lab that does not run yet. */
export async function prepareLab(fleet: Fleet, topology: Topology, claim: LabState): Promise<LabState> {
  const keys = generateKeys(fleet, topology)
  const storeMembers = await prepareStore(topology)
  if (fleet.rescue !== null) await prepareNodeKeys(topology)
  const secrets = locateSecrets(
    topology,
    new Map([...keys.servers].map(([name, pair]) => [name, pair.publicKey])),
    (node, service) => keys.probes.get(`${node} ${service}`)!.publicKey,
  )
  await writeKeys(fleet, topology, keys, secrets)
  const port = Number(fleet.listen.slice(fleet.listen.lastIndexOf(':') + 1))
  const plans = await planNodes(fleet, topology, secrets, port)
  const render = createRenderer(await loadTemplates())
  const nodes = await Promise.all(
    topology.nodes.map(async (node, at) => {
      const plan = plans[at]!
      const state = describeNode(node, plan, needsOf(fleet, node), port, keys)
      await writeBundles(async (stage) =>
        stage({ dir: state.bundle, files: renderBundle(render, plan), obsolete: [] }),
      )
      await writeServerConfigs(state, plan, topology, keys)
      const own = plan.routing === 'attached' ? await readOwnConfiguration(claim.sites, plan) : null
      await installConfiguration(state, own)
      return state
    }),
  )
  const routers = await Promise.all(topology.routers.map((router) => prepareRouter(router, plans)))
  await mkdir(coreDir, { recursive: true })
  await writeFile(join(coreDir, 'bird.conf'), renderCore(topology, join(coreDir, 'bird.log')))
  const clients = await Promise.all(
    topology.clients.map((client) =>
      prepareClient(client, fleet.services.find((service) => service.name === client.service)!, keys),
    ),
  )
  const caches = await Promise.all(topology.caches.map((cache) => prepareCache(cache, fleet)))
  return { ...claim, caches, storeMembers, nodes, routers, clients }
}

/** An attached node's own configuration, from a file beside the YAML. */
async function readOwnConfiguration(sites: string, { node }: NodePlan): Promise<string> {
  const file = join(sites, `${node}.conf`)
  return readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new OperationError(`${node} has routing: attached, and ${file} cannot be read (${cause.code})`, {
      hint: `write its own configuration into ${file}: the lab runs it`,
      cause,
    })
  })
}

export function namespacesOf(topology: Topology): string[] {
  return [
    topology.fabricNamespace,
    topology.coreNamespace,
    ...topology.nodes.map((node) => node.namespace),
    ...topology.routers.map((router) => router.namespace),
    ...topology.clients.map((client) => client.namespace),
    ...topology.storeMembers.map((member) => member.namespace),
  ]
}

function describeNode(node: LabNode, plan: NodePlan, has: string[], port: number, keys: Keys): NodeState {
  const dir = nodeDir(node)
  return {
    name: node.name,
    site: node.site,
    namespace: node.namespace,
    daemon: node.daemon,
    dir,
    bundle: join(dir, 'bundle'),
    controlSocket: plan.layout.paths.daemonSocket,
    statusUrl: `http://${node.managementAddress.address}:${port}/status`,
    ports: [...node.links.map((link) => link.nodePort), ...node.peers.map((peer) => peer.port)],
    peers: node.peers.map((peer) => ({ neighbor: peer.neighbor, node: peer.node })),
    has,
    wireguard: plan.services.map(
      (service): WireguardState => ({
        service: service.name,
        interface: service.wireguard.interface,
        port: service.wireguard.port,
        config: join(dir, `wireguard-${service.name}.conf`),
        addresses: service.wireguard.addresses.map(String),
        publicKey: keys.servers.get(service.name)!.publicKey,
        probePublicKey: keys.probes.get(`${node.name} ${service.name}`)!.publicKey,
        process: null,
      }),
    ),
    daemons: [],
    controller: null,
    agent: null,
  }
}

async function writeServerConfigs(
  node: NodeState,
  plan: NodePlan,
  topology: Topology,
  keys: Keys,
): Promise<void> {
  for (const wireguard of node.wireguard) {
    const service = plan.services.find(({ name }) => name === wireguard.service)!
    const probe = {
      publicKey: wireguard.probePublicKey,
      allowedIps: [hostPrefix(service.probe.address.toString())],
      presharedKey: service.probe.presharedKeyFile === null ? null : keys.presharedKeys.get(service.name)!,
    }
    const clients = topology.clients
      .filter((client) => client.service === service.name)
      .map((client) => ({
        publicKey: keys.clients.get(client.name)!.publicKey,
        allowedIps: [hostPrefix(client.tunnelAddress.address.toString())],
      }))
    // Of all that may be chosen: a rollout in the lab may add `remote`, or change who probes whom.
    const observers = (topology.storeMembers.length === 0 ? [] : topology.nodes)
      .filter(({ name }) => name !== node.name)
      .map(({ name }) => ({
        publicKey: keys.probes.get(`${name} ${service.name}`)!.publicKey,
        allowedIps: [],
        presharedKey: probe.presharedKey,
      }))
    const privateKey = keys.servers.get(service.name)!.privateKey
    await writeSecret(
      wireguard.config,
      renderWireguard(privateKey, wireguard.port, [probe, ...observers, ...clients]),
    )
  }
}

async function prepareRouter(router: LabRouter, plans: readonly NodePlan[]): Promise<RouterState> {
  const dir = join(labDir, 'neighbors', router.folder)
  await mkdir(dir, { recursive: true })
  const sessions = await Promise.all(
    router.links.map(async (link) => {
      const node = plans.find((plan) => plan.node === link.node)!
      const session = node.sessions.find((candidate) => candidate.neighbor === link.neighbor)!
      const password =
        session.passwordFile === null ? null : (await readFile(session.passwordFile, 'utf8')).trim()
      return { link, node, session, password }
    }),
  )
  await writeSecret(join(dir, 'bird.conf'), renderRouter(router, sessions, join(dir, 'bird.log')))
  return {
    name: router.name,
    site: router.site,
    namespace: router.namespace,
    controlSocket: join(dir, 'bird.ctl'),
    process: null,
    core: { interface: `r${router.index}`, ...wiresOf(router) },
    sessions: sessions.map(({ link, session }) => ({
      node: link.node,
      neighbor: link.neighbor,
      address: link.nodeAddress.toString(),
      protocol: link.protocol,
      bfdIntervalMs: session.bfd?.intervalMs ?? null,
      bfdMultiplier: session.bfd?.multiplier ?? null,
    })),
  }
}

function wiresOf({ coreLink }: LabRouter) {
  const wire = ({ router, core }: PointToPoint) => ({ router: router.toString(), core: core.toString() })
  return { ipv4: wire(coreLink.ipv4), ipv6: wire(coreLink.ipv6) }
}

async function prepareCache({ name, address }: LabCache, fleet: Fleet): Promise<CacheState> {
  const dir = join(labDir, 'caches', name)
  await mkdir(dir, { recursive: true })
  await writeFile(vrpFileOf({ dir }), renderVrps(fleet))
  return { name, address: address.toString(), dir, process: null }
}

async function prepareClient(client: LabClient, service: Service, keys: Keys): Promise<ClientState> {
  const dir = join(labDir, 'clients', client.folder)
  await mkdir(dir, { recursive: true })
  const { network, family } = service.anycast[0]!
  const { port } = service.wireguard
  const server = {
    publicKey: keys.servers.get(service.name)!.publicKey,
    endpoint: family === 'ipv4' ? `${network}:${port}` : `[${network}]:${port}`,
    allowedIp: client.tunnelAddress.prefix.toString(),
    tunnelAddress: client.server.toString(),
  }
  const config = join(dir, 'wireguard.conf')
  const pair = keys.clients.get(client.name)!
  const peer = { publicKey: server.publicKey, allowedIps: [server.allowedIp], endpoint: server.endpoint }
  await writeSecret(config, renderWireguard(pair.privateKey, null, [peer]))
  return {
    name: client.name,
    site: client.site,
    service: client.service,
    namespace: client.namespace,
    dir,
    interface: client.interface,
    config,
    tunnelAddress: client.tunnelAddress.toString(),
    allowedIp: hostPrefix(client.tunnelAddress.address.toString()),
    publicKey: pair.publicKey,
    router: client.router,
    underlay: {
      address: client.underlay[family].client.toString(),
      gateway: client.underlay[family].gateway.toString(),
    },
    server,
    wireguard: null,
    traffic: null,
  }
}

function hostPrefix(address: string): string {
  return address.includes(':') ? `${address}/128` : `${address}/32`
}
