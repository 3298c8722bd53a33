import { dirname, join } from 'node:path'
import { acquireLock, type LockOutcome } from '../../files/lock.ts'

/** Allows one apply at a time on a node. The lock file is beside the installed bundle, where only root writes. */
export function lockApply(bundleDir: string): Promise<LockOutcome> {
  return acquireLock(join(dirname(bundleDir), 'apply.lock'))
}

/**
 * The journal exists while an apply runs, or after one was killed. Root acts on its content, so it is beside the
 * installed bundle, where only root writes, and not in the state folder of the controller's user.
 */
export function journalPath(bundleDir: string): string {
  return join(dirname(bundleDir), 'apply.json')
}
