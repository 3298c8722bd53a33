import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { LoadedBundle } from '../../bundle/read.ts'
import { fillSecrets } from '../../bundle/secrets.ts'
import { type Clock, systemClock } from '../../clock/clock.ts'
import { hashOf } from '../../files/hash.ts'
import { compareBundles } from '../../manifest/compare/compare.ts'
import type { Effect } from '../../manifest/compare/session-costs.ts'
import { daemonNames, filtersFile } from '../../manifest/daemon-kinds.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import { announcingVrfs, vrfsOf } from '../../manifest/vrfs.ts'
import {
  type BfdSessions,
  DaemonError,
  neighborsUp,
  type Observation,
  type RoutingDaemon,
} from '../routing/daemon.ts'
import { ownPrefixesOf } from '../routing/own-prefixes.ts'
import { type BaseDaemon, type Gone, NotTakenError } from './base-daemon.ts'
import { cleaners } from './clean.ts'
import { createBase } from './create-base.ts'
import {
  filesToInstall,
  findOwner,
  type InstalledFile,
  installFiles,
  readConfig,
  readInstalled,
  WriteError,
} from './files.ts'
import type { Foreign } from './foreign/foreign.ts'
import { keepCopies } from './foreign/keep-copy.ts'
import { describeLoss, findLoss } from './foreign/loss.ts'
import { removeJournal, writeJournal } from './journal.ts'
import { type BfdCheck, findBfdUp, findQuietBfd } from './verify/bfd-check.ts'
import { verify, WorseError } from './verify/verify.ts'
import { removedPrefixes, watching } from './watching.ts'

type ApplyReason =
  | 'applied'
  | 'nothing-to-do'
  /** Nothing was changed, as wanted: the bundle would be tried. */
  | 'dry-run'
  /** Nothing was changed. */
  | 'parser-refused'
  /** The daemon runs, or would start, what no bundle has written. */
  | 'foreign'
  /** The configuration file was changed since the last apply. */
  | 'edited'
  | 'damaged'
  /** The daemon does not run the new configuration. */
  | 'not-taken'
  /** A file could not be written. */
  | 'not-installed'
  /** An earlier session or announcement did not come back in time. */
  | 'worse-than-before'
  | 'interrupted'
  /** The undo failed too. The next apply tries it again. */
  | 'undo-failed'

export interface ApplyOutcome {
  readonly applied: boolean
  readonly effect: Effect
  /** Whether it was tried and completely undone. */
  readonly undone: boolean
  readonly reason: ApplyReason
  readonly detail: string
  /** What does not work, and did not before: each with its cure. */
  readonly findings: readonly string[]
  /** Further remarks for the operator. */
  readonly notes: readonly string[]
  /** What no bundle has written, and this apply would remove, or has removed. */
  readonly foreign: readonly Foreign[]
  /** What was changed in the configuration file since the last apply, without secrets; `null`: nothing. */
  readonly difference: string | null
  /** The copies of the configuration that was replaced. */
  readonly copies: readonly string[]
}

/** What an outcome has where nothing is lost. */
export const nothingLost = { foreign: [], difference: null, copies: [] } as const

interface ApplyOptions {
  readonly bundle: LoadedBundle
  /** Of the installed bundle; `null`: none. */
  readonly installed: Manifest | null
  readonly createDaemon: (manifest: Manifest) => RoutingDaemon | Promise<RoutingDaemon>
  /** `null`: no session of this manifest has BFD. */
  readonly createBfd: (manifest: Manifest) => Promise<BfdSessions | null>
  /** How long sessions may take to come back. */
  readonly timeoutMs: number
  /** Whether a configuration that no bundle has written is replaced. Only a person decides that. */
  readonly replace: boolean
  /** Whether it ends before the first change, after the parse check. */
  readonly dryRun: boolean
  /** Aborts: undoes the change, and then ends. */
  readonly signal: AbortSignal
  /** Called at the start of each step. */
  readonly onStep?: (step: string) => void
  readonly clock?: Clock
}

/** BIRD's own undo timer is longer than the verification. */
const spareS = 5

/**
 * Installs a node's base configuration: parse check, activation, verification of sessions and announcements, and only
 * then the files; on a failure, everything is undone. The caller holds the node's lock, has repaired an interrupted
 * apply, and has checked that the bundle is for this node. Before any change, throws ConfigError for a bundle or a secret
 * that cannot be read, and DaemonError for a daemon that does not answer.
 */
