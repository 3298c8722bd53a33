import { daemonNames } from '../../manifest/daemon-kinds.ts'
import { type ApplyOutcome, nothingLost } from '../../node/apply/apply.ts'
import {
  type AppliedBundle,
  applyOnNode,
  cleanNode,
  controllerNote,
  type NodeApplyOutcome,
  RefusedBundle,
  repairNode,
} from '../../node/service/apply-node.ts'
import { reloadController } from '../../node/service/reload-controller.ts'
import { formatDuration } from '../../text/duration.ts'
import { ConfigError, formatIssue } from '../../text/issue.ts'
import { OperationError } from '../../text/operation-error.ts'
import { defaultBundle } from '../commands/options.ts'
import { CommandError, exitCode } from '../failure.ts'
import { createProgress } from '../terminal/progress.ts'

export interface ApplyOptions {
  readonly bundle?: string
  readonly repair?: true
  readonly clean?: true
  readonly replace?: true
  readonly dryRun?: true
  readonly reload?: true
  readonly keys?: string
  readonly timeout: number
  readonly json?: true
}

export async function runApply(options: ApplyOptions): Promise<void> {
  if (options.repair) await repair()
  else if (options.clean) await clean(options.bundle)
  else if (options.bundle !== undefined) await apply(options, options.bundle)
  else throw new CommandError('no bundle is given', { hint: 'name it with --bundle DIR' })
}

async function apply(options: ApplyOptions, bundle: string): Promise<void> {
  // A rollout and an agent read each step.
  const progress = createProgress({ lines: 'each' })
  try {
    const onStep = (step: string) => progress.step(step)
    const { timeout: timeoutMs, replace = false, dryRun = false, keys: keysFile = null } = options
    const place = { bundle, ownBundleDir: defaultBundle }
    const applied = await applyOnNode({ ...place, timeoutMs, replace, dryRun, keysFile, onStep })
    const isReloaded = options.reload && isFine(applied.outcome)
    const outcome = isReloaded ? await reload(applied, onStep) : applied.outcome
    progress.end()
    report(options, outcome)
  } catch (error) {
    progress.end()
    const refusal = readRefusal(error)
    if (options.json && refusal !== null) {
      printJson({
        applied: false,
        effect: 'none',
        undone: false,
        ...refusal,
        findings: [],
        notes: [],
        serial: null,
        ...nothingLost,
      })
    }
    throw error
  }
}

function isFine({ applied, reason }: ApplyOutcome): boolean {
  return applied || reason === 'nothing-to-do' || reason === 'dry-run'
}

/** How long the supervisor may take to start the next controller. */
const reloadLimitMs = 20_000

/** Also where nothing was to do: an earlier apply may have been killed before this. */
async function reload(
  { outcome, bundle }: AppliedBundle,
  onStep: (step: string) => void,
): Promise<NodeApplyOutcome> {
  onStep('reload the controller')
  const notes = outcome.notes.filter((note) => note !== controllerNote)
  switch (await reloadController(bundle, reloadLimitMs)) {
    case 'reloaded':
      return { ...outcome, notes: [...notes, 'the controller runs this bundle'] }
    case 'late': {
      const late = `the controller was to give way, and none with this bundle has started within ${formatDuration(reloadLimitMs)}: its supervisor has to restart it`
      return { ...outcome, notes, findings: [...outcome.findings, late] }
    }
    default:
      return { ...outcome, notes }
  }
}

/** `null`: it is no refusal, but a failure. */
function readRefusal(error: unknown): { reason: string; detail: string } | null {
  if (error instanceof ConfigError) {
    return { reason: 'damaged', detail: error.issues.map(formatIssue).join('\n') }
  }
  if (!(error instanceof OperationError) || error.outcome !== 'refused') return null
  return {
    reason: error.cause instanceof RefusedBundle ? error.cause.reason : 'refused',
    detail: error.message,
  }
}

const wordsOfRepair = {
  nothing: 'nothing to revert',
  reverted: 'the changes of an interrupted apply are reverted',
  left: 'an apply was interrupted; the configuration file was changed since, and stays as it is: run `anyward apply`',
} as const

async function repair(): Promise<void> {
  print(wordsOfRepair[await repairNode(defaultBundle)])
}

/** FRR's unit runs this before FRR starts, also on a machine without a bundle. */
async function clean(bundle = defaultBundle): Promise<void> {
  const result = await cleanNode(bundle)
  switch (result.outcome) {
    case 'no-bundle':
      print(`no bundle in ${bundle}: nothing to remove`)
      return
    case 'not-needed':
      print(
        `${result.node} announces through ${daemonNames[result.daemon].project}, whose configuration holds no announcements: nothing to remove`,
      )
      return
    case 'cleaned':
      for (const { file, line, prefix } of result.removed) print(`removed: ${file}:${line} network ${prefix}`)
      if (result.removed.length === 0) print(`no saved announcements in ${result.configFile}`)
  }
}

function report(options: ApplyOptions, outcome: NodeApplyOutcome): void {
  const { reason, findings, notes } = outcome
  if (options.json) printJson(outcome)
  else {
    print([describeOutcome(outcome), ...findings, ...notes].join('\n'))
  }
  if (isFine(outcome) && findings.length === 0) process.exitCode = exitCode.fine
  else process.exitCode = reason === 'undo-failed' ? exitCode.failed : exitCode.findings
}

/** The effect comes from the difference between the bundles: no restart is measured. */
const wordsOfEffect: Readonly<Record<ApplyOutcome['effect'], string>> = {
  none: 'no change for a session',
  reload: 'sessions stay up',
  'session-restart': 'sessions start or may restart',
}

export function describeOutcome({
  applied,
  reason,
  undone,
  detail,
  effect,
}: Pick<ApplyOutcome, 'applied' | 'reason' | 'undone' | 'detail' | 'effect'>): string {
  if (applied || reason === 'dry-run') return `${detail} (${wordsOfEffect[effect]})`
  return reason === 'nothing-to-do' ? detail : `${undone ? 'undone' : 'refused'} (${reason}): ${detail}`
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

function printJson(document: object): void {
  print(JSON.stringify(document, null, 2))
}
