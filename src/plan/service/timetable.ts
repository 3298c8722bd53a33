import { type ScheduledTask, schedule } from 'node-cron'
import type { Log } from '../../telemetry/log.ts'
import type { Cause } from './rounds.ts'

/** Requests rounds on the schedule of the fleet that was planned last. */
export class Timetable {
  readonly #log: Log
  readonly #onTime: (cause: Cause) => void
  #schedule = ''
  #task: ScheduledTask | null = null

  constructor(log: Log, onTime: (cause: Cause) => void) {
    this.#log = log
    this.#onTime = onTime
  }

  follow(wanted: string): void {
    if (wanted === this.#schedule) return
    this.end()
    this.#schedule = wanted
    // node-cron's own logger would write to stdout.
    this.#task = schedule(wanted, () => this.#onTime('schedule'), { suppressMissedWarning: true })
    // A large plan can block the event loop past the second at which the next round was due.
    this.#task.on('execution:missed', () => this.#onTime('schedule'))
    this.#log.info({ event: 'schedule', schedule: wanted }, `plans at ${wanted}`)
  }

  /** When the next round is due; `null`: none is. */
  get next(): Date | null {
    return this.#task?.getNextRun() ?? null
  }

  end(): void {
    void this.#task?.destroy()
    this.#task = null
  }
}
