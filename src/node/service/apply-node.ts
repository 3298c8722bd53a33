import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { type Pinned, readKeysFile, readPinned, readSerial } from '../../bundle/pinned.ts'
import { type LoadedBundle, loadBundle, manifestName, readBundle, readManifest } from '../../bundle/read.ts'
import { type Refusal, verifyBundle } from '../../bundle/verify.ts'
import { makeFolder } from '../../files/make-folder.ts'
import { describeMissing, findMissingPrograms } from '../../linux/programs.ts'
import type { DaemonKind } from '../../manifest/daemon-kinds.ts'
import { findMismatch } from '../../manifest/daemon-versions.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import { vrfsOf } from '../../manifest/vrfs.ts'
import { OperationError } from '../../text/operation-error.ts'
import { type ApplyOutcome, applyBundle } from '../apply/apply.ts'
import { cleaners } from '../apply/clean.ts'
import { journalPath, lockApply } from '../apply/lock.ts'
import { type Repair, repairInterrupted } from '../apply/repair.ts'
import { DaemonError, type SavedNetwork } from '../routing/daemon.ts'
import { ownPrefixesOf } from '../routing/own-prefixes.ts'
import { readDaemonVersion } from '../routing/version.ts'
import { askController } from './ask-controller.ts'
import { createBfd, createDaemon } from './create-daemon.ts'
import { explainApplyFailure } from './explain-apply-failure.ts'
import { requireOwnNode } from './node-identity.ts'

/** For one reply of the daemon: an apply is not urgent, and the node may be busy. */
const daemonTimeoutMs = 20_000

interface ApplyNodeOptions {
  /** The folder of the bundle. */
  readonly bundle: string
  /** Of the bundle that this machine runs, in any case: a new bundle says itself where it is installed. */
  readonly ownBundleDir: string
  /** How long sessions may take to come back. */
  readonly timeoutMs: number
  /** Whether a configuration that no bundle has written is replaced. */
  readonly replace: boolean
  /** Whether it ends before the first change, after the parse check. */
  readonly dryRun: boolean
  /** A file with the keys to accept in place of the pinned ones, with any serial; `null`: those that are pinned. */
  readonly keysFile: string | null
  readonly onStep: (step: string) => void
}

export interface NodeApplyOutcome extends ApplyOutcome {
  /** Of the bundle that the node runs now; `null`: it is unsigned. */
  readonly serial: number | null
}

export interface AppliedBundle {
  readonly outcome: NodeApplyOutcome
  /** What was verified, and installed unless it was refused or undone: the folder may have another one since. */
  readonly bundle: LoadedBundle
}

/** Why a bundle is not accepted, as the cause of an OperationError. */
export class RefusedBundle extends Error {
  override readonly name = 'RefusedBundle'
  readonly reason: Refusal['reason']

  constructor({ reason, message }: Refusal) {
    super(message)
    this.reason = reason
  }
}

/**
 * Installs a bundle on this node, one apply at a time; SIGINT, SIGTERM and SIGHUP undo it. Throws ConfigError and
 * OperationError.
 */
