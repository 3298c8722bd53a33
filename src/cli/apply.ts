import { Command, InvalidArgumentError } from 'commander'
import { type ApplyOutcome, applyBundle, DamagedError } from '../apply/apply.ts'
import { NotTakenError } from '../apply/base-daemon.ts'
import { JournalError } from '../apply/journal.ts'
import { lockApply } from '../apply/lock.ts'
import { repairInterrupted } from '../apply/repair.ts'
import { describeMissing, findMissingPrograms } from '../bundle/programs.ts'
import { readBundle } from '../bundle/read.ts'
import type { Manifest } from '../planner/manifest.ts'
import { DaemonError } from '../routing/daemon.ts'
import { parseDuration } from '../sites/fields.ts'
import { ConfigError, formatIssue } from '../sites/issue.ts'
import { askController } from './control-client.ts'
import { createDaemon } from './create-daemon.ts'
import { CommandError, exitCode } from './failure.ts'
import { requireOwnNode } from './node-identity.ts'

interface Options {
  readonly bundle: string
  readonly timeout: number
  readonly json?: true
}

export function applyCommand(): Command {
  return new Command('apply')
    .description(
      'Installs this node’s bundle: parse check, activation, a look at sessions and announcements; kept if all is as before, else undone.',
    )
    .requiredOption('--bundle <dir>', "this node's bundle, as `anyward plan` wrote it")
    .option('--timeout <duration>', 'how long sessions may take to come back', readTimeout, 25_000)
    .action(async (_options: unknown, command: Command) => {
      await apply(command.optsWithGlobals<Options>())
    })
}

async function apply(options: Options): Promise<void> {
  try {
    report(options, await run(options))
  } catch (error) {
    const detail =
      error instanceof ConfigError ? error.issues.map(formatIssue).join('\n') : (error as Error).message
    const refused = error instanceof ConfigError || error instanceof DamagedError
    const said = error instanceof CommandError && error.exitCode === exitCode.findings
    if (options.json && (refused || said)) {
      const reason = refused ? 'damaged' : 'refused'
      print({ applied: false, effect: 'none', undone: false, reason, detail, notes: [] })
    }
    if (error instanceof DamagedError) {
      const hint = 'run `anyward plan` again and copy the whole folder; nothing was changed'
      throw new CommandError(detail, { hint, exitCode: exitCode.findings, cause: error })
    }
    if (error instanceof NotTakenError) {
      const hint =
        'an apply was killed, and what it left can not be put back: compare the running configuration by hand'
      throw new CommandError(detail, { hint, cause: error })
    }
    if (error instanceof DaemonError) {
      const hint = 'is the routing daemon running? Is this root?'
      throw new CommandError(detail, { hint, cause: error })
    }
    if (error instanceof JournalError) {
      const hint =
        'an apply was killed, and what it left is damaged: compare the configuration by hand, and remove that file'
      throw new CommandError(detail, { hint, cause: error })
    }
    throw error
  }
}

async function run({ bundle, timeout }: Options): Promise<ApplyOutcome> {
  const manifest = await readBundle(bundle)
  const { stateDir, bundleDir, configFile } = manifest.paths
  if (bundleDir === undefined || configFile === undefined) {
    throw new CommandError(`${bundle} is a bundle of Anyward 0.1.0, which does not say where to install it`, {
      hint: 'run `anyward plan` of this version; nothing was changed',
      exitCode: exitCode.findings,
    })
  }
  await requirePrograms(manifest)
  requireOwnNode(manifest)
  const unlock = await lockApply(stateDir)
  if (unlock === null) {
    throw new CommandError(`another apply runs on ${manifest.node}`, {
      hint: 'wait until it has ended; nothing was changed',
      exitCode: exitCode.findings,
    })
  }
  const stop = new AbortController()
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  const onSignal = () => stop.abort(new Error('interrupted'))
  for (const signal of signals) process.on(signal, onSignal)
  try {
    if (await repairInterrupted(stateDir)) {
      process.stderr.write('an apply was killed before; what it left was put back\n')
    }
    const installed = await readBundle(bundleDir).catch(() => null)
    requireSameNode(manifest, installed, bundleDir)
    const outcome = await applyBundle({
      bundleDir: bundle,
      manifest,
      installed,
      createDaemon: (one) => createDaemon(one, { deadlineMs: 5000 }),
      timeoutMs: timeout,
      signal: stop.signal,
      onStep: (step) => process.stderr.write(`${step}\n`),
    })
    return outcome.applied
      ? { ...outcome, notes: [...outcome.notes, ...(await findControllerNote(manifest))] }
      : outcome
  } finally {
    for (const signal of signals) process.off(signal, onSignal)
    unlock()
  }
}

async function requirePrograms(manifest: Manifest): Promise<void> {
  const needed = manifest.daemon === 'bird' ? [] : ['zebra', 'staticd', 'bfdd', 'bgpd', 'vtysh', 'unshare']
  const missing = await findMissingPrograms(needed)
  if (missing.length === 0) return
  throw new CommandError(`missing on this machine: ${describeMissing(missing)}`, {
    hint: 'install it; nothing was changed',
  })
}

function requireSameNode(manifest: Manifest, installed: Manifest | null, bundleDir: string): void {
  if (installed === null || installed.node === manifest.node) return
  throw new CommandError(
    `this is the bundle of ${manifest.node}, and this node is ${installed.node} by ${bundleDir}`,
    {
      hint: `take the bundle of this node; if it was renamed, remove ${bundleDir}. Nothing was changed`,
      exitCode: exitCode.findings,
    },
  )
}

/** A controller reads its bundle when it starts. */
async function findControllerNote(manifest: Manifest): Promise<string[]> {
  const reply = await askController(manifest).catch(() => null)
  if (reply === null || reply.outcome === 'absent') return []
  return [
    'the controller still works by the bundle of before: start it again (SIGHUP ends it, and leaves what is announced)',
  ]
}

function report(options: Options, outcome: ApplyOutcome): void {
  if (options.json) print(outcome)
  else {
    const { applied, reason, undone, detail, effect, notes } = outcome
    const fine = applied || reason === 'nothing-to-do'
    const head = fine ? detail : `${undone ? 'undone' : 'refused'} (${reason}): ${detail}`
    process.stdout.write(`${[applied ? `${head} (${effect})` : head, ...notes].join('\n')}\n`)
  }
  const { applied, reason } = outcome
  process.exitCode =
    applied || reason === 'nothing-to-do'
      ? exitCode.fine
      : reason === 'undo-failed'
        ? exitCode.failed
        : exitCode.findings
}

function print(document: object): void {
  process.stdout.write(`${JSON.stringify(document, null, 2)}\n`)
}

function readTimeout(text: string): number {
  const parsed = parseDuration(text)
  if (parsed === null || parsed < 1000)
    throw new InvalidArgumentError('Write a duration of a second or more, such as 25s.')
  return parsed
}
