import { dirname, join } from 'node:path'
import { acquireLock, type LockOutcome } from '../../files/lock.ts'

/** One apply at a time on a node. The lock file lies beside the installed bundle, where only root writes. */
export function lockApply(bundleDir: string): Promise<LockOutcome> {
  return acquireLock(join(dirname(bundleDir), 'apply.lock'))
}

/**
 * Here while an apply runs, or after one that was killed. Root does what it says, so it lies beside the installed
 * bundle, where root alone writes, and not among the state of a controller that has a user of its own.
 */
export function journalPath(bundleDir: string): string {
  return join(dirname(bundleDir), 'apply.json')
}
