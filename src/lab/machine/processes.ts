import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { open } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { listProcesses, readNetNamespace, readProcess } from '../../linux/proc.ts'
import { setLeaderPriority } from '../../linux/scheduling-priority.ts'
import { trySignal } from '../../linux/try-signal.ts'
import { endLimitMs } from '../limits.ts'
import type { ProcessRecord } from '../state.ts'
import { enter } from './namespaces.ts'

interface Command {
  readonly name: string
  readonly namespace: string
  readonly argv: readonly string[]
  readonly log: string
  readonly env?: Readonly<Record<string, string>>
  readonly niceness?: number
}

/**
 * Outside of a lab each of these programs has a machine of its own. Here the programs that inject faults and measure
 * must not slow them down.
 */
const daemonNiceness = -5

/** Starts a program in a namespace, in a session of its own, so that it survives this process and Ctrl-C. */
export async function startDetached(command: Command): Promise<ProcessRecord> {
  const log = await open(command.log, 'a', 0o644)
  try {
    // Not by execa, which passes no file descriptor: the program writes its log after this process has ended.
    const [program, ...args] = enter(command.namespace, command.argv)
    const child = spawn(program!, args, {
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
      env: { ...process.env, ...command.env },
    })
    await once(child, 'spawn')
    child.unref()
    setLeaderPriority(child.pid!, command.niceness ?? daemonNiceness)
    // nsenter becomes the program itself, so this is the program's process.
    const startTicks = (await readProcess(child.pid!))?.startTicks ?? 0
    const { name, namespace, argv } = command
    return { name, namespace, argv: [...argv], log: command.log, pid: child.pid!, startTicks }
  } finally {
    await log.close()
  }
}

export async function isAlive(record: { pid: number; startTicks: number }): Promise<boolean> {
  const facts = await readProcess(record.pid)
  return facts !== null && facts.startTicks === record.startTicks
}

/** Signals this process, not a later one with the same pid; `false` if it has ended. */
export async function signalProcess(
  record: { pid: number; startTicks: number },
  signal: NodeJS.Signals,
): Promise<boolean> {
  if (!(await isAlive(record))) return false
  return trySignal(record.pid, signal)
}

/** Waits until the process has ended; `false` if it still runs after `timeoutMs`. */
export async function waitForEnd(
  record: { pid: number; startTicks: number },
  timeoutMs: number,
): Promise<boolean> {
  const deadline = performance.now() + timeoutMs
  while (await isAlive(record)) {
    if (performance.now() > deadline) return false
    await delay(5)
  }
  return true
}

/**
 * Kills every process whose network namespace has one of these inodes, except this process and its ancestors, and
 * waits until they have ended. Returns the killed processes.
 */
export async function killInNamespaces(inodes: ReadonlySet<number>): Promise<number[]> {
  const spared = await ancestorsOfUs()
  const killed = new Set<number>()
  const deadline = performance.now() + endLimitMs
  for (;;) {
    const pids = (await findInNamespaces(inodes)).filter((pid) => !spared.has(pid))
    if (pids.length === 0 || performance.now() > deadline) return [...killed]
    for (const pid of pids) {
      killed.add(pid)
      trySignal(pid, 'SIGKILL')
    }
    await delay(10)
  }
}

async function findInNamespaces(inodes: ReadonlySet<number>): Promise<number[]> {
  if (inodes.size === 0) return []
  const pids = await listProcesses()
  const found = await Promise.all(
    pids.map(async (pid) => {
      const inode = await readNetNamespace(pid).catch(() => null)
      return inode !== null && inodes.has(inode) && (await readProcess(pid)) !== null
    }),
  )
  return pids.filter((_, at) => found[at])
}

/** `ip netns exec aw-fra1-a anyward lab down` must not end itself. */
async function ancestorsOfUs(): Promise<Set<number>> {
  const pids = new Set<number>()
  for (let pid = process.pid; pid > 1 && !pids.has(pid); ) {
    pids.add(pid)
    pid = (await readProcess(pid))?.parent ?? 0
  }
  return pids
}
