import { join } from 'node:path'
import { type Clock, systemClock } from '../../clock/clock.ts'
import { acquireLock } from '../../files/lock.ts'
import { trySignal } from '../../linux/try-signal.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import { askController } from './ask-controller.ts'

const pollMs = 100

/** `absent`: none runs. `late`: it has ended, and no other has started in time. */
export type Reload = 'not-needed' | 'reloaded' | 'absent' | 'late'

/**
 * Lets the controller give way to one with the bundle of this digest, and waits for that one, which the supervisor starts.
 * The announcements stay. Throws OperationError.
 */
export async function reloadController(
  manifest: Manifest,
  digest: string,
  limitMs: number,
  clock: Clock = systemClock,
): Promise<Reload> {
  const first = await askController(manifest)
  if (first.outcome === 'absent') return 'absent'
  if (first.status.bundle === digest) return 'not-needed'
  const lock = await acquireLock(join(manifest.paths.runtimeDir, 'controller.lock'))
  // Without a holder, a controller starts at this moment, with the new bundle.
  if (lock.outcome === 'locked') lock.release()
  else if (lock.pid !== null) trySignal(lock.pid, 'SIGHUP')
  const deadline = clock.now() + limitMs
  for (;;) {
    const reply = await askController(manifest).catch(() => null)
    if (reply?.outcome === 'answered' && reply.status.bundle === digest) return 'reloaded'
    if (clock.now() > deadline) return 'late'
    await clock.sleep(pollMs)
  }
}
