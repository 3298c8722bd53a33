import { readFile } from 'node:fs/promises'
import { type Clock, systemClock } from '../../../clock/clock.ts'
import { readCarefully } from '../../../files/open-regular-file.ts'
import { readAnnouncements } from '../../../manifest/announcements.ts'
import type { DaemonKind } from '../../../manifest/daemon-kinds.ts'
import type { Manifest } from '../../../manifest/manifest.ts'
import { DaemonError, neighborsUp, type Observation, type RoutingDaemon } from '../../routing/daemon.ts'
import type { BaseDaemon } from '../base-daemon.ts'
import { type BfdCheck, findLostBfd } from './bfd-check.ts'
import { findRegressions } from './regressions.ts'

/** How long all must be well before the change counts as good: a session may take this long to fail. */
const calmMs: Readonly<Record<DaemonKind, number>> = { bird: 1000, frr: 2500 }
const pollMs = 100

interface VerifyOptions {
  readonly manifest: Manifest
  /** How long sessions may take to come back. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
  /** `null`: no session has BFD. */
  readonly bfd: BfdCheck | null
  readonly clock?: Clock
}

export class WorseError extends Error {
  override readonly name = 'WorseError'
}

/**
 * Resolves with true when there was no regression for `calmMs`, with false if another reconfiguration has replaced the
 * change. Throws WorseError at the deadline, or the signal's reason.
 */
export async function verify(
  options: VerifyOptions,
  daemon: RoutingDaemon,
  was: Observation,
  base: BaseDaemon | null,
): Promise<boolean> {
  const { manifest, signal, timeoutMs, clock = systemClock } = options
  const deadline = clock.now() + timeoutMs
  let wellSince: number | null = null
  for (;;) {
    signal.throwIfAborted()
    if (await base?.isOvertaken()) return false
    const regressions = await lookForRegressions(options, daemon, was)
    const now = clock.now()
    wellSince = regressions.length === 0 ? (wellSince ?? now) : null
    if (wellSince !== null && now - wellSince >= calmMs[manifest.daemon]) return true
    if (wellSince === null && now > deadline) throw new WorseError(regressions.join('; '))
    await clock.sleep(pollMs)
  }
}

async function lookForRegressions(
  { manifest, bfd }: VerifyOptions,
  daemon: RoutingDaemon,
  was: Observation,
): Promise<readonly string[]> {
  const { announceFile } = manifest.paths
  try {
    const text = announceFile === null ? null : await readAnnounceFile(announceFile)
    const is = await daemon.observe()
    const promised = text === null ? null : new Set(readAnnouncements(text)?.keys())
    const up = neighborsUp(is)
    return [
      ...findRegressions(was, is, manifest, promised),
      ...(await findLostBfd(bfd, (neighbor) => up.has(neighbor))),
    ]
  } catch (error) {
    if (error instanceof DaemonError) return [error.message]
    throw error
  }
}

/** The controller's file, in a folder of the controller's user; '' if it cannot be read. */
function readAnnounceFile(path: string): Promise<string> {
  return readFile(path, { encoding: 'utf8', flag: readCarefully }).catch(() => '')
}
