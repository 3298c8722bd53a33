/** `false`: the process has ended, or belongs to another user. A negative id is a process group (kill(2)). */
export function trySignal(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal)
    return true
  } catch {
    return false
  }
}
