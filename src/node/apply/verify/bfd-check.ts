import { type Clock, systemClock } from '../../../clock/clock.ts'
import type { Manifest } from '../../../manifest/manifest.ts'
import { bfdGraceMs, describeQuietBfd } from '../../../manifest/quiet-bfd.ts'
import {
  type BfdSessions,
  type BfdState,
  DaemonError,
  neighborsUp,
  type RoutingDaemon,
} from '../../routing/daemon.ts'

const pollMs = 200

/** The BFD sessions of a bundle, and those of its neighbors whose BFD was up before it was applied. */
export interface BfdCheck {
  readonly sessions: BfdSessions
  readonly wasUp: ReadonlySet<string>
}

/** The neighbors whose BFD is up; none if the daemon does not say. */
export async function findBfdUp(sessions: BfdSessions | null): Promise<ReadonlySet<string>> {
  if (sessions === null) return new Set()
  try {
    const states = await sessions.look()
    return new Set([...states].filter(([, state]) => state === 'up').map(([name]) => name))
  } catch (error) {
    if (error instanceof DaemonError) return new Set()
    throw error
  } finally {
    sessions.close()
  }
}

/** BFD that was up before the change, and is not: a path that fails now is found only when the hold time ends. */
export async function findLostBfd(
  check: BfdCheck | null,
  isSessionUp: (neighbor: string) => boolean,
): Promise<string[]> {
  if (check === null || check.wasUp.size === 0) return []
  const states = await check.sessions.look()
  return [...states]
    .filter(([name, state]) => state !== 'up' && check.wasUp.has(name) && isSessionUp(name))
    .map(([name]) => `BFD with ${name} does not come back`)
}

/**
 * Waits for the BFD of the sessions that are up. Returns a sentence with the cure for each that is not up in time: no
 * reason to undo, because it did not work before either.
 */
export async function findQuietBfd(
  check: BfdCheck | null,
  manifest: Manifest,
  daemon: RoutingDaemon,
  signal: AbortSignal,
  clock: Clock = systemClock,
): Promise<string[]> {
  if (check === null) return []
  const deadline = clock.now() + bfdGraceMs
  for (;;) {
    const findings = await look(check.sessions, manifest, daemon)
    if (findings.length === 0 || clock.now() > deadline || signal.aborted) return findings
    await clock.sleep(pollMs)
  }
}

async function look(sessions: BfdSessions, manifest: Manifest, daemon: RoutingDaemon): Promise<string[]> {
  try {
    const states = await sessions.look()
    const up = neighborsUp(await daemon.observe())
    return manifest.neighbors.flatMap((neighbor) => {
      const state: BfdState = states.get(neighbor.name) ?? 'up'
      return state === 'up' || !up.has(neighbor.name)
        ? []
        : [describeQuietBfd(neighbor, manifest.daemon, state)]
    })
  } catch (error) {
    if (error instanceof DaemonError) return [`BFD is not known: ${error.message}`]
    throw error
  }
}
