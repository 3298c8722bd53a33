import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { readBundle } from '../../bundle/read.ts'
import { makeFolder } from '../../files/atomic-file.ts'
import { describeMissing, findMissingPrograms } from '../../linux/programs.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import { type ApplyOutcome, applyBundle, DamagedError } from '../../node/apply/apply.ts'
import { NotTakenError } from '../../node/apply/base-daemon.ts'
import { JournalError } from '../../node/apply/journal.ts'
import { journalPath, lockApply } from '../../node/apply/lock.ts'
import { repairInterrupted } from '../../node/apply/repair.ts'
import { DaemonError } from '../../node/routing/daemon.ts'
import { askController } from '../../node/service/ask-controller.ts'
import { createDaemon } from '../../node/service/create-daemon.ts'
import { requireOwnNode } from '../../node/service/node-identity.ts'
import { ConfigError, formatIssue } from '../../text/issue.ts'
import { OperationError } from '../../text/operation-error.ts'
import { defaultBundle } from '../commands/options.ts'
import { CommandError, exitCode } from '../failure.ts'
import { cleanNode } from './clean.ts'

export interface ApplyOptions {
  readonly bundle?: string
  readonly repair?: true
  readonly clean?: true
  readonly timeout: number
  readonly json?: true
}

export async function runApply(options: ApplyOptions): Promise<void> {
  if (options.repair) await repair()
  else if (options.clean) await cleanNode(options.bundle)
  else if (options.bundle !== undefined) await apply(options, options.bundle)
  else throw new CommandError('no bundle is given', { hint: 'name it with --bundle DIR' })
}

async function apply(options: ApplyOptions, bundle: string): Promise<void> {
  try {
    report(options, await run(bundle, options.timeout))
  } catch (error) {
    const detail =
      error instanceof ConfigError ? error.issues.map(formatIssue).join('\n') : (error as Error).message
    const refused = error instanceof ConfigError || error instanceof DamagedError
    const isRefusal =
      (error instanceof CommandError && error.exitCode === exitCode.findings) ||
      (error instanceof OperationError && error.outcome === 'refused')
    if (options.json && (refused || isRefusal)) {
      const reason = refused ? 'damaged' : 'refused'
      print({ applied: false, effect: 'none', undone: false, reason, detail, notes: [] })
    }
    if (error instanceof DamagedError) {
      const hint = 'run `anyward plan` again and copy the whole folder; nothing was changed'
      throw new CommandError(detail, { hint, exitCode: exitCode.findings, cause: error })
    }
    throw explainFailure(error)
  }
}

/** Reverts what an interrupted apply on this node has left. The controller of a hardened unit may not write there. */
async function repair(): Promise<void> {
  // Without a journal there is nothing to lock for, and perhaps no folder for the lock.
  const lock = existsSync(journalPath(defaultBundle)) ? await lockApply(defaultBundle) : null
  // An apply that runs completes or reverts its own changes.
  if (lock?.outcome === 'busy') return
  try {
    const repaired = lock !== null && (await repairInterrupted(defaultBundle))
    process.stdout.write(
      repaired ? 'the changes of an interrupted apply are reverted\n' : 'nothing to revert\n',
    )
  } catch (error) {
    throw explainFailure(error)
  } finally {
    lock?.release()
  }
}

function explainFailure(error: unknown): unknown {
  if (error instanceof NotTakenError) {
    const hint =
      'an apply was interrupted, and its changes cannot be reverted: compare the running configuration yourself'
    return new CommandError(error.message, { hint, cause: error })
  }
  if (error instanceof DaemonError) {
    const hint = 'check that the routing daemon is running, and run this as root'
    return new CommandError(error.message, { hint, cause: error })
  }
  if (error instanceof JournalError) {
    const hint =
      'an apply was interrupted, and its journal is damaged: compare the configuration yourself, and remove that file'
    return new CommandError(error.message, { hint, cause: error })
  }
  return error
}

async function run(bundle: string, timeout: number): Promise<ApplyOutcome> {
  const read = await readBundle(bundle)
  const { bundleDir, configFile } = read.paths
  if (bundleDir === undefined || configFile === undefined) {
    throw new CommandError(`${bundle} is a bundle of Anyward 0.1.0, which does not say where to install it`, {
      hint: 'run `anyward plan` of this version; nothing was changed',
      exitCode: exitCode.findings,
    })
  }
  await requirePrograms(read)
  requireOwnNode(read)
  // If it cannot be created, the lock reports that.
  await makeFolder(dirname(bundleDir)).catch(() => {})
  const lock = await lockApply(bundleDir)
  if (lock.outcome === 'busy') {
    const process = lock.pid === null ? '' : ` (process ${lock.pid})`
    throw new CommandError(`another apply is running on ${read.node}${process}`, {
      hint: 'wait until it has ended; nothing was changed',
      exitCode: exitCode.findings,
    })
  }
  const stop = new AbortController()
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  const onSignal = () => stop.abort(new Error('interrupted'))
  for (const signal of signals) process.on(signal, onSignal)
  try {
    let manifest = read
    if (await repairInterrupted(bundleDir)) {
      process.stderr.write('an earlier apply was interrupted; its changes are reverted\n')
      // The bundle may be the folder that was reverted.
      manifest = await readBundle(bundle)
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
    lock.release()
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
      hint: `use the bundle of this node; if it was renamed, remove ${bundleDir}. Nothing was changed`,
      exitCode: exitCode.findings,
    },
  )
}

/** A controller reads its bundle when it starts. */
async function findControllerNote(manifest: Manifest): Promise<string[]> {
  const reply = await askController(manifest).catch(() => null)
  if (reply === null || reply.outcome === 'absent') return []
  return [
    'the controller still uses the previous bundle: restart it (SIGHUP ends it, and leaves the announcements)',
  ]
}

function report(options: ApplyOptions, outcome: ApplyOutcome): void {
  if (options.json) print(outcome)
  else {
    const { applied, reason, undone, detail, effect, notes } = outcome
    const isFine = applied || reason === 'nothing-to-do'
    const head = isFine ? detail : `${undone ? 'undone' : 'refused'} (${reason}): ${detail}`
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