export async function applyBundle(options: ApplyOptions): Promise<ApplyOutcome> {
  const { bundle, installed, onStep } = options
  const { manifest } = bundle
  const { daemonSocket, configFile, bundleDir } = manifest.paths
  if (configFile === undefined || bundleDir === undefined) {
    throw new TypeError('the manifest does not say where to install')
  }
  const { routing } = manifest
  const filtersPath = join(bundleDir, filtersFile)
  const isManaged = routing === 'managed'
  const name = isManaged ? daemonNames[manifest.daemon].configFile : filtersFile
  const content = await fillSecrets(bundle.files.get(name) ?? '')
  // An attached node's configuration is the engineer's own: nothing of it is replaced or removed.
  const loss = await findLoss({ manifest, installed, content })
  if (loss !== null && !options.replace) {
    const { detail, cure } = describeLoss(loss, manifest)
    const { reason, foreign, difference } = loss
    return {
      ...{ applied: false, effect: effectOf(installed, manifest, true), undone: false, reason, detail },
      ...{ findings: [], notes: [cure], foreign, difference, copies: [] },
    }
  }
  const lost = { ...nothingLost, ...(loss && { foreign: loss.foreign, difference: loss.difference }) }
  const cleaned = isManaged && !options.dryRun ? await removeSaved(manifest, installed, configFile) : []
  const old = isManaged ? await readConfig(configFile) : await readInstalled(filtersPath)
  const owner = await findOwner(manifest.daemon)
  const wanted: InstalledFile[] = [
    ...(isManaged ? [{ path: configFile, content, mode: 0o640, ...owner }] : []),
    ...filesToInstall(bundle, bundleDir),
  ]
  const before = await Promise.all(wanted.map(({ path }) => readInstalled(path)))
  const isInstalled = loss === null && wanted.every((file, index) => file.content === before[index]!.content)
  if (isInstalled && isManaged) return nothingToDo(cleaned.length > 0, cleaned)
  const base = createBase(routing, manifest.daemon, {
    daemonSocket,
    configFile,
    announceFile: manifest.paths.announceFile,
    filtersPath,
    content,
    installed: old.content,
    owner,
    trialS: Math.ceil(options.timeoutMs / 1000) + spareS,
    // Lines that FRR runs and that are in no list of losses stay.
    replaces: loss !== null && loss.foreign.length > 0,
  })
  const daemon = await options.createDaemon(watching(manifest, installed))
  const sessions = await options.createBfd(manifest)
  let bfd: BfdCheck | null = null
  try {
    onStep?.('parse check')
    const { node, daemon: kind } = manifest
    const journal = {
      format: 1 as const,
      node,
      daemon: kind,
      routing,
      daemonSocket,
      configFile,
      files: before,
    }
    const complaints = await base.check(async (during) => {
      await writeJournal(bundleDir, { ...journal, running: null, activated: false })
      try {
        return await during()
      } finally {
        await removeJournal(bundleDir)
      }
    })
    const differs = old.content !== content && !base.saysTheSame()
    const effect = effectOf(installed, manifest, differs)
    if (complaints.length > 0) {
      const detail = complaints.join('\n')
      const refused = { applied: false, effect, undone: false, reason: 'parser-refused' } as const
      return { ...lost, ...refused, detail, findings: [], notes: cleaned }
    }
    const remarks = [...cleaned, ...(base.remarks?.() ?? [])]
    if (isInstalled && !(await base.isMissing?.())) return nothingToDo(false, remarks)
    if (options.dryRun) {
      const detail = `${node} would run this bundle`
      const tried = { applied: false, effect, undone: false, reason: 'dry-run' } as const
      return { ...lost, ...tried, detail, findings: [], notes: remarks }
    }
    const was = await observeBefore(options)
    const wasUp = await findBfdUp(installed && (await options.createBfd(installed)))
    if (sessions !== null) bfd = { sessions, wasUp }
    const snapshot = await base.snapshot()
    const configHash = isManaged ? hashOf(content) : undefined
    const copies =
      loss === null
        ? []
        : await keepCopies(loss, old, base.former ?? null, (options.clock ?? systemClock).wall())
    const dropCopies = () => Promise.all(copies.splice(0).map((copy) => rm(copy, { force: true })))
    try {
      await writeJournal(bundleDir, { ...journal, configHash, running: snapshot, activated: true })
    } catch (error) {
      await dropCopies()
      throw error
    }
    try {
      onStep?.('activate')
      await base.activate()
      onStep?.('verify')
      const isHeld = await verify({ ...options, manifest, bfd }, daemon, was, base)
      onStep?.('install')
      await installFiles(wanted)
      if (!isHeld || !(await base.confirm())) {
        onStep?.('activate again')
        await base.activate()
        await verify({ ...options, manifest, bfd }, daemon, was, base)
        await base.confirm()
      }
    } catch (error) {
      onStep?.('undo')
      const undone = await undo(options, base, before, snapshot, was, error)
      // The file itself is as before.
      if (undone.undone) await dropCopies()
      return { ...lost, copies, effect, ...undone, findings: [], notes: [...remarks, ...undone.notes] }
    }
    await base.forget?.(findGone(manifest, installed))
    await removeJournal(bundleDir)
    const kept = copies.map((copy) => `a copy of the replaced configuration is in ${copy}`)
    const notes = [...kept, ...remarks, ...describeDown(was, await daemon.observe())]
    const detail = `${manifest.node} runs this bundle`
    const findings = await findQuietBfd(bfd, manifest, daemon, options.signal, options.clock)
    const applied = { applied: true, effect, undone: false, reason: 'applied', detail } as const
    return { ...lost, ...applied, copies, findings, notes }
  } finally {
    await daemon.leave()
    sessions?.close()
    await base.close()
  }
}

