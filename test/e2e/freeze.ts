import { readdir, readFile } from 'node:fs/promises'
import { until } from './fixture-routing/until.ts'

/**
 * Stops a process, and waits until each of its threads is stopped: until the one that takes the signal is
 * scheduled, the others still answer.
 */
export async function freeze(pid: number): Promise<void> {
  process.kill(pid, 'SIGSTOP')
  await until(`process ${pid} stands still`, async () => {
    const threads = await readdir(`/proc/${pid}/task`)
    const states = await Promise.all(threads.map((thread) => stateOf(`/proc/${pid}/task/${thread}/stat`)))
    return states.every((state) => state === 'T') ? null : `its threads are ${states.join('')}`
  })
}

/** The state letter after the name, which may contain any character: see proc(5). */
async function stateOf(file: string): Promise<string> {
  const stat = await readFile(file, 'utf8')
  return stat.charAt(stat.lastIndexOf(')') + 2)
}
