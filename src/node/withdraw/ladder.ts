import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../clock/clock.ts'
import { acquireLock } from '../../files/lock.ts'
import { readCarefully } from '../../files/open-regular-file.ts'
import { readAnnouncements } from '../../manifest/announcements.ts'
import { type DaemonKind, daemonNames } from '../../manifest/daemon-kinds.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import { type Announcements, nothingAnnounced } from '../../net/announcements.ts'
import { DaemonError, type Observation, type RoutingDaemon } from '../routing/daemon.ts'
import { findLeft, isNotRunning, isWithdrawn, type LeftAnnouncement } from '../routing/withdrawn.ts'
import { findDaemonProcess } from './daemon-process.ts'
import type { RemovedAddresses } from './removed-addresses.ts'
import { addressesOf, prefixesOf } from './scope.ts'

/**
 * How a withdrawal succeeded. `owned-file`: BIRD read the owned file. `disable`: BIRD only accepted the `disable`.
 * `network-line`: bgpd accepted the `no network` lines. `address`: the anycast addresses are removed from the node.
 * `not-running`: the daemon does not run, so it advertises nothing.
 */
export type Way = 'owned-file' | 'disable' | 'network-line' | 'address' | 'not-running'

export interface Withdrawal {
  /** `null`: none succeeded. With `address` the neighbors may still have the routes. */
  readonly way: Way | null
  /** Whether the daemon was observed to neither originate nor advertise the prefixes, or does not run. */
  readonly withdrawn: boolean
  /** Whether the withdrawal outlives a reconfiguration and a restart of the daemon. */
  readonly lasting: boolean
  /** The routes still advertised at the last observation; `null` if the daemon could not be observed. */
  readonly left: readonly LeftAnnouncement[] | null
  /** The errors on the way, as sentences. */
  readonly troubles: readonly string[]
}

interface WithdrawalParts {
  readonly manifest: Manifest
  readonly daemon: RoutingDaemon
  readonly addresses: RemovedAddresses
  /** The services to withdraw. Prefixes that other services share with them stay. */
  readonly services: ReadonlySet<string>
  readonly clock: Clock
  /** Whether a controller has renewed them again. Then no further step is taken. */
  readonly isOver?: () => boolean
}

/** Milliseconds. */
const timing = {
  /** bgpd batches for 50 ms. */
  settle: 400,
  look: 5,
  /** FRR can lose a withdrawal, so it is repeated until then. */
  giveUp: 1500,
  file: 500,
  /** For another withdrawal. */
  lock: 500,
} as const

/** The way of a withdrawal that the daemon's adapter has completed, and of one that it has reported an error for. */
const ways: Readonly<Record<DaemonKind, { readonly completed: Way; readonly refused: Way }>> = {
  bird: { completed: 'owned-file', refused: 'disable' },
  frr: { completed: 'network-line', refused: 'network-line' },
}

const nothingDone = { way: null, withdrawn: false, lasting: false, left: null } as const

/**
 * Withdraws services by the first way that works: the daemon's adapter, for BIRD the `disable` that precedes it; if
 * routes stay, or the daemon cannot be observed, the anycast addresses are removed. Success is judged by the routes
 * that the daemon advertises. After a successful withdrawal, removed addresses are restored. Takes 7 s at most, and
 * never throws.
 */
export async function withdrawServices(parts: WithdrawalParts): Promise<Withdrawal> {
  const { manifest, addresses, services } = parts
  const prefixes = prefixesOf(manifest, services)
  const troubles: string[] = []
  await addresses.load()

  const outcome = await inTurn(manifest, async () => {
    const desired = await findDesired(parts, prefixes)
    return applyToDaemon(parts, prefixes, desired, troubles)
  })
  if (outcome.kind === 'over') return { ...nothingDone, troubles }
  if (outcome.kind === 'absent') {
    const pid = await findDaemonProcess(manifest)
    if (pid === null) {
      troubles.push(...(await addresses.restore()))
      const lasting = await isLasting(manifest, prefixes)
      return { way: 'not-running', withdrawn: true, lasting, left: [], troubles }
    }
    troubles.push(
      `process ${pid} is a running ${daemonNames[manifest.daemon].process}, but its socket does not answer`,
    )
  }
  if (outcome.kind === 'gone') {
    troubles.push(...(await addresses.restore()))
    const lasting = await isLasting(manifest, prefixes)
    const way = ways[manifest.daemon][outcome.refused ? 'refused' : 'completed']
    return { way, withdrawn: true, lasting, left: [], troubles }
  }
  const left = outcome.kind === 'left' ? outcome.left : null
  // The controller that is back may have announced them again: that is no withdrawal that fails.
  if (parts.isOver?.() === true) return { ...nothingDone, troubles }
  troubles.push(...(await addresses.remove(addressesOf(manifest, services))))
  const isOff = addresses.removed.length > 0
  return { way: isOff ? 'address' : null, withdrawn: false, lasting: false, left, troubles }
}

