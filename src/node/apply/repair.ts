import { join } from 'node:path'
import { hashOf } from '../../files/hash.ts'
import { filtersFile } from '../../manifest/daemon-kinds.ts'
import { isNotRunning } from '../routing/withdrawn.ts'
import { createBase } from './create-base.ts'
import { installFiles, readInstalled } from './files.ts'
import { type Journal, readJournal, removeJournal } from './journal.ts'

/** `left`: the configuration file was changed since, so that it and the daemon stay as they are. */
export type Repair = 'nothing' | 'reverted' | 'left'

/**
 * Undoes an apply that was killed. The caller holds the node's lock. Throws JournalError, DaemonError, NotTakenError.
 */
export async function repairInterrupted(bundleDir: string): Promise<Repair> {
  const journal = await readJournal(bundleDir)
  if (journal === null) return 'nothing'
  const { daemon, routing, daemonSocket, configFile, files } = journal
  if (await isChangedSince(journal)) {
    await installFiles(files.filter(({ path }) => path !== configFile))
    await removeJournal(bundleDir)
    return 'left'
  }
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
    await installFiles(files)
    // Otherwise an engineer's own configuration is not read before the engineer wants it.
    if (journal.activated) {
      await base.revert(journal.running).catch((error: unknown) => {
        // A daemon that does not run reads the files when it starts.
        if (!isNotRunning(error)) throw error
      })
    }
  } finally {
    await base.close()
  }
  await removeJournal(bundleDir)
  return 'reverted'
}

async function isChangedSince({ configFile, configHash, files }: Journal): Promise<boolean> {
  const former = files.find(({ path }) => path === configFile)
  if (former === undefined || configHash === undefined) return false
  const { content } = await readInstalled(configFile)
  return content !== former.content && (content === null || hashOf(content) !== configHash)
}
