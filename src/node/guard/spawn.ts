import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, fstatSync, ftruncateSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { raisedNiceness, setLeaderPriority } from '../../linux/scheduling-priority.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import type { SpawnedGuard } from './client.ts'

const mostLogBytes = 1024 * 1024

/**
 * V8 without its compilers and without helper threads for the garbage collector: a guard mostly waits, and its few
 * commands are rare.
 */
export const guardFlags = ['--lite-mode', '--no-expose-wasm', '--v8-pool-size=0']

/**
 * Starts a guard in its own session, so that it outlives this process and its terminal. Under systemd it logs to the
 * journal, otherwise to a file: a shared stderr would keep a reader waiting after this process has ended.
 * @param program the interpreter, then the script, by absolute paths, as is `bundle`
 */
export async function spawnGuard(
  manifest: Manifest,
  program: readonly string[],
  bundle: string,
): Promise<SpawnedGuard> {
  const hasJournal = process.env.JOURNAL_STREAM !== undefined
  const logFile = hasJournal ? 2 : openLog(join(manifest.paths.runtimeDir, 'guard.log'))
  const environment = { ...process.env }
  // Only the controller reports to the supervisor.
  for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete environment[name]
  try {
    const [command, ...args] = [...program.toSpliced(-1, 0, ...guardFlags), 'guard', '--bundle', bundle]
    // execa would keep a file descriptor, and end the guard with this process.
    const child = spawn(command!, args, {
      detached: true,
      stdio: ['ignore', logFile, logFile],
      cwd: '/',
      env: environment,
    })
    await once(child, 'spawn')
    // It raises itself, but on a busy machine it may take too long to come that far.
    setLeaderPriority(child.pid!, raisedNiceness)
    child.unref()
    return { pid: child.pid!, ended: () => child.exitCode !== null || child.signalCode !== null }
  } finally {
    if (logFile !== 2) closeSync(logFile)
  }
}

function openLog(path: string): number {
  const { O_WRONLY, O_CREAT, O_APPEND, O_NOFOLLOW, O_NONBLOCK } = constants
  try {
    // Follow no link: the folder may belong to another user than this process, for example root's.
    const file = openSync(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK, 0o644)
    if (fstatSync(file).size > mostLogBytes) ftruncateSync(file)
    return file
  } catch {
    // A full or read-only disk must not prevent the guard.
    return openSync('/dev/null', 'a')
  }
}
