import { setMaxListeners } from 'node:events'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { readProcess } from '../linux/proc.ts'
import type { Fleet } from '../plan/sites/fleet.ts'
import { OperationError } from '../text/operation-error.ts'
import { readyLimitMs, settleLimitMs, startsAtOnce } from './limits.ts'
import { openSocket, startBirdProcess, startDaemons } from './machine/daemons.ts'
import { kernelHasVrf, kernelHasWireguard } from './machine/namespaces.ts'
import { coreDir, describeClaim, prepareLab } from './machine/prepare.ts'
import { startDetached } from './machine/processes.ts'
import { startRtr } from './machine/rtr.ts'
import { startStore } from './machine/store.ts'
import { fewAtOnce, together } from './machine/together.ts'
import { startTraffic } from './machine/traffic.ts'
import { createInterface } from './machine/wireguard.ts'
import { wireTopology } from './machine/wiring.ts'
import {
  announceChecks,
  clientCheck,
  controllerCheck,
  controllerLogOf,
  coreChecks,
  NotReadyError,
  sessionChecks,
  Tables,
  waitUntilReady,
} from './readiness.ts'
import {
  type ClientState,
  claimLab,
  type LabState,
  type NodeState,
  type ProcessRecord,
  type RouterState,
  readState,
  type WireguardState,
  writeState,
} from './state.ts'
import { takeDown } from './take-down.ts'
import { fleetInLab } from './topology/adapt.ts'
import { describeFactor, timerFactor } from './topology/slow-timers.ts'
import { buildTopology } from './topology/topology.ts'

interface BringUpOptions {
  readonly fleet: Fleet
  /** The path of the fleet's YAML, to identify the lab. */
  readonly sites: string
  /** The command to start this program as a controller: the interpreter and the script. */
  readonly program: readonly string[]
  readonly controllers: boolean
  /** With a store of three members, which every node joins. */
  readonly store: boolean
  /** Recorded in the state until the lab is ready. */
  readonly command: string
  /** `null`: the limit for a fleet of this size. */
  readonly timeoutMs: number | null
  /** Keeps a lab that does not come up. */
  readonly keep: boolean
  readonly onStep?: (step: string) => void
  readonly signal: AbortSignal
}

/** A lab exists already, or the remains of one after a crash; `state` is `null` if it cannot be read. */
export class LabExistsError extends Error {
  override readonly name = 'LabExistsError'
  readonly state: LabState | null

  constructor(state: LabState | null) {
    super('there is a lab on this machine already')
    this.state = state
  }
}

/**
 * Brings the whole fleet up, and returns when each client's traffic is answered. Takes everything down
 * again if that fails or is aborted. Throws LabExistsError, NotReadyError, TopologyError.
 */
export async function bringUp(options: BringUpOptions): Promise<LabState> {
  const nodes = options.fleet.sites.reduce((sum, site) => sum + site.nodes.length, 0)
  const factor = timerFactor(nodes, availableParallelism())
  const fleet = fleetInLab(options.fleet, factor)
  const topology = buildTopology(fleet, options.store)
  await requireVrf(fleet)
  if (!(await claimLab())) throw new LabExistsError(await readState())
  const failure = new AbortController()
  const signal = AbortSignal.any([options.signal, failure.signal])
  // As many listeners as there are programs at work at once.
  setMaxListeners(0, signal)
  try {
    const startTicks = (await readProcess(process.pid))?.startTicks ?? 0
    const owner = { command: options.command, pid: process.pid, startTicks }
    const claim = describeClaim(topology, options.sites, owner)
    await writeState(claim)
    const state = await prepareLab(fleet, topology, { ...claim, timerFactor: factor })
    // Before it creates anything that must be removed.
    await writeState(state)
    signal.throwIfAborted()
    const notice = describeFactor(factor)
    if (notice !== null) options.onStep?.(notice)
    options.onStep?.('wiring namespaces')
    state.kernelWireguard = await kernelHasWireguard()
    await wireTopology(fleet, topology, signal)
    const startAll: StartAll = (starts) =>
      fewAtOnce(startsAtOnce(availableParallelism()), starts, (start) => abortOnFailure(start(), failure))
    if (options.store) {
      options.onStep?.('starting the store')
      await startStore(state, signal)
      await writeState(state)
    }
    options.onStep?.('starting daemons')
    // The caches come first: a daemon that finds none retries only after the fleet's `retry`.
    const fabric = state.fabricNamespace
    await startAll(state.caches.map((cache) => () => startRtr(cache, fabric, options.program, signal)))
    await startAll(daemonStarts(state, signal))
    await writeState(state)
    await waitForLab(state, options, startAll, signal)
    const ready = { ...state, owner: null, ready: true }
    await writeState(ready)
    return ready
  } catch (error) {
    if (!options.keep || options.signal.aborted) await takeDown(null)
    throw error
  }
}

