import { dirname, join, resolve } from 'node:path'
import { readManifest } from '../../bundle/read.ts'
import { createLocalShell, type NodeShell } from '../../change/shell/node-shell.ts'
import { viewOf } from '../../change/shell/read-status.ts'
import { ShellTransport } from '../../change/shell/shell-transport.ts'
import type { Seen } from '../../change/view.ts'
import { systemClock } from '../../clock/clock.ts'
import { acquireLock } from '../../files/lock.ts'
import { openStore } from '../../fleet/etcd/open-store.ts'
import type { Store } from '../../fleet/store.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import { createLog, type Log } from '../../telemetry/log.ts'
import { OperationError } from '../../text/operation-error.ts'
import { Agent } from '../agent/agent.ts'
import type { NodeSteps } from '../agent/node-steps.ts'
import { Reachability } from '../agent/reachability.ts'
import { StatePublisher } from '../agent/state-publisher.ts'
import { lockApply } from '../apply/lock.ts'
import { AgentFile, agentFileOf } from './agent-file.ts'
import { repairNode } from './apply-node.ts'
import { askController } from './ask-controller.ts'
import type { ThisProgram } from './create-guard.ts'
import { exitOnCrash } from './exit-on-crash.ts'

/** How long to wait for a bundle with a store, or its files, before the next look. */
const retryMs = 5000
/** Between two questions of a watch, also in a large fleet: what asks an agent for anything waits less than three of them. */
const mostAskEveryMs = 3000
/** An apply takes no longer. */
const applyMs = 240_000

/** Carries out what rollouts order for this node, until a signal ends the process. Throws OperationError and LockError. */
export async function runAgent(bundle: string, program: ThisProgram): Promise<void> {
  const bundleDir = resolve(bundle)
  const { node, site, paths } = await readManifest(bundleDir)
  const lock = await acquireLock(join(dirname(bundleDir), 'agent.lock'))
  if (lock.outcome === 'busy') {
    const process = lock.pid === null ? '' : ` (process ${lock.pid})`
    throw new OperationError(`another agent is already running for ${node}${process}`, {
      hint: 'stop it first',
      outcome: 'refused',
    })
  }
  const { log, flush, end } = await createLog({ node, site, program: 'agent' })
  exitOnCrash((error) => {
    log.fatal({ event: 'crash', err: error }, 'internal error in the agent; the node stays as it is')
    flush()
  })
  const stopped = new AbortController()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stopped.abort())
  // SIGHUP comes from the terminal that the agent was started in.
  process.on('SIGHUP', () => {})
  log.info({ event: 'start' }, 'the agent starts')
  const reachability = new Reachability(log, systemClock)
  const file = new AgentFile(agentFileOf(paths.runtimeDir), systemClock, () => reachability.isReached)
  file.start()
  while (!stopped.signal.aborted) {
    const found = await findStore(bundleDir, log, stopped.signal)
    if (found === null) break
    await follow(found, { bundleDir, program, log, reachability, file, stopped: stopped.signal })
  }
  // A change that is in progress on the node ends by itself, and the next agent looks at it.
  await file.close()
  log.info({ event: 'stopped' }, 'the agent ends')
  await end()
}

interface Found {
  readonly manifest: Manifest
  readonly store: Store
}

/** Waits for it, and logs why once. `null`: the agent is to end. */
async function findStore(bundleDir: string, log: Log, stopped: AbortSignal): Promise<Found | null> {
  let said = ''
  while (!stopped.aborted) {
    const found = await tryToOpen(bundleDir)
    if (typeof found !== 'string') return found
    if (found !== said) log.warn({ event: 'no-store', cause: found }, `waits for a store: ${found}`)
    said = found
    await systemClock.sleep(retryMs, (wake) => stopped.addEventListener('abort', wake, { once: true }))
  }
  return null
}

async function tryToOpen(bundleDir: string): Promise<Found | string> {
  try {
    const manifest = await readManifest(bundleDir)
    if (manifest.store === null) return `the bundle in ${bundleDir} has none`
    const askEveryMs = Math.min(manifest.store.beatEveryMs, mostAskEveryMs)
    return { manifest, store: await openStore(manifest.store, askEveryMs) }
  } catch (error) {
    const { code, path, message } = error as NodeJS.ErrnoException
    return path === undefined ? message : `cannot read ${path} (${code})`
  }
}

interface Node {
  readonly bundleDir: string
  readonly program: ThisProgram
  readonly log: Log
  readonly reachability: Reachability
  readonly file: AgentFile
  readonly stopped: AbortSignal
}

/** Until the agent is to end, or the installed bundle has another store. */
async function follow({ manifest, store }: Found, node: Node): Promise<void> {
  const { log, reachability, file, stopped } = node
  const { site, node: name } = manifest
  const steps = createSteps(manifest, node)
  const parts = { store, clock: systemClock, self: { site, node: name }, steps, reachability }
  const state = new StatePublisher({
    ...parts,
    onInstalled: (bundle) => {
      if (JSON.stringify(bundle.manifest.store) !== JSON.stringify(manifest.store)) agent.finish()
    },
  })
  const agent = new Agent({
    ...{ ...parts, state, log },
    onEnded: (rollout, outcome) => file.ended(rollout, outcome),
  })
  const stop = () => {
    agent.close()
    state.close()
  }
  stopped.addEventListener('abort', stop)
  if (stopped.aborted) stop()
  state.start()
  const ended = new Promise<void>((resolve) =>
    stopped.addEventListener('abort', () => resolve(), { once: true }),
  )
  await Promise.race([agent.run(), ended])
  stopped.removeEventListener('abort', stop)
  stop()
  await store.close()
}

function createSteps(manifest: Manifest, { bundleDir, program }: Node): NodeSteps {
  const local = createLocalShell((_node, argv) => argv as [string, ...string[]])
  // The same version as this one, wherever it is installed.
  const shell: NodeShell = (target, [first, ...rest], call) =>
    local(target, first === 'anyward' ? [...program.argv, ...rest] : [first!, ...rest], call)
  const transport = new ShellTransport(shell, () => bundleDir)
  const target = { node: manifest.node, host: manifest.node }
  return {
    bundleDir,
    fetchedDir: join(dirname(bundleDir), 'fetched'),
    settle: async () => {
      const deadline = systemClock.now() + applyMs
      for (;;) {
        const lock = await lockApply(bundleDir)
        if (lock.outcome === 'locked') {
          lock.release()
          break
        }
        if (systemClock.now() > deadline) break
        await systemClock.sleep(500)
      }
      await repairNode(bundleDir)
    },
    look: () => look(manifest),
    change: (change) => transport.change(target, change),
  }
}

async function look(manifest: Manifest): Promise<Seen> {
  try {
    const reply = await askController(manifest)
    return { outcome: 'seen', view: reply.outcome === 'absent' ? null : viewOf(reply.status) }
  } catch (error) {
    if (error instanceof OperationError) return { outcome: 'unreachable', problem: error.message }
    throw error
  }
}
