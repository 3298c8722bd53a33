import { readFile } from 'node:fs/promises'
import { readCarefully } from '../../files/open-regular-file.ts'
import { readAnnouncements } from '../../manifest/announcements.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import { type Announcements, nothingAnnounced } from '../../net/announcements.ts'
import { DaemonError, type Observation, type RoutingDaemon } from '../routing/daemon.ts'
import { findLeft, isNotRunning, isWithdrawn, type LeftAnnouncement } from '../routing/withdrawn.ts'
import { findDaemonProcess } from './daemon-process.ts'
import type { RemovedAddresses } from './removed-addresses.ts'
import { addressesOf, prefixesOf } from './scope.ts'

/**
 * How a withdrawal got through: BIRD read the owned file, BIRD only took the `disable`, bgpd took the `no network`
 * lines; the anycast addresses are off the node; the daemon does not run, and so tells nobody anything.
 */
export type Way = 'owned-file' | 'disable' | 'network-line' | 'address' | 'not-running'

export interface Withdrawal {
  /** `null`: none got through. With `address` the neighbors may have the routes still. */
  readonly way: Way | null
  /** Whether the daemon was seen to originate none of the prefixes any more and to tell them to nobody, or does not run. */
  readonly withdrawn: boolean
  /** Whether it stays so when the daemon is reconfigured or starts anew. */
  readonly lasting: boolean
  /** What neighbors were told, when the daemon was last seen; `null` where it could not be asked. */
  readonly left: readonly LeftAnnouncement[] | null
  /** What went wrong on the way, each for a person. */
  readonly troubles: readonly string[]
}

interface WithdrawalParts {
  readonly manifest: Manifest
  readonly daemon: RoutingDaemon
  readonly addresses: RemovedAddresses
  /** Which services; what the others share with them stays. */
  readonly services: ReadonlySet<string>
  /** Whether they are vouched for again: then whatever has not been done yet is left undone. */
  readonly isOver?: () => boolean
}

/** Milliseconds. */
const timing = {
  /** bgpd batches for 50 ms. */
  settle: 400,
  look: 5,
  /** FRR can lose a withdrawal, and is told again; one after the other. */
  giveUp: 1500,
  file: 500,
} as const

/**
 * Withdraws services by whatever way is left: the daemon's adapter; for BIRD the `disable` that runs ahead of
 * it; and where routes stay, or nobody can tell, the anycast addresses are taken off. What counts is what the
 * daemon was seen to tell its neighbors. Restores addresses that were removed for a withdrawal which got
 * through. Takes 6 s at most, and never throws.
 */
export async function withdrawServices(parts: WithdrawalParts): Promise<Withdrawal> {
  const { manifest, addresses, services } = parts
  const prefixes = prefixesOf(manifest, services)
  const troubles: string[] = []
  await addresses.load()

  const desired = await findDesired(parts, prefixes)
  const outcome = await tellDaemon(parts, prefixes, desired, troubles)
  if (outcome.kind === 'over') return { way: null, withdrawn: false, lasting: false, left: null, troubles }
  if (outcome.kind === 'absent') {
    const pid = await findDaemonProcess(manifest)
    if (pid === null) {
      troubles.push(...(await addresses.restore()))
      const lasting = await isLasting(manifest, prefixes)
      return { way: 'not-running', withdrawn: true, lasting, left: [], troubles }
    }
    troubles.push(`process ${pid} is a ${manifest.daemon === 'bird' ? 'bird' : 'bgpd'}, and runs`)
  }
  if (outcome.kind === 'gone') {
    troubles.push(...(await addresses.restore()))
    const lasting = await isLasting(manifest, prefixes)
    return { way: wayOf(manifest, outcome.refused), withdrawn: true, lasting, left: [], troubles }
  }
  const left = outcome.kind === 'left' ? outcome.left : null
  troubles.push(...(await addresses.remove(addressesOf(manifest, services))))
  const isOff = addresses.removed.length > 0
  return { way: isOff ? 'address' : null, withdrawn: false, lasting: false, left, troubles }
}

/** Whether a withdrawal that was seen to be carried out still holds; also where the daemon can't be asked now. */
export async function isStillWithdrawn({ manifest, daemon, services }: WithdrawalParts): Promise<boolean> {
  const seen = await daemon.observe().catch(() => null)
  return seen === null || isWithdrawn(seen, prefixesOf(manifest, services))
}

type Outcome =
  /** `refused`: although the daemon, or the disk, did not do all that it was told. */
  | { kind: 'gone'; refused: boolean }
  | { kind: 'left'; left: NonNullable<Withdrawal['left']> }
  | { kind: 'unknown' }
  | { kind: 'absent' }
  | { kind: 'over' }

async function tellDaemon(
  { daemon, isOver }: WithdrawalParts,
  prefixes: ReadonlySet<string>,
  desired: Announcements | null,
  troubles: string[],
): Promise<Outcome> {
  const deadline = performance.now() + timing.giveUp
  for (;;) {
    let refused = false
    if (isOver?.() === true) return { kind: 'over' }
    try {
      if (desired === null) throw new DaemonError('timeout', 'the daemon does not tell what it originates')
      await daemon.apply(desired)
    } catch (error) {
      refused = true
      troubles.push((error as Error).message)
      if (isNotRunning(error)) return { kind: 'absent' }
    }
    try {
      const seen = await observeUntilGone(daemon, prefixes)
      if (isWithdrawn(seen, prefixes)) return { kind: 'gone', refused }
      if (refused || performance.now() > deadline) return { kind: 'left', left: findLeft(seen, prefixes) }
    } catch (error) {
      troubles.push((error as Error).message)
      return isNotRunning(error) ? { kind: 'absent' } : { kind: 'unknown' }
    }
  }
}

async function observeUntilGone(daemon: RoutingDaemon, prefixes: ReadonlySet<string>): Promise<Observation> {
  const deadline = performance.now() + timing.settle
  for (;;) {
    const seen = await daemon.observe()
    if (isWithdrawn(seen, prefixes) || performance.now() > deadline) return seen
    await new Promise((resolve) => setTimeout(resolve, timing.look))
  }
}

/** The whole set without `prefixes`; `null` where nobody can tell what else there is. */
async function findDesired(
  { manifest, daemon, services }: WithdrawalParts,
  prefixes: ReadonlySet<string>,
): Promise<Announcements | null> {
  if (manifest.services.every(({ name }) => services.has(name))) return nothingAnnounced
  let present: Announcements | null
  try {
    present = (await daemon.observe()).originated
  } catch {
    // It is stopped or gone; for when it goes on or starts anew, the file is to be right.
    present = await readOwnedFile(manifest)
  }
  return present && new Map([...present].filter(([prefix]) => !prefixes.has(prefix)))
}

/** `null` where the daemon has none, or it can't be read or understood. */
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

/** The `network` lines of FRR stand in no file. */
async function isLasting(manifest: Manifest, prefixes: ReadonlySet<string>): Promise<boolean> {
  if (manifest.paths.announceFile === null) return true
  const file = await readOwnedFile(manifest)
  return file !== null && ![...prefixes].some((prefix) => file.has(prefix))
}

function wayOf({ daemon }: Manifest, refused: boolean): Way {
  if (daemon === 'frr') return 'network-line'
  return refused ? 'disable' : 'owned-file'
}
