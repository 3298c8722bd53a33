import { readdirSync, readFileSync } from 'node:fs'
import { fieldsOfStat } from './proc.ts'
import { trySignal } from './try-signal.ts'

/**
 * SIGKILL to a process and to all that it has started. Each is stopped first, so that it starts no other meanwhile. What
 * has lost its parent before is not found.
 */
export function killTree(root: number): void {
  const tree = new Set([root])
  // A set iterates over what is added to it meanwhile.
  for (const pid of tree) {
    trySignal(pid, 'SIGSTOP')
    for (const child of readChildren(pid)) tree.add(child)
  }
  for (const pid of tree) trySignal(pid, 'SIGKILL')
}

/** Empty if it has ended. */
function readChildren(pid: number): number[] {
  try {
    const threads = readdirSync(`/proc/${pid}/task`)
    return threads.flatMap((thread) =>
      (readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').match(/\d+/g) ?? []).map(Number),
    )
  } catch {
    return findChildren(pid)
  }
}

/** For a kernel without CONFIG_PROC_CHILDREN. Debian's has it. */
function findChildren(parent: number): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && readParent(pid) === parent)
}

function readParent(pid: number): number | null {
  try {
    return Number(fieldsOfStat(readFileSync(`/proc/${pid}/stat`, 'utf8'))[1])
  } catch {
    return null
  }
}