/** @param applied whether saved announcements were removed nevertheless */
function nothingToDo(applied: boolean, notes: readonly string[]): ApplyOutcome {
  const reason = applied ? 'applied' : 'nothing-to-do'
  const detail = 'this bundle is installed already'
  return { ...nothingLost, applied, effect: 'none', undone: false, reason, detail, findings: [], notes }
}

/**
 * Removes saved announcements, also if the apply fails later: the daemon would announce them at its next start. Returns
 * the changes as sentences.
 */
async function removeSaved(
  manifest: Manifest,
  installed: Manifest | null,
  configFile: string,
): Promise<string[]> {
  const clean = cleaners[manifest.daemon]
  if (clean === null) return []
  const watched = watching(manifest, installed)
  const removed = await clean(configFile, ownPrefixesOf(watched), vrfsOf(watched.neighbors))
  return [...new Set(removed.map(({ file }) => file))].map((file) => {
    const prefixes = removed.filter((one) => one.file === file).map(({ prefix }) => prefix)
    return `saved announcements are removed from ${file}: ${prefixes.join(', ')}`
  })
}

function effectOf(before: Manifest | null, after: Manifest, differs: boolean): Effect {
  const { effect } = compareBundles(before, after)
  // Passwords are in no manifest. A session with a new one restarts.
  return effect === 'none' && differs ? 'session-restart' : effect
}

async function observeBefore({ installed, bundle, createDaemon }: ApplyOptions): Promise<Observation> {
  const daemon = await createDaemon(installed ?? bundle.manifest)
  try {
    return await daemon.observe()
  } finally {
    await daemon.leave()
  }
}

function findGone(manifest: Manifest, installed: Manifest | null): Gone {
  const vrfs = new Set(installed === null ? [] : announcingVrfs(installed))
  for (const vrf of announcingVrfs(manifest)) vrfs.delete(vrf)
  return { prefixes: new Set(removedPrefixes(manifest, installed)), vrfs, own: ownPrefixesOf(manifest) }
}

async function undo(
  options: ApplyOptions,
  base: BaseDaemon,
  files: readonly InstalledFile[],
  snapshot: string | null,
  was: Observation,
  cause: unknown,
): Promise<Pick<ApplyOutcome, 'applied' | 'undone' | 'reason' | 'detail' | 'notes'>> {
  const { bundle, installed, createDaemon, signal } = options
  const { manifest } = bundle
  const reason: ApplyReason = signal.aborted
    ? 'interrupted'
    : cause instanceof NotTakenError || cause instanceof DaemonError
      ? 'not-taken'
      : cause instanceof WriteError
        ? 'not-installed'
        : 'worse-than-before'
  const why = signal.aborted ? 'apply was interrupted' : (cause as Error).message
  try {
    await installFiles(files)
    await base.revert(snapshot)
  } catch (error) {
    const detail = `${why}; the undo failed: ${(error as Error).message}`
    return { applied: false, undone: false, reason: 'undo-failed', detail, notes: ['run apply again'] }
  }
  await removeJournal(manifest.paths.bundleDir!)
  const known = installed ?? manifest
  const daemon = await createDaemon(known)
  const notes: string[] = []
  try {
    const patient = { ...options, manifest: known, signal: new AbortController().signal, bfd: null }
    if (installed !== null) await verify(patient, daemon, was, null)
  } catch (error) {
    notes.push(`the state from before the apply is not complete yet: ${(error as Error).message}`)
  } finally {
    await daemon.leave()
  }
  if (!(cause instanceof WorseError || reason !== 'worse-than-before')) throw cause
  return { applied: false, undone: true, reason, detail: why, notes }
}

/** A session that was not up before does not fail the apply, but is reported. */
function describeDown(was: Observation, is: Observation): string[] {
  const up = neighborsUp(was)
  return is.neighbors
    .filter(({ neighbor, session }) => session !== 'up' && !up.has(neighbor))
    .map(({ neighbor }) => `the session to ${neighbor} is not up, as before the apply`)
}
