import { join } from 'node:path'
import { filtersFile } from '../../manifest/daemon-kinds.ts'
import { isNotRunning } from '../routing/withdrawn.ts'
import { createBase } from './create-base.ts'
import { installFiles } from './files.ts'
import { readJournal, removeJournal } from './journal.ts'

/**
 * Undoes an apply that was killed. The caller holds the node's lock. Returns whether there was one. Throws JournalError,
 * DaemonError, NotTakenError.
 */
export async function repairInterrupted(bundleDir: string): Promise<boolean> {
  const journal = await readJournal(bundleDir)
  if (journal === null) return false
  const { daemon, routing, daemonSocket, configFile } = journal
  // A revert needs the paths only.
  const owner = { uid: 0, gid: 0 }
  const base = createBase(routing, daemon, {
    daemonSocket,
    configFile,
    announceFile: null,
    filtersPath: join(bundleDir, filtersFile),
    content: '',
    installed: null,
    owner,
    trialS: 0,
    replaces: false,
  })
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
