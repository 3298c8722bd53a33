import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { writeBundles } from '../bundle/write.ts'
import { createLocalShell, type NodeShell } from '../change/shell/node-shell.ts'
import { ShellTransport } from '../change/shell/shell-transport.ts'
import type { RolloutTransport } from '../change/transport.ts'
import { createRenderer } from '../plan/render/render.ts'
import { renderBundle } from '../plan/service/render-bundle.ts'
import type { LocalNodes } from '../plan/service/rollout/reach.ts'
import { loadTemplates } from '../plan/service/templates.ts'
import type { Fleet } from '../plan/sites/fleet.ts'
import { OperationError } from '../text/operation-error.ts'
import { startController } from './bring-up.ts'
import { enter } from './machine/namespaces.ts'
import { locateSecrets, planNodes } from './machine/plan-nodes.ts'
import { isAlive } from './machine/processes.ts'
import { type LabState, labDir, type NodeState, occupyLab, writeState } from './state.ts'
import { hasLiveOwner } from './take-down.ts'
import { fleetInLab } from './topology/adapt.ts'
import { findLacks, needsOf } from './topology/needs.ts'
import { buildTopology } from './topology/topology.ts'

/** Of the bundles and the state of its rollouts. They end with the lab. */
export const labRolloutDir = join(labDir, 'rollout')

interface LabNodesOptions {
  /** Of a lab that is up. */
  readonly state: LabState
  /** The command that is this program. */
  readonly program: readonly string[]
  /** In place of that of the YAML. */
  readonly soakMs: number | null
  /** The caller occupies the lab. */
  readonly occupied?: boolean
}

/** The nodes of the running lab, for a rollout. */
export function labNodes({ state, program, soakMs, occupied = false }: LabNodesOptions): LocalNodes {
  return {
    async plan(read, out) {
      const fleet = fleetInLab(read, state.timerFactor)
      await writeLabBundles(state, fleet, out)
      return soakMs === null ? fleet : { ...fleet, rollout: { ...fleet.rollout, soakMs } }
    },
    async use(work) {
      if (!occupied && (await hasLiveOwner(state))) {
        const { command, pid } = state.owner!
        throw new OperationError(`\`anyward ${command}\`, process ${pid}, uses the lab`, {
          hint: 'wait until it has ended',
          outcome: 'refused',
        })
      }
      if (state.nodes.every(({ controller }) => controller === null)) {
        throw new OperationError('the lab runs without controllers', {
          hint: 'a rollout is judged by what they say: start the lab without --no-controllers',
          outcome: 'refused',
        })
      }
      const use = () => useNodes(state, program, work)
      return occupied ? use() : occupyLab(state, 'lab rollout', use)
    },
  }
}

async function writeLabBundles(state: LabState, fleet: Fleet, out: string): Promise<void> {
  const hasStore = state.storeMembers.length > 0
  const topology = buildTopology(fleet, hasStore)
  // With the store, each WireGuard has the peers of all probes.
  const needed = hasStore ? { ...fleet, remote: null } : fleet
  const lacks = findLacks(
    topology.nodes.map((node) => ({ name: node.name, needs: needsOf(needed, node) })),
    state.nodes,
  )
  if (lacks.length > 0) {
    throw new OperationError(`the lab lacks what this fleet needs:\n    ${lacks.join('\n    ')}`, {
      hint: 'a rollout changes bundles, not links, neighbors and endpoints: `anyward lab down`, and `anyward lab up` with this fleet. Nothing was changed',
      outcome: 'refused',
    })
  }
  const keys = state.nodes.flatMap((node) =>
    node.wireguard.map((one) => [one.service, one.publicKey] as const),
  )
  const port = Number(new URL(state.nodes[0]!.statusUrl).port)
  const probes = new Map(
    state.nodes.flatMap((node) =>
      node.wireguard.map((one) => [`${node.name} ${one.service}`, one.probePublicKey] as const),
    ),
  )
  const secrets = locateSecrets(topology, new Map(keys), (node, service) => probes.get(`${node} ${service}`)!)
  const plans = await planNodes(fleet, topology, secrets, port)
  const render = createRenderer(await loadTemplates())
  for (const plan of plans) {
    const dir = join(out, plan.site, plan.node)
    await rm(dir, { recursive: true, force: true })
    await writeBundles(async (stage) => stage({ dir, files: renderBundle(render, plan), obsolete: [] }))
  }
}

/** Also after an interruption, a change that has begun is awaited: its controller has to be started again. */
async function useNodes<T>(
  state: LabState,
  program: readonly string[],
  work: (transport: RolloutTransport) => Promise<T>,
): Promise<T> {
  const shell = createTransport(state, program)
  const changes = new Set<Promise<unknown>>()
  const over = new AbortController()
  const supervision = supervise(state, program, over.signal)
  // It is awaited at the end.
  supervision.catch(() => {})
  try {
    return await work({
      inspect: (target) => shell.inspect(target),
      observe: (target) => shell.observe(target),
      change(target, change) {
        const changing = shell.change(target, change)
        changes.add(changing)
        return changing
      },
    })
  } finally {
    await Promise.allSettled(changes)
    over.abort()
    await supervision
  }
}

function createTransport({ nodes }: LabState, program: readonly string[]): ShellTransport {
  const find = (name: string): NodeState => nodes.find((node) => node.name === name)!
  // In a session of its own: Ctrl-C must not reach what has begun on a node.
  const local = createLocalShell((node, argv) => ['setsid', '--wait', ...enter(find(node).namespace, argv)])
  const shell: NodeShell = (target, [first, ...rest], call) =>
    local(target, first === 'anyward' ? [...program, ...rest] : [first!, ...rest], call)
  return new ShellTransport(shell, (node) => find(node).bundle)
}

const pauseMs = 100

/** As systemd does with Restart=always. */
async function supervise(state: LabState, program: readonly string[], over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    for (const node of state.nodes) {
      if (node.controller !== null && (await isAlive(node.controller))) continue
      node.controller = await startController(node, program)
      await writeState(state)
    }
    await delay(pauseMs)
  }
}
