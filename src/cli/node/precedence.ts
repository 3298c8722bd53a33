import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { setPriority } from 'node:os'

const niceness = -10

/**
 * Goes before whatever else keeps the machine busy, with all its threads: garbage is collected and files are read by
 * others than the first one, and it would wait for them. Whoever is started from now on has the same precedence.
 * Only root may; for others all goes on as well as it can.
 */
export function takePrecedence(): void {
  try {
    // To Linux each thread is a process here (setpriority(2), "C library/kernel differences").
    for (const thread of readdirSync('/proc/self/task')) setPriority(Number(thread), niceness)
    // Where sessions are grouped, niceness counts within ours alone, and the group has one of its own (sched(7), "The
    // autogroup feature"). Somebody's shell keeps what it has.
    if (leadsSession()) writeFileSync('/proc/self/autogroup', String(niceness))
  } catch {}
}

function leadsSession(): boolean {
  const stat = readFileSync('/proc/self/stat', 'utf8')
  const [, , , session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(session) === process.pid
}
