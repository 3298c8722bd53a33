import { afterTimeout } from '../../linux/load.ts'
import { OperationError } from '../../text/operation-error.ts'
import { NotTakenError } from '../apply/base-daemon.ts'
import { WriteError } from '../apply/files.ts'
import { JournalError } from '../apply/journal.ts'
import { DaemonError } from '../routing/daemon.ts'

/** An error of the parts of an apply, as an OperationError with its cure; any other is returned as it is. */
export function explainApplyFailure(error: unknown): unknown {
  const hint = hintFor(error)
  if (hint === null) return error
  return new OperationError((error as Error).message, { hint, cause: error })
}

const cures: Readonly<Record<string, string>> = {
  ENOSPC: 'make room on its file system',
  EDQUOT: 'make room in the quota',
  EROFS: 'mount its file system for writing',
  EACCES: 'run this as root',
  EPERM: 'run this as root, and look at the attributes of the file (`lsattr`)',
}

function hintFor(error: unknown): string | null {
  if (error instanceof NotTakenError) {
    return 'an apply was interrupted, and its changes cannot be reverted: compare the running configuration yourself'
  }
  if (error instanceof DaemonError && error.code === 'timeout') {
    return `${afterTimeout('apply again')}, the routing daemon hangs: look at its log, and restart it`
  }
  if (error instanceof DaemonError) return 'check that the routing daemon is running, and run this as root'
  if (error instanceof WriteError) {
    return `${cures[error.code ?? ''] ?? 'look at its file system (`dmesg`)'}, and apply again`
  }
  if (error instanceof JournalError) {
    return 'an apply was interrupted, and its journal is damaged: compare the configuration yourself, and remove that file'
  }
  return null
}