export async function applyOnNode(options: ApplyNodeOptions): Promise<AppliedBundle> {
  const { bundle: dir, timeoutMs, replace, dryRun, onStep } = options
  const { manifest: read } = await loadBundle(dir)
  const { bundleDir, configFile } = read.paths
  if (bundleDir === undefined || configFile === undefined) {
    throw new OperationError(`${dir} is a bundle of Anyward 0.1.0, which does not say where to install it`, {
      hint: 'run `anyward plan` of this version; nothing was changed',
      outcome: 'refused',
    })
  }
  await requireOwnPlace(bundleDir, options.ownBundleDir)
  await requirePrograms(read)
  requireOwnNode(read)
  // If it cannot be created, the lock reports that.
  await makeFolder(dirname(bundleDir)).catch(() => {})
  const release = await requireLock(
    bundleDir,
    (process) => `another apply is running on ${read.node}${process}`,
  )
  const interruption = untilInterrupted()
  try {
    const repair = await repairInterrupted(bundleDir)
    if (repair !== 'nothing') {
      onStep(
        repair === 'reverted'
          ? 'an earlier apply was interrupted; its changes are reverted'
          : `an earlier apply was interrupted; ${configFile} was changed since, and stays as it is`,
      )
    }
    // Read under the lock, and only now verified: the bundle may be the folder that was reverted, and what is pinned
    // may have been replaced.
    const pinned = await readPinnedBy(options, bundleDir)
    const bundle = await loadBundle(dir)
    const { manifest } = bundle
    if (manifest.paths.bundleDir !== bundleDir) {
      throw new OperationError(`${join(dir, manifestName)} was replaced while this ran`, {
        hint: 'apply again; nothing was changed',
        outcome: 'refused',
      })
    }
    requireAccepted(bundle, pinned, bundleDir)
    requireOwnNode(manifest)
    const installed = await readBundle(bundleDir).catch(() => null)
    const formerSerial = await readSerial(bundleDir)
    requireSameNode(manifest, installed, bundleDir)
    await requireOwnVersion(manifest)
    const outcome = await applyBundle({
      bundle,
      installed,
      createDaemon: (one) => createDaemon(one, { deadlineMs: daemonTimeoutMs }),
      createBfd: (one) => createBfd(one, { deadlineMs: daemonTimeoutMs }),
      timeoutMs,
      replace,
      dryRun,
      signal: interruption.signal,
      onStep,
    })
    const serial = await readSerial(bundleDir)
    if (!outcome.applied) return { outcome: { ...outcome, serial }, bundle }
    const former = serial === formerSerial ? installed : null
    const notes = [...outcome.notes, ...(await findControllerNote(manifest, former))]
    return { outcome: { ...outcome, serial, notes }, bundle }
  } catch (error) {
    throw explainApplyFailure(error)
  } finally {
    interruption.end()
    release()
  }
}

/**
 * Reverts the changes of an interrupted apply; `nothing`: there are none, or an apply runs, which completes or reverts
 * its own. The controller of a hardened unit may not write there. Throws OperationError.
 */
export async function repairNode(bundleDir: string): Promise<Repair> {
  // Without a journal there is nothing to lock for, and perhaps no folder for the lock.
  if (!existsSync(journalPath(bundleDir))) return 'nothing'
  const lock = await lockApply(bundleDir)
  if (lock.outcome === 'busy') return 'nothing'
  try {
    return await repairInterrupted(bundleDir)
  } catch (error) {
    throw explainApplyFailure(error)
  } finally {
    lock.release()
  }
}

type Cleaned =
  | { readonly outcome: 'no-bundle' }
  /** The daemon's configuration holds no announcements. */
  | { readonly outcome: 'not-needed'; readonly node: string; readonly daemon: DaemonKind }
  | { readonly outcome: 'cleaned'; readonly configFile: string; readonly removed: readonly SavedNetwork[] }

/** Removes the announcements that the daemon has saved into its files. Throws OperationError. */
export async function cleanNode(bundle: string): Promise<Cleaned> {
  if (!existsSync(join(bundle, manifestName))) return { outcome: 'no-bundle' }
  const manifest = await readManifest(bundle)
  const { configFile, bundleDir = bundle } = manifest.paths
  const clean = cleaners[manifest.daemon]
  if (clean === null || configFile === undefined) {
    return { outcome: 'not-needed', node: manifest.node, daemon: manifest.daemon }
  }
  const release = await requireLock(
    bundleDir,
    (process) => `an apply runs on ${manifest.node}${process}, which removes saved announcements itself`,
  )
  try {
    const removed = await clean(configFile, ownPrefixesOf(manifest), vrfsOf(manifest.neighbors))
    return { outcome: 'cleaned', configFile, removed }
  } catch (cause) {
    throw new OperationError((cause as Error).message, { hint: 'run this as root', cause })
  } finally {
    release()
  }
}

