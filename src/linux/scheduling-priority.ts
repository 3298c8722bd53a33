import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { setPriority } from 'node:os'
import { fieldsOfStat } from './proc.ts'

/** Of the controller and the guard: above other services. */
export const raisedNiceness = -10

/**
 * Sets the niceness of all threads of this process: the main thread waits for the others, which collect garbage
 * and read files. Children inherit it. Only root may raise a priority; for other users nothing changes.
 */
export function setOwnPriority(niceness: number): void {
  try {
    // To Linux each thread is a process here (setpriority(2), "C library/kernel differences").
    for (const thread of readdirSync('/proc/self/task')) setPriority(Number(thread), niceness)
    // The session of another process, such as a user's shell, keeps its own.
    if (leadsSession()) setSessionPriority(process.pid, niceness)
  } catch {}
}

/** The same for a process that leads a session and has one thread so far. */
export function setLeaderPriority(pid: number, niceness: number): void {
  try {
    setPriority(pid, niceness)
    setSessionPriority(pid, niceness)
  } catch {}
}

/**
 * Where the kernel groups sessions, niceness counts within one session only, and the group has a niceness of its own
 * (sched(7), "The autogroup feature").
 */
function setSessionPriority(pid: number, niceness: number): void {
  writeFileSync(`/proc/${pid}/autogroup`, String(niceness))
}

function leadsSession(): boolean {
  const [, , , session] = fieldsOfStat(readFileSync('/proc/self/stat', 'utf8'))
  return Number(session) === process.pid
}
