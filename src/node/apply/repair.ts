import { isNotRunning } from '../routing/withdrawn.ts'
import { createBirdBase } from './bird-base.ts'
import { installFiles } from './files.ts'
import { createFrrBase } from './frr-base.ts'
import { type Journal, readJournal, removeJournal } from './journal.ts'

/**
 * Undoes an apply that was killed. The caller holds the node's lock. Returns whether there was one. Throws JournalError,
 * DaemonError, NotTakenError.
 */
export async function repairInterrupted(bundleDir: string): Promise<boolean> {
  const journal = await readJournal(bundleDir)
  if (journal === null) return false
  const base = createBase(journal)
  try {
    await installFiles(journal.files)
    await base.revert(journal.running).catch((error: unknown) => {
      // A daemon that does not run reads the files when it starts.
      if (!isNotRunning(error)) throw error
    })
  } finally {
    await base.close()
  }
  await removeJournal(bundleDir)
  return true
}

/** Used only to revert. */
function createBase({ daemon, daemonSocket, configFile }: Journal) {
  if (daemon === 'frr') return createFrrBase({ daemonSocket, content: '', installed: null })
  return createBirdBase({ daemonSocket, configFile, content: '', owner: { uid: 0, gid: 0 }, trialS: 0 })
}
