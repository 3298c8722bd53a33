import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { parseDocument } from 'yaml'

const pathOf = (path) => fileURLToPath(new URL(path, import.meta.url))
const load = (path) => import(new URL(`../../../dist/${path}`, import.meta.url))
const { readBundle } = await load('bundle/read.js')
const { ipBatch, runIn } = await load('lab/machine/namespaces.js')
const { expectedPrefixes, sessionsOf, Tables } = await load('lab/readiness.js')
const { scenarios } = await load('lab/scenario/scenarios.js')
const { watchRoutes } = await load('lab/scenario/watch.js')
const { readState } = await load('lab/state.js')

/** Short, for Unix sockets; on the bench's own tmpfs. */
export const scratch = '/run/anyward-bench'
const fleet = pathOf('fleet')
const program = [process.execPath, pathOf('../../../dist/cli/main.js')]
const never = new AbortController().signal

/** The link that VRRP needs, between both nodes and their switch. */
export const pairWire = {
  interface: 'pair0',
  router: { address: '10.99.0.1', mac: '02:00:00:00:99:01' },
  nodes: [
    { address: '10.99.0.2', mac: '02:00:00:00:99:02' },
    { address: '10.99.0.3', mac: '02:00:00:00:99:03' },
  ],
}

/**
 * The fleet of `fleet/` with our controllers and an additional link for VRRP. It ends with the namespaces of this process, if
 * not by `close`.
 */
export async function bringUpPair({ daemons = ['bird', 'frr'], isRescued = false } = {}) {
  const sites = join(scratch, 'sites')
  await mkdir(scratch, { recursive: true })
  await cp(fleet, sites, { recursive: true })
  await edit(join(sites, 'pair.yaml'), (site) => {
    for (const [at, daemon] of daemons.entries()) site.setIn(['nodes', at, 'daemon'], daemon)
  })
  if (!isRescued) await edit(join(sites, 'fleet.yaml'), (file) => file.delete('rescue'))
  await anyward('--sites', sites, 'lab', 'up', '--json')
  const state = await readState()
  await plugPairWire(state)
  // By this link nodes exchange their rosters; without rescue, it is only for the status.
  if (isRescued) for (const [at, node] of state.nodes.entries()) node.ports.push(`m${at + 1}`)
  const tables = new Tables()
  const [router] = state.routers
  return {
    ...{ state, router, tables, program, nodes: state.nodes },
    /** What our controller on BIRD has announced, by node: other controllers have the same routes. */
    announcements: new Map(),
    async close() {
      tables.close()
      await anyward('lab', 'down')
    },
  }
}

function anyward(...args) {
  return promisify(execFile)(program[0], [program[1], ...args])
}

async function edit(file, change) {
  const document = parseDocument(await readFile(file, 'utf8'))
  change(document)
  await writeFile(file, document.toString())
}

async function plugPairWire({ fabricNamespace, nodes, routers }) {
  const ends = [
    { port: 'pair-tor', namespace: routers[0].namespace, ...pairWire.router },
    ...nodes.map((node, at) => ({
      port: `pair-${at}`,
      namespace: node.namespace,
      node,
      ...pairWire.nodes[at],
    })),
  ]
  await ipBatch(fabricNamespace, [
    'link add pair type bridge mcast_snooping 0',
    'link set pair up',
    ...ends.flatMap(({ port, namespace }) => [
      `link add ${port} type veth peer name ${pairWire.interface} netns ${namespace}`,
      `link set ${port} master pair up`,
    ]),
  ])
  for (const { namespace, node, port, address, mac } of ends) {
    await ipBatch(namespace, [
      `link set ${pairWire.interface} address ${mac} up`,
      `addr add ${address}/24 dev ${pairWire.interface}`,
    ])
    // A crash of the node cuts this link too.
    node?.ports.push(port)
  }
  for (const { namespace } of nodes) {
    // wireguard-go replies by the link on which the request arrived: see `returnLines` of the lab.
    const back = `default via ${pairWire.router.address} dev ${pairWire.interface}`
    await ipBatch(namespace, [`route add ${back} metric 9 table 5182`])
  }
  const { namespace } = routers[0]
  const settings = '/proc/sys/net/ipv4'
  // A switch or router learns from a gratuitous ARP, also an unsolicited one.
  await runIn(namespace, ['tee', `${settings}/conf/${pairWire.interface}/arp_accept`], { input: '1' })
  // The kernel forgets unused entries when all namespaces together have many.
  await runIn(namespace, ['tee', `${settings}/neigh/${pairWire.interface}/gc_stale_time`], { input: '86400' })
}

/** Injects faults and repairs them with the code of `anyward lab run`. */
export async function prepareFault(lab, node, name) {
  const scenario = scenarios.find((one) => one.name === name)
  const manifest = await readBundle(node.bundle)
  const stage = { state: lab.state, node, manifest, wireguard: node.wireguard[0], program: lab.program }
  return { fault: await scenario.prepare(stage), limitMs: scenario.boundOf(stage).limitMs }
}

/** Watches a node's routes in the neighbor's own table. */
export async function watchNode(lab, node) {
  const [{ router, session }] = sessionsOf(lab.state, node.name)
  const prefixes = expectedPrefixes(await readBundle(node.bundle), session.neighbor)
  const held = { router, protocol: session.protocol, prefixes }
  return {
    held,
    watch: async (wanted, since, deadline) =>
      (await watchRoutes(lab.tables, held, wanted, since, deadline, never)).afterMs,
  }
}

/**
 * Watches in the neighbor's ARP table where it sends the packets of an address: `gone` once that is the pair's second
 * node, `back` once it is the first. A missing entry means neither.
 */
export function watchAddress(lab, address) {
  const table = `/proc/${lab.router.process.pid}/net/arp`
  const findHolder = () =>
    readFileSync(table, 'utf8')
      .split('\n')
      .map((line) => line.split(/\s+/))
      .find((fields) => fields[0] === address)?.[3]
  return async (wanted, since, deadline) => {
    const { mac } = pairWire.nodes[wanted === 'back' ? 0 : 1]
    for (;;) {
      const holder = findHolder()
      const now = performance.now()
      if (holder === mac) return now - since
      if (now > deadline) return null
      await delay(1)
    }
  }
}

/** A session whose BFD is not up yet would wait for the hold timer. */
export async function waitForBfd(lab, node, timeoutMs) {
  const [{ router, session }] = sessionsOf(lab.state, node.name)
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const { lines } = await lab.tables.of(router).send('show bfd sessions')
    const isUp = lines.some(({ text }) => {
      const [address, , state] = text.trim().split(/\s+/)
      return address === session.address && state === 'Up'
    })
    if (isUp) return
    if (performance.now() > deadline) throw new Error(`BFD of ${node.name} does not come up`)
    await delay(20)
  }
}
