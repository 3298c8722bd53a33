import { join } from 'node:path'
import { serialOf } from '../../bundle/pinned.ts'
import { digestOf, type LoadedBundle, manifestName } from '../../bundle/read.ts'
import { type Clock, systemClock } from '../../clock/clock.ts'
import type { NodeStatus } from '../../control/status.ts'
import { acquireLock } from '../../files/lock.ts'
import { trySignal } from '../../linux/try-signal.ts'
import { askController } from './ask-controller.ts'

const pollMs = 100

/** `absent`: none runs. `late`: it has ended, and no other has started in time. */
export type Reload = 'not-needed' | 'reloaded' | 'absent' | 'late'

/**
 * Lets the controller give way to one with this bundle, which is installed, and waits for that one, which the supervisor
 * starts. The announcements stay. Throws OperationError.
 */
export async function reloadController(
  { manifest, files, statement }: Pick<LoadedBundle, 'manifest' | 'files' | 'statement'>,
  limitMs: number,
  clock: Clock = systemClock,
): Promise<Reload> {
  const digest = digestOf({ files })
  // The same content may have been signed again.
  const serial = serialOf(statement, files.get(manifestName)!)
  const isThis = (status: NodeStatus) => status.bundle === digest && status.serial === serial
  const first = await askController(manifest)
  if (first.outcome === 'absent') return 'absent'
  if (isThis(first.status)) return 'not-needed'
  const lock = await acquireLock(join(manifest.paths.runtimeDir, 'controller.lock'))
  // Without a holder, a controller starts at this moment, with the new bundle.
  if (lock.outcome === 'locked') lock.release()
  else if (lock.pid !== null) trySignal(lock.pid, 'SIGHUP')
  const deadline = clock.now() + limitMs
  for (;;) {
    const reply = await askController(manifest).catch(() => null)
    if (reply?.outcome === 'answered' && isThis(reply.status)) return 'reloaded'
    if (clock.now() > deadline) return 'late'
    await clock.sleep(pollMs)
  }
}