/**
 * The guard and `anyward withdraw` may withdraw at the same time, each of them the present set without its services: one
 * after the other, because the second would otherwise announce again what the first has withdrawn. Without the lock if
 * it is not free in time or cannot be taken: a withdrawal never waits longer.
 */
async function inTurn<T>({ paths }: Manifest, withdraw: () => Promise<T>): Promise<T> {
  const path = join(paths.runtimeDir, 'withdraw.lock')
  const lock = await acquireLock(path, { waitMs: timing.lock }).catch(() => null)
  try {
    return await withdraw()
  } finally {
    if (lock?.outcome === 'locked') lock.release()
  }
}

/** Whether an observed withdrawal still holds; true if the daemon cannot be observed now. */
export async function isStillWithdrawn({
  manifest,
  daemon,
  services,
}: Pick<WithdrawalParts, 'manifest' | 'daemon' | 'services'>): Promise<boolean> {
  const seen = await daemon.observe().catch(() => null)
  return seen === null || isWithdrawn(seen, prefixesOf(manifest, services))
}

type Outcome =
  /** `refused`: the prefixes are withdrawn, although the daemon or the disk returned an error. */
  | { kind: 'gone'; refused: boolean }
  | { kind: 'left'; left: NonNullable<Withdrawal['left']> }
  | { kind: 'unknown' }
  | { kind: 'absent' }
  | { kind: 'over' }

async function applyToDaemon(
  { daemon, clock, isOver }: WithdrawalParts,
  prefixes: ReadonlySet<string>,
  desired: Announcements | null,
  troubles: string[],
): Promise<Outcome> {
  const deadline = clock.now() + timing.giveUp
  for (;;) {
    let refused = false
    if (isOver?.() === true) return { kind: 'over' }
    try {
      if (desired === null) throw new DaemonError('timeout', 'the daemon does not report what it originates')
      await daemon.apply(desired)
    } catch (error) {
      refused = true
      troubles.push((error as Error).message)
      if (isNotRunning(error)) return { kind: 'absent' }
    }
    try {
      const seen = await observeUntilGone(daemon, prefixes, clock)
      if (isWithdrawn(seen, prefixes)) return { kind: 'gone', refused }
      if (refused || clock.now() > deadline) return { kind: 'left', left: findLeft(seen, prefixes) }
    } catch (error) {
      troubles.push((error as Error).message)
      return isNotRunning(error) ? { kind: 'absent' } : { kind: 'unknown' }
    }
  }
}

async function observeUntilGone(
  daemon: RoutingDaemon,
  prefixes: ReadonlySet<string>,
  clock: Clock,
): Promise<Observation> {
  const deadline = clock.now() + timing.settle
  for (;;) {
    const seen = await daemon.observe()
    if (isWithdrawn(seen, prefixes) || clock.now() > deadline) return seen
    await clock.sleep(timing.look)
  }
}

/** The present set without `prefixes`; `null` if the present set is not known. */
async function findDesired(
  { manifest, daemon, services }: WithdrawalParts,
  prefixes: ReadonlySet<string>,
): Promise<Announcements | null> {
  if (manifest.services.every(({ name }) => services.has(name))) return nothingAnnounced
  let present: Announcements | null
  try {
    present = (await daemon.observe()).originated
  } catch {
    // The daemon is stopped or gone. Its file must be right for when it continues or restarts.
    present = await readOwnedFile(manifest)
  }
  return present && new Map([...present].filter(([prefix]) => !prefixes.has(prefix)))
}

/** `null` if the daemon has none, or it cannot be read or parsed. */
async function readOwnedFile({ paths }: Manifest): Promise<Announcements | null> {
  if (paths.announceFile === null) return null
  try {
    const text = await readFile(paths.announceFile, {
      encoding: 'utf8',
      flag: readCarefully,
      signal: AbortSignal.timeout(timing.file),
    })
    return readAnnouncements(text)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? new Map() : null
  }
}

/** FRR's `network` lines are in no file, so their removal is lasting. */
async function isLasting(manifest: Manifest, prefixes: ReadonlySet<string>): Promise<boolean> {
  if (manifest.paths.announceFile === null) return true
  const file = await readOwnedFile(manifest)
  return file !== null && ![...prefixes].some((prefix) => file.has(prefix))
}
