import { runSystemdNotify } from '../../linux/systemd-notify.ts'
import type { Log } from '../../telemetry/log.ts'

/** Sends `fields` such as `READY=1` to the supervisor. Rejects on failure. */
type Notify = (fields: readonly string[]) => Promise<void>

export interface Supervisor {
  /** How often to call `alive`, in milliseconds; `null` without a watchdog. */
  readonly intervalMs: number | null
  /** The start is complete. */
  ready(): void
  /** One line for `systemctl status`. */
  say(status: string): void
  /** Call it only while the program works: without it, systemd kills and restarts the process. */
  alive(): void
  stopping(): void
}

/** `null` without a supervisor (sd_notify(3)): `$NOTIFY_SOCKET` is not set. */
export function createSupervisor(
  environment: NodeJS.ProcessEnv,
  log: Log,
  notify: Notify = runSystemdNotify,
): Supervisor | null {
  const { NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID } = environment
  if (NOTIFY_SOCKET === undefined || NOTIFY_SOCKET === '') return null
  const isWatched = WATCHDOG_PID === undefined || WATCHDOG_PID === String(process.pid)
  const watchdogMs = Number(WATCHDOG_USEC ?? Number.NaN) / 1000
  const waiting = new Map<string, string>()
  let running = false
  let hasFailed = false

  const send = (field: string, value: string) => {
    waiting.set(field, value)
    if (!running) void flush()
  }
  /** Runs one process at a time. Fields that arrive meanwhile are sent together. */
  const flush = async () => {
    running = true
    while (waiting.size > 0) {
      const fields = [...waiting].map(([field, value]) => `${field}=${value}`)
      waiting.clear()
      try {
        await notify(fields)
        hasFailed = false
      } catch (error) {
        if (!hasFailed) {
          const cause = (error as Error).message
          log.error(
            { event: 'supervisor', cause },
            `the state cannot be reported to the supervisor: ${cause}`,
          )
        }
        hasFailed = true
      }
    }
    running = false
  }
  return {
    intervalMs: isWatched && watchdogMs > 0 ? watchdogMs / 3 : null,
    ready: () => send('READY', '1'),
    say: (status) => send('STATUS', status.replaceAll(/\s+/g, ' ')),
    alive: () => send('WATCHDOG', '1'),
    stopping: () => send('STOPPING', '1'),
  }
}
