import { runSystemdNotify } from '../../linux/systemd-notify.ts'
import type { Log } from '../../telemetry/log.ts'

/** Hands `fields` such as `READY=1` to the supervisor. Rejects where that fails. */
type Notify = (fields: readonly string[]) => Promise<void>

export interface Supervisor {
  /** How often `alive` is to be called, in milliseconds; `null` where nobody watches. */
  readonly intervalMs: number | null
  /** We do our work from now on. */
  ready(): void
  /** One line for `systemctl status`. */
  say(status: string): void
  /** Only while it is true: who hangs is killed, and started again. */
  alive(): void
  stopping(): void
}

/** `null` where no supervisor listens (sd_notify(3)): `$NOTIFY_SOCKET` is not set. */
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
  /** One process at a time; what comes meanwhile goes together. */
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
          log.error({ event: 'supervisor', cause }, `the supervisor can not be told how we are: ${cause}`)
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
