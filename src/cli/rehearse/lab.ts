import { resolve } from 'node:path'
import { readBundle } from '../../bundle/read.ts'
import { bringUp, LabExistsError } from '../../lab/bring-up.ts'
import { describeLab } from '../../lab/describe.ts'
import { LabError } from '../../lab/lab-error.ts'
import { downLimitMs } from '../../lab/limits.ts'
import { findMissingLabPrograms } from '../../lab/machine/programs.ts'
import { NotReadyError } from '../../lab/readiness.ts'
import { describeEvent, renderResults } from '../../lab/scenario/report.ts'
import { defaultNodes, runScenarios } from '../../lab/scenario/run.ts'
import type { ScenarioResult } from '../../lab/scenario/scenario.ts'
import { type LabState, labDir, type NodeState, occupyLab, readState } from '../../lab/state.ts'
import { endOwner, hasLiveOwner, takeDown } from '../../lab/take-down.ts'
import { describeFactor } from '../../lab/topology/slow-timers.ts'
import { TopologyError } from '../../lab/topology/topology-error.ts'
import { describeMissing } from '../../linux/programs.ts'
import { RunError } from '../../linux/run.ts'
import type { Fleet } from '../../plan/sites/fleet.ts'
import { requireFleet } from '../../plan/sites/load.ts'
import { CommandError, exitCode } from '../failure.ts'
import { createProgress, type Progress, withProgress } from '../terminal/progress.ts'
import { type Chosen, chooseScenarios } from './choose-scenarios.ts'

export interface GlobalOptions {
  readonly sites: string
  readonly json?: true
}

export interface UpOptions extends GlobalOptions {
  readonly controllers: boolean
  readonly store?: true
  readonly keep?: true
  readonly timeout?: number
}

export interface RunCommandOptions extends GlobalOptions {
  readonly node?: string[]
  readonly client: boolean
  readonly running?: true
  readonly store?: true
  readonly timeout?: number
}

export async function labUp(options: UpOptions): Promise<void> {
  const startedAt = performance.now()
  const state = await up(options, 'lab up')
  if (options.json) {
    process.stdout.write(`${JSON.stringify(describeLab(state), null, 2)}\n`)
    return
  }
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  process.stdout.write(`${summarizeLab(state)}\nup after ${seconds} s; \`anyward lab down\` ends it\n`)
}

export async function labRun(wanted: readonly string[], options: RunCommandOptions): Promise<void> {
  const results = await run(wanted, options)
  if (options.json) process.stdout.write(`${JSON.stringify({ scenarios: results }, null, 2)}\n`)
  else process.stdout.write(`${renderResults(results)}\n`)
  process.exitCode = results.every(({ passed }) => passed) ? exitCode.fine : exitCode.findings
}

export async function labDown(options: GlobalOptions): Promise<void> {
  requireRoot()
  const state = await readState()
  try {
    await withProgress({ lines: 'slow' }, async (progress) => {
      progress.step('taking the lab down')
      await endOwner(state, downLimitMs(state?.namespaces.length ?? 0))
      await takeDown(state)
    })
  } catch (error) {
    if (!isLabFailure(error)) throw error
    throw new CommandError(error.message, { hint: 'run `anyward lab down` again', cause: error })
  }
  if (options.json) process.stdout.write('{}\n')
  else process.stdout.write('the lab is down\n')
}

async function run(wanted: readonly string[], options: RunCommandOptions): Promise<ScenarioResult[]> {
  if (options.running) {
    const state = await requireRunningLab()
    const { rescue } = await readBundle(state.nodes[0]!.bundle)
    const lab = { hasStore: state.storeMembers.length > 0, hasRescue: rescue !== null }
    return runOn(state, chooseScenarios(wanted, lab, options.client), options)
  }
  const { rescue } = await requireFleet(options.sites)
  const lab = { hasStore: options.store === true, hasRescue: rescue !== null }
  const chosen = chooseScenarios(wanted, lab, options.client)
  const state = await up({ ...options, controllers: true }, 'lab run')
  try {
    return await runOn(state, chosen, options)
  } finally {
    await withProgress({ lines: 'slow' }, async (progress) => {
      progress.step('taking the lab down')
      await takeDown(await readState())
    })
  }
}

async function runOn(state: LabState, chosen: Chosen, options: RunCommandOptions): Promise<ScenarioResult[]> {
  const nodes = options.node?.map((name) => requireNode(state, name)) ?? defaultNodes(state)
  const notice = options.running ? describeFactor(state.timerFactor) : null
  if (notice !== null) say(notice)
  const progress = createProgress({ lines: 'slow' })
  const interruption = interruptible('interrupted, repairing the fault', progress)
  try {
    return await occupyLab(state, 'lab run', () =>
      runScenarios({
        state,
        ...chosen,
        nodes,
        client: options.client,
        program: thisProgram(),
        onEvent: (event) => {
          const line = describeEvent(event)
          if (line !== null) progress.print(line)
          // What the next line is waited for.
          if (event.kind !== 'struck') progress.step(`    ${waits[event.kind]}`)
        },
        signal: interruption.signal,
      }),
    )
  } catch (error) {
    if (interruption.signal.aborted) throw new CommandError('interrupted', { cause: error })
    if (isLabFailure(error)) throw new CommandError(error.message, { cause: error })
    throw error
  } finally {
    progress.end()
    interruption.end()
  }
}

