import type { EventLog } from './events.ts'
import type { Log } from './log.ts'

/** Reports an event with its cause. Never throws and never waits. */
export type Say = EventLog['record']

/** To the log, and into the events file. */
export function createSay(log: Log, events: EventLog): Say {
  return (level, facts, message) => {
    log[level](facts, message)
    events.record(level, facts, message)
  }
}
