import type { DaemonKind } from '../../manifest/daemon-kinds.ts'
import { changeKey, removeInterface, removeProbePeer, stopWireguard } from './faults/endpoint.ts'
import { drainNode } from './faults/orders.ts'
import { cutLinks } from './faults/paths.ts'
import { killController, killDaemon } from './faults/processes.ts'
import type { Bound, Scenario, Stage } from './scenario.ts'

/** The limit is this many times the goal, so that a busy machine does not fail the scenario. */
const leniency = 5
/** Includes the start of the command line. */
const operatorLimitMs = 5000
/** A killed daemon's sessions end with its sockets. */
const resetLimitMs = 2000

export const scenarios: readonly Scenario[] = [
  {
    name: 'wireguard-down',
    summary: 'the WireGuard interface is removed',
    expects: 'withdrawn',
    detectedBy: 'controller',
    affects: 'service',
    needs: null,
    clientReturns: 'elsewhere',
    serves: false,
    boundOf: eventBound,
    prepare: removeInterface,
  },
  {
    name: 'wireguard-hung',
    summary: 'WireGuard stops answering',
    expects: 'withdrawn',
    detectedBy: 'controller',
    affects: 'service',
    needs: null,
    clientReturns: 'elsewhere',
    serves: false,
    boundOf: probeBound,
    prepare: stopWireguard,
  },
  {
    name: 'wrong-key',
    summary: 'the server gets another private key',
    expects: 'withdrawn',
    detectedBy: 'controller',
    affects: 'service',
    needs: null,
    clientReturns: 'elsewhere',
    serves: false,
    boundOf: probeBound,
    prepare: changeKey,
  },
  {
    name: 'peer-missing',
    summary: "the probe's peer is removed",
    expects: 'withdrawn',
    detectedBy: 'controller',
    affects: 'service',
    needs: null,
    clientReturns: 'elsewhere',
    serves: true,
    boundOf: probeBound,
    prepare: removeProbePeer,
  },
  {
    name: 'daemon-restart',
    summary: 'the routing daemon is killed and starts alone',
    expects: 'withdrawn',
    detectedBy: 'neighbor',
    affects: 'node',
    needs: null,
    clientReturns: 'with-repair',
    serves: true,
    boundOf: () => ({ limitMs: resetLimitMs, goalMs: null }),
    prepare: killDaemon,
  },
  {
    name: 'controller-killed',
    summary: 'the controller is killed and started again',
    expects: 'kept',
    detectedBy: 'neighbor',
    affects: 'node',
    needs: null,
    clientReturns: 'with-repair',
    serves: true,
    boundOf: () => ({ limitMs: 0, goalMs: null }),
    prepare: killController,
  },
  {
    name: 'controller-dead',
    summary: 'the controller is killed, and no other is started',
    expects: 'withdrawn',
    detectedBy: 'neighbor',
    affects: 'guarded',
    needs: null,
    clientReturns: 'elsewhere',
    serves: true,
    boundOf: guardBound,
    prepare: killController,
  },
  {
    name: 'node-crash',
    summary: "the node's links are cut",
    expects: 'withdrawn',
    detectedBy: 'neighbor',
    affects: 'node',
    needs: 'bfd',
    clientReturns: 'elsewhere',
    serves: false,
    boundOf: bfdBound,
    prepare: cutLinks,
  },
  {
    name: 'drain',
    summary: 'the operator drains the node',
    expects: 'withdrawn',
    detectedBy: 'controller',
    affects: 'node',
    needs: null,
    clientReturns: 'elsewhere',
    serves: true,
    boundOf: drainBound,
    prepare: drainNode,
  },
]

/** The time that the routing daemon takes; bgpd batches for 50 ms. */
const eventGoalMs: Readonly<Record<DaemonKind, number>> = { bird: 15, frr: 80 }

/** The interface's end is an event: only the routing daemon takes time. */
function eventBound({ node }: Stage): Bound {
  const goalMs = eventGoalMs[node.daemon]
  return { limitMs: goalMs * leniency, goalMs }
}

function probeBound({ manifest, wireguard }: Stage): Bound {
  const { fall, intervalMs, timeoutMs } = manifest.services.find(
    ({ name }) => name === wireguard.service,
  )!.probe
  return { limitMs: fall * intervalMs + timeoutMs + 100, goalMs: null }
}

/** From the YAML; the guard checks its deadlines a few times a second, and bgpd needs some time too. */
function guardBound({ manifest }: Stage): Bound {
  const bounds = manifest.services.map(({ deadManMs }) => deadManMs ?? 0)
  return { limitMs: Math.max(0, ...bounds) + 1000, goalMs: null }
}

/** The time limit of a drain. */
function drainBound({ manifest }: Stage): Bound {
  const limits = manifest.services.map(({ drain }) => drain.limitMs)
  return { limitMs: Math.max(0, ...limits) + operatorLimitMs, goalMs: null }
}

/** The slowest session. Sessions without BFD last until their hold timer expires, and are not awaited. */
function bfdBound({ state, node }: Stage): Bound {
  const detection = state.routers
    .flatMap((router) => router.sessions)
    .filter((session) => session.node === node.name)
    .map(({ bfdIntervalMs, bfdMultiplier }) => (bfdIntervalMs ?? 0) * (bfdMultiplier ?? 0))
  return { limitMs: Math.max(0, ...detection) + 200, goalMs: null }
}