/** Throws an OperationError. */
async function requireVrf(fleet: Fleet): Promise<void> {
  const nodes = fleet.sites.flatMap((site) => site.nodes)
  const inVrf = nodes.flatMap(({ name, neighbors }) =>
    neighbors.flatMap((neighbor) => (neighbor.vrf === null ? [] : [{ node: name, ...neighbor }])),
  )
  const [first] = inVrf
  if (first === undefined || (await kernelHasVrf())) return
  throw new OperationError(
    `the kernel of this machine has no VRF (CONFIG_NET_VRF), and ${first.node} has vrf: ${first.vrf} at ${first.name}`,
    { hint: 'run `modprobe vrf` if its module is installed, or run the lab on a machine that has it' },
  )
}

/** Starts a few programs at once: more would starve each other. */
type StartAll = (starts: readonly (() => Promise<void>)[]) => Promise<void>

async function abortOnFailure(work: Promise<void>, failure: AbortController): Promise<void> {
  try {
    await work
  } catch (error) {
    failure.abort(error)
    throw error
  }
}

function daemonStarts(state: LabState, signal: AbortSignal) {
  return [
    async () => {
      state.core = await startBirdProcess('core', state.coreNamespace, coreDir, signal)
    },
    ...state.routers.map((router) => () => startRouter(router, signal)),
    ...state.clients.map((client) => () => startClient(state, client, signal)),
    ...state.nodes.map((node) => () => startNode(state, node, signal)),
  ]
}

async function startRouter(router: RouterState, signal: AbortSignal): Promise<void> {
  const dir = join(router.controlSocket, '..')
  router.process = await startBirdProcess(router.name, router.namespace, dir, signal)
  await openSocket(router.controlSocket)
}

async function startNode(state: LabState, node: NodeState, signal: AbortSignal): Promise<void> {
  await together([
    startDaemons(node, signal).then((daemons) => {
      node.daemons = daemons
    }),
    ...node.wireguard.map((wireguard) => startWireguard(state, node, wireguard, signal)),
  ])
}

/** Creates and configures a service's interface on a node, and notes its process. */
export async function startWireguard(
  state: LabState,
  node: NodeState,
  wireguard: WireguardState,
  signal?: AbortSignal,
): Promise<void> {
  wireguard.process = await createInterface(
    {
      namespace: node.namespace,
      interface: wireguard.interface,
      config: wireguard.config,
      addresses: wireguard.addresses,
      log: join(node.dir, `${wireguard.interface}.log`),
      inKernel: state.kernelWireguard,
    },
    signal,
  )
}

export function startController(node: NodeState, program: readonly string[]): Promise<ProcessRecord> {
  return startDetached({
    name: `controller of ${node.name}`,
    namespace: node.namespace,
    argv: [...program, 'controller', '--bundle', node.bundle],
    log: controllerLogOf(node),
  })
}

function startAgent(node: NodeState, program: readonly string[]): Promise<ProcessRecord> {
  return startDetached({
    name: `agent of ${node.name}`,
    namespace: node.namespace,
    argv: [...program, 'agent', '--bundle', node.bundle],
    log: join(node.dir, 'agent.log'),
  })
}

async function startClient(state: LabState, client: ClientState, signal: AbortSignal): Promise<void> {
  client.wireguard = await createInterface(
    {
      namespace: client.namespace,
      interface: client.interface,
      config: client.config,
      addresses: [client.tunnelAddress],
      log: join(client.dir, 'wireguard.log'),
      inKernel: state.kernelWireguard,
    },
    signal,
  )
}

async function waitForLab(
  state: LabState,
  options: BringUpOptions,
  startAll: StartAll,
  signal: AbortSignal,
): Promise<void> {
  const deadline = performance.now() + (options.timeoutMs ?? readyLimitMs(state.nodes.length))
  const tables = new Tables()
  try {
    options.onStep?.('waiting for BGP')
    const sessions = [...sessionChecks(state, tables, state.nodes), ...coreChecks(state, tables)]
    await waitUntilReady(sessions, deadline, signal)
    if (!options.controllers) return
    // Last: each probes from its start on, which takes CPU from the start of the others.
    options.onStep?.('starting controllers')
    await startAll(
      state.nodes.map((node) => async () => {
        node.controller = await startController(node, options.program)
        const settled = Math.min(deadline, performance.now() + settleLimitMs)
        await waitUntilReady([controllerCheck(node)], settled, signal).catch((error) => {
          // Reported below, with all others.
          if (!(error instanceof NotReadyError)) throw error
        })
      }),
    )
    if (options.store) {
      for (const node of state.nodes) node.agent = await startAgent(node, options.program)
    }
    await writeState(state)
    options.onStep?.('waiting for announcements')
    const announced = await together(state.nodes.map((node) => announceChecks(state, tables, node)))
    await waitUntilReady(announced.flat(), deadline, signal)
  } finally {
    tables.close()
  }
  options.onStep?.('waiting for the clients')
  // Not earlier: WireGuard repeats a handshake without a reply only after 5 s.
  await waitUntilReady(
    state.clients.map((client) => clientCheck(client, signal)),
    deadline,
    signal,
  )
  await together(
    state.clients.map(async (client) => {
      client.traffic = await startTraffic(client)
    }),
  )
}
