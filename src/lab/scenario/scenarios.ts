import { join } from 'node:path'
import { type DaemonKind, daemonNames } from '../../manifest/daemon-kinds.ts'
import { startController, startWireguard } from '../bring-up.ts'
import { restartDaemon } from '../machine/daemons.ts'
import { ipBatch, openIpShell, runIn } from '../machine/namespaces.ts'
import { signalProcess, waitForEnd } from '../machine/processes.ts'
import { generateKeyPair } from '../machine/wireguard.ts'
import { type ProcessRecord, writeSecret } from '../state.ts'
import type { Bound, Fault, Scenario, Stage } from './scenario.ts'

/** The limit is this many times the goal, so that a busy machine does not fail the scenario. */
const leniency = 5
const killTimeoutMs = 5000
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
    needsBfd: false,
    clientReturns: 'elsewhere',
    boundOf: eventBound,
    prepare: removeInterface,
  },
  {
    name: 'wireguard-hung',
    summary: 'WireGuard stops answering',
    expects: 'withdrawn',
    detectedBy: 'controller',
    affects: 'service',
    needsBfd: false,
    clientReturns: 'elsewhere',
    boundOf: probeBound,
    prepare: stopWireguard,
  },
  {
    name: 'wrong-key',
    summary: 'the server gets another private key',
    expects: 'withdrawn',
    detectedBy: 'controller',
    affects: 'service',
    needsBfd: false,
    clientReturns: 'elsewhere',
    boundOf: probeBound,
    prepare: changeKey,
  },
  {
    name: 'peer-missing',
    summary: "the probe's peer is removed",
    expects: 'withdrawn',
    detectedBy: 'controller',
    affects: 'service',
    needsBfd: false,
    clientReturns: 'elsewhere',
    boundOf: probeBound,
    prepare: removeProbePeer,
  },
  {
    name: 'daemon-restart',
    summary: 'the routing daemon is killed and starts alone',
    expects: 'withdrawn',
    detectedBy: 'neighbor',
    affects: 'node',
    needsBfd: false,
    clientReturns: 'with-repair',
    boundOf: () => ({ limitMs: resetLimitMs, goalMs: null }),
    prepare: killDaemon,
  },
  {
    name: 'controller-killed',
    summary: 'the controller is killed and started again',
    expects: 'kept',
    detectedBy: 'neighbor',
    affects: 'node',
    needsBfd: false,
    clientReturns: 'with-repair',
    boundOf: () => ({ limitMs: 0, goalMs: null }),
    prepare: killController,
  },
  {
    name: 'controller-dead',
    summary: 'the controller is killed, and no other is started',
    expects: 'withdrawn',
    detectedBy: 'neighbor',
    affects: 'guarded',
    needsBfd: false,
    clientReturns: 'elsewhere',
    boundOf: guardBound,
    prepare: killController,
  },
  {
    name: 'node-crash',
    summary: "the node's links are cut",
    expects: 'withdrawn',
    detectedBy: 'neighbor',
    affects: 'node',
    needsBfd: true,
    clientReturns: 'elsewhere',
    boundOf: bfdBound,
    prepare: cutLinks,
  },
  {
    name: 'drain',
    summary: 'the operator drains the node',
    expects: 'withdrawn',
    detectedBy: 'controller',
    affects: 'node',
    needsBfd: false,
    clientReturns: 'elsewhere',
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

async function removeInterface({ state, node, wireguard }: Stage): Promise<Fault> {
  const shell = await openIpShell(node.namespace)
  return {
    strike: () => shell.run([`link del ${wireguard.interface}`]),
    async repair() {
      await shell.close()
      await ipBatch(node.namespace, [`link del ${wireguard.interface}`]).catch(() => {})
      if (wireguard.process !== null && !(await waitForEnd(wireguard.process, killTimeoutMs))) {
        await signalProcess(wireguard.process, 'SIGKILL')
        await waitForEnd(wireguard.process, killTimeoutMs)
      }
      await startWireguard(state, node, wireguard)
    },
  }
}

async function stopWireguard({ node, wireguard }: Stage): Promise<Fault> {
  const running = wireguard.process
  if (running !== null) {
    return {
      strike: async () => void (await signalProcess(running, 'SIGSTOP')),
      repair: async () => void (await signalProcess(running, 'SIGCONT')),
    }
  }
  // The kernel's WireGuard cannot be stopped: its port is blocked instead.
  const table = 'anyward_lab_hung'
  return {
    async strike() {
      await runIn(node.namespace, ['nft', '-f', '-'], { input: renderBlock(table, wireguard.port) })
    },
    async repair() {
      await runIn(node.namespace, ['nft', 'delete', 'table', 'inet', table]).catch(() => {})
    },
  }
}

/** nft 1.0.6 wants a line end or a semicolon after each closing brace. */
export function renderBlock(table: string, port: number): string {
  return `table inet ${table} {
  chain input {
    type filter hook input priority -300
    udp dport ${port} drop
  }
}
`
}

async function changeKey({ node, wireguard }: Stage): Promise<Fault> {
  const file = join(node.dir, 'wrong.key')
  await writeSecret(file, `${generateKeyPair().privateKey}\n`)
  return {
    async strike() {
      await runIn(node.namespace, ['wg', 'set', wireguard.interface, 'private-key', file])
    },
    repair: () => restoreConfiguration(node.namespace, wireguard.interface, wireguard.config),
  }
}

async function removeProbePeer({ node, wireguard }: Stage): Promise<Fault> {
  const { probePublicKey } = wireguard
  return {
    async strike() {
      await runIn(node.namespace, ['wg', 'set', wireguard.interface, 'peer', probePublicKey, 'remove'])
    },
    repair: () => restoreConfiguration(node.namespace, wireguard.interface, wireguard.config),
  }
}

async function restoreConfiguration(namespace: string, name: string, config: string): Promise<void> {
  await runIn(namespace, ['wg', 'syncconf', name, config])
}

async function killDaemon({ node }: Stage): Promise<Fault> {
  const name = daemonNames[node.daemon].process
  const daemon = node.daemons.find((record) => record.name === name)!
  return {
    strike: async () => void (await signalProcess(daemon, 'SIGKILL')),
    async repair() {
      await endProcess(daemon)
      await restartDaemon(node, daemon)
    },
  }
}

async function killController({ node, program }: Stage): Promise<Fault> {
  const { controller } = node
  return {
    async strike() {
      if (controller !== null) await signalProcess(controller, 'SIGKILL')
    },
    async repair() {
      if (controller !== null) await endProcess(controller)
      node.controller = await startController(node, program)
    },
  }
}

async function cutLinks({ state, node }: Stage): Promise<Fault> {
  const shell = await openIpShell(state.fabricNamespace)
  return {
    strike: () => shell.run(node.ports.map((port) => `link set ${port} down`)),
    async repair() {
      await shell.close()
      await ipBatch(
        state.fabricNamespace,
        node.ports.map((port) => `link set ${port} up`),
      )
    },
  }
}

async function drainNode({ node, program }: Stage): Promise<Fault> {
  const order = async (...words: string[]) => {
    try {
      await runIn(node.namespace, [...program, ...words, '--no-wait', '--bundle', node.bundle])
    } catch (error) {
      // It reports that the neighbors do not have it yet, which is measured next.
      if ((error as { exitCode?: number }).exitCode !== 1) throw error
    }
  }
  return {
    strike: () => order('drain', '--reason', 'a scenario of the lab'),
    repair: () => order('undrain'),
  }
}

async function endProcess(record: ProcessRecord): Promise<void> {
  await signalProcess(record, 'SIGKILL')
  await waitForEnd(record, killTimeoutMs)
}
