import { readFileSync } from 'node:fs'

interface Killable {
  readonly pid?: number
  kill(signal: 'SIGKILL'): boolean
}

/**
 * Kills a process that has been waiting for one and the same answer for `limitMs`. Each answer that arrives wakes it,
 * which the kernel counts, so that a process may run as long as its work takes.
 */
export function killStalled(child: Killable, limitMs: number): { readonly hasKilled: boolean; end(): void } {
  let count = countWaits(child.pid)
  let since = performance.now()
  let hasKilled = false
  const timer = setInterval(() => {
    const now = countWaits(child.pid)
    if (now !== count) {
      count = now
      since = performance.now()
    } else if (performance.now() - since >= limitMs) {
      hasKilled = true
      child.kill('SIGKILL')
    }
  }, limitMs / 20)
  return {
    get hasKilled() {
      return hasKilled
    },
    end: () => clearInterval(timer),
  }
}

/** How often the process has waited since its start; `null`: it has ended. */
function countWaits(pid: number | undefined): string | null {
  try {
    return (
      /^voluntary_ctxt_switches:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? null
    )
  } catch {
    return null
  }
}
