import { run } from '../run.ts'

const timeoutMs = 10_000

/** Whether the kernel's clock is synchronized, as systemd reads it (adjtimex(2)). Throws RunError. */
export async function isClockSynchronized(): Promise<boolean | null> {
  const text = await run(['timedatectl', 'show', '--property=NTPSynchronized', '--value'], { timeoutMs })
  if (text.trim() === 'yes') return true
  return text.trim() === 'no' ? false : null
}