const waits = {
  started: 'injecting the fault',
  detected: 'waiting for the neighbors and the client',
  withdrawn: 'waiting for the neighbors and the client',
  'client-back': 'waiting for the neighbors and the client',
  repairing: 'waiting for the announcements',
  restored: 'waiting for the announcements',
  finished: 'preparing the next scenario',
} as const

async function requireRunningLab(): Promise<LabState> {
  requireRoot()
  const state = await readState()
  if (state === null || !state.ready) {
    throw new CommandError('no lab is up', { hint: 'run `anyward lab up`, or omit --running' })
  }
  if (await hasLiveOwner(state)) throw await explainExisting(state)
  return state
}

function requireNode(state: LabState, name: string): NodeState {
  const found = state.nodes.find((node) => node.name === name)
  if (found !== undefined) return found
  throw new CommandError(`no node is called ${name}`, {
    hint: `the lab has ${state.nodes.map((node) => node.name).join(', ')}`,
  })
}

export function thisProgram(): string[] {
  return [process.execPath, ...process.execArgv, process.argv[1]!]
}

/** Brings a lab up for a command; a known failure becomes a CommandError with a hint. */
async function up(options: UpOptions, command: string): Promise<LabState> {
  requireRoot()
  const fleet = await requireFleet(options.sites)
  await requirePrograms(fleet, options.store === true)
  const progress = createProgress({ lines: 'each' })
  const interruption = interruptible('interrupted, taking the lab down', progress)
  try {
    return await bringUp({
      fleet,
      sites: resolve(options.sites),
      program: thisProgram(),
      controllers: options.controllers,
      store: options.store === true,
      command,
      timeoutMs: options.timeout ?? null,
      keep: options.keep === true,
      onStep: (step) => progress.step(step),
      signal: interruption.signal,
    })
  } catch (error) {
    throw await explain(error, interruption.signal, options.keep === true)
  } finally {
    progress.end()
    interruption.end()
  }
}

/** A program of the lab that failed, did not start or passed its time limit. */
export function isLabFailure(error: unknown): error is Error {
  return error instanceof LabError || error instanceof RunError
}

async function explain(error: unknown, signal: AbortSignal, kept: boolean): Promise<unknown> {
  if (signal.aborted) return new CommandError('interrupted: the lab is down again')
  if (error instanceof LabExistsError) return explainExisting(error.state)
  if (error instanceof TopologyError) return explainTopology(error)
  if (isLabFailure(error)) {
    const after = kept ? `the lab is still there, in ${labDir}` : 'the lab is down again'
    return new CommandError(`the lab did not come up: ${error.message}`, {
      hint: `${after}; if the machine is busy, end other programs or try a smaller fleet`,
      cause: error,
    })
  }
  if (error instanceof NotReadyError) {
    const logs = [...error.logs].map(([path, lines]) => `${path}:\n${lines}`)
    const after = kept
      ? `the lab is still there, in ${labDir}; \`anyward lab down\` ends it`
      : 'it is down again; with --keep it stays up for inspection'
    return new CommandError(
      `the lab did not come up:\n${[...error.missing.map(({ what, instead }) => `${what}: ${instead}`), ...logs].join('\n')}`,
      { hint: after, cause: error },
    )
  }
  return error
}

export function explainTopology({ message, hint }: TopologyError): CommandError {
  return new CommandError(message, hint === null ? {} : { hint })
}

async function explainExisting(state: LabState | null): Promise<CommandError> {
  const hint = '`anyward lab down` ends it'
  if (state === null) return new CommandError(`${labDir} is left over from a lab that failed`, { hint })
  const owner = (await hasLiveOwner(state))
    ? `\`anyward ${state.owner!.command}\`, process ${state.owner!.pid}, uses it`
    : state.ready
      ? `it runs ${state.sites} since ${state.startedAt}`
      : 'it failed'
  return new CommandError(`a lab is already on this machine: ${owner}`, { hint })
}

/** Ctrl-C and SIGTERM let the command take its lab down before it ends. */
function interruptible(message: string, progress: Progress): { signal: AbortSignal; end(): void } {
  const controller = new AbortController()
  const onSignal = () => {
    if (!controller.signal.aborted) progress.print(message)
    controller.abort()
  }
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal)
  return {
    signal: controller.signal,
    end() {
      process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
    },
  }
}

export function requireRoot(): void {
  if (process.getuid?.() === 0) return
  throw new CommandError('the lab creates network namespaces, which requires root', {
    hint: 'run it with sudo',
  })
}

async function requirePrograms(fleet: Fleet, withStore: boolean): Promise<void> {
  const missing = await findMissingLabPrograms(fleet, withStore)
  if (missing.length === 0) return
  const packages = [...new Set(missing.map((program) => program.package))].join(' ')
  throw new CommandError(`programs are missing: ${describeMissing(missing)}`, {
    hint: `apt-get install ${packages}`,
  })
}

function summarizeLab(state: LabState): string {
  const nodes = state.nodes.map(
    (node) => `${node.name} (${node.daemon}) in ${node.namespace}, ${node.statusUrl}`,
  )
  const members = state.storeMembers.map(
    ({ name, namespace, endpoint }) => `${name} in ${namespace}, ${endpoint}`,
  )
  return [...nodes, ...members].join('\n')
}

function say(line: string): void {
  process.stderr.write(`${line}\n`)
}
