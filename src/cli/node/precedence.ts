import { readdirSync } from 'node:fs'
import { setPriority } from 'node:os'

/**
 * Goes before whatever else keeps the machine busy, with all its threads: garbage is collected and files are read by
 * others than the first one, and it would wait for them. Whoever is started from now on has the same precedence.
 * Only root may; for others all goes on as well as it can.
 */
export function takePrecedence(): void {
  try {
    // To Linux each thread is a process here (setpriority(2), "C library/kernel differences").
    for (const thread of readdirSync('/proc/self/task')) setPriority(Number(thread), -10)
  } catch {}
}
