import type { Reopening } from '../../../plan/rollout/reopen.ts'
import { nodesOf, type Rollout } from '../../../plan/rollout/rollout.ts'
import {
  followRollout,
  operateRollout,
  previewRollout,
  type RolloutPlace,
  readRolloutState,
  rolloutCommandOf,
  startRollout,
} from '../../../plan/service/rollout/rollout-service.ts'
import { exitCode } from '../../failure.ts'
import { withProgress } from '../../terminal/progress.ts'
import { describePreview, describeStatus, documentOf, previewDocument } from './print.ts'
import { createReport } from './progress.ts'

export interface RolloutOptions extends RolloutPlace {
  readonly json?: true
  readonly dryRun?: true
  readonly asStarted?: true
  readonly key?: string
  readonly trustFormer?: true
}

export async function start(options: RolloutOptions): Promise<void> {
  if (options.dryRun) {
    const prepared = await withProgress({ lines: 'slow' }, (progress) =>
      previewRollout(options, options, (step) => progress.step(step)),
    )
    if (options.json) printJson(previewDocument(prepared))
    else print(describePreview(prepared))
    return
  }
  const rollout = await startRollout(options, options, createReporter(options))
  if (rollout === null) {
    if (options.json)
      printJson({ id: null, state: 'done', waves: [], reason: 'every node has its bundle already' })
    else print(['every node has its bundle already'])
    return
  }
  report(rollout, options, ['done'])
}

export async function status(options: RolloutOptions): Promise<void> {
  const { rollout, isDriven } = await readRolloutState(options)
  report(rollout, options, ['running', 'done'])
  if (rollout.state === 'running' && !isDriven && options.json !== true) {
    print([`no command drives it: continue it with \`${rolloutCommandOf(options)} resume\``])
  }
}

export async function watch(options: RolloutOptions): Promise<void> {
  report(await followRollout(options, createReporter(options)), options, ['done'])
}

/** The states in which each order is carried out. */
const aims: Readonly<Record<Reopening, readonly Rollout['state'][]>> = {
  resume: ['done'],
  pause: ['paused', 'done'],
  abort: ['undone', 'failed'],
  undo: ['undone'],
}

export async function operate(kind: Reopening, options: RolloutOptions): Promise<void> {
  const rollout = await operateRollout(options, kind, createReporter(options), {
    asStarted: options.asStarted === true,
    key: options.key,
  })
  report(rollout, options, aims[kind])
}

/** Ctrl-C ends this command, and not what it has begun on a node. */
function createReporter(options: RolloutOptions) {
  const interrupted = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      process.stderr.write(
        `the rollout stays as it is: continue it with \`${rolloutCommandOf(options)} resume\`\n`,
      )
      interrupted.abort()
    })
  }
  return { ...createReport(), signal: interrupted.signal }
}

function report(rollout: Rollout, options: RolloutOptions, fine: readonly Rollout['state'][]): void {
  if (options.json) printJson(documentOf(rollout))
  else print([...describeStatus(rollout), ...describeChoice(rollout, rolloutCommandOf(options))])
  const isStuck = nodesOf(rollout).some(({ state }) => state === 'stuck')
  process.exitCode = isStuck
    ? exitCode.failed
    : fine.includes(rollout.state)
      ? exitCode.fine
      : exitCode.findings
}

function describeChoice({ state }: Rollout, command: string): string[] {
  return state === 'paused'
    ? [
        `continue it with \`${command} resume\`, or give every node its former bundle with \`${command} undo\``,
      ]
    : []
}

function print(lines: readonly string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`)
}

function printJson(document: object): void {
  process.stdout.write(`${JSON.stringify(document, null, 2)}\n`)
}