/** A bundle names the folder where it is installed: it must not lead past the keys that this machine has pinned. */
async function requireOwnPlace(bundleDir: string, ownBundleDir: string): Promise<void> {
  if (bundleDir === ownBundleDir) return
  const { keys, file } = await readPinned(ownBundleDir)
  if (keys === null) return
  throw new OperationError(
    `this bundle would be installed in ${bundleDir}, and this machine has pinned the keys of ${file}`,
    { hint: `use a bundle for ${ownBundleDir}; nothing was changed`, outcome: 'refused' },
  )
}

async function readPinnedBy({ keysFile }: ApplyNodeOptions, bundleDir: string): Promise<Pinned> {
  if (keysFile === null) return readPinned(bundleDir)
  return { file: keysFile, keys: await readKeysFile(keysFile), statement: null }
}

function requireAccepted(bundle: LoadedBundle, pinned: Pinned, bundleDir: string): void {
  // Files of earlier bundles stay in the installed one.
  const isInstalled = resolve(bundle.dir) === resolve(bundleDir)
  const verdict = verifyBundle(isInstalled ? { ...bundle, others: [] } : bundle, pinned)
  if (verdict.ok) return
  const { refusal } = verdict
  throw new OperationError(refusal.message, {
    hint: refusal.cure,
    outcome: 'refused',
    cause: new RefusedBundle(refusal),
  })
}

async function requireLock(bundleDir: string, describe: (process: string) => string): Promise<() => void> {
  const lock = await lockApply(bundleDir)
  if (lock.outcome === 'locked') return lock.release
  throw new OperationError(describe(lock.pid === null ? '' : ` (process ${lock.pid})`), {
    hint: 'wait until it has ended; nothing was changed',
    outcome: 'refused',
  })
}

/** A signal that aborts when this process is to end. */
function untilInterrupted() {
  const stop = new AbortController()
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  const onSignal = () => stop.abort(new Error('interrupted'))
  for (const signal of signals) process.on(signal, onSignal)
  return {
    signal: stop.signal,
    end() {
      for (const signal of signals) process.off(signal, onSignal)
    },
  }
}

/** The programs that an apply calls. BIRD's socket suffices. */
const programs: Readonly<Record<DaemonKind, readonly string[]>> = {
  bird: [],
  frr: ['zebra', 'staticd', 'bfdd', 'bgpd', 'vtysh', 'unshare'],
}

async function requirePrograms(manifest: Manifest): Promise<void> {
  const missing = await findMissingPrograms(programs[manifest.daemon])
  if (missing.length === 0) return
  throw new OperationError(`missing on this machine: ${describeMissing(missing)}`, {
    hint: 'install it; nothing was changed',
  })
}

function requireSameNode(manifest: Manifest, installed: Manifest | null, bundleDir: string): void {
  if (installed === null || installed.node === manifest.node) return
  throw new OperationError(
    `this is the bundle of ${manifest.node}, and this node is ${installed.node} by ${bundleDir}`,
    {
      hint: `use the bundle of this node; if it was renamed, remove ${bundleDir}. Nothing was changed`,
      outcome: 'refused',
    },
  )
}

/** A daemon that does not answer fails in the next step, which says so. */
async function requireOwnVersion(manifest: Manifest): Promise<void> {
  const { daemon: kind, paths } = manifest
  const running = await readDaemonVersion({
    kind,
    socketPath: paths.daemonSocket,
    deadlineMs: daemonTimeoutMs,
  }).catch((error: unknown) => {
    if (error instanceof DaemonError) return null
    throw error
  })
  const mismatch = running === null ? null : findMismatch(manifest, running)
  if (mismatch === null) return
  throw new OperationError(mismatch.problem, {
    hint: `${mismatch.cure}; nothing was changed`,
    outcome: 'refused',
  })
}

export const controllerNote =
  'the controller still uses the previous bundle: restart it (SIGHUP ends it, and leaves the announcements), or use --reload'

/** A controller reads its bundle when it starts. */
export async function findControllerNote(manifest: Manifest, installed: Manifest | null): Promise<string[]> {
  // It has the hash of each file: the apply only repeats the same bundle.
  if (JSON.stringify(manifest) === JSON.stringify(installed)) return []
  const reply = await askController(manifest).catch(() => null)
  if (reply === null || reply.outcome === 'absent') return []
  return [controllerNote]
}
