import { once } from 'node:events'
import { type DestinationStream, destination, type Logger, pino, stdTimeFunctions } from 'pino'

export type Log = Logger

const endTimeoutMs = 1000

/**
 * JSON lines on stderr. Written in the background, so that a reader who stopped reading can't stop the
 * controller; beyond `maxLength` bytes of backlog lines are dropped.
 * Only who is about to end logs as fatal: pino writes such a line at once, and waits for the reader.
 */
export function createLog(bindings: Readonly<Record<string, string>>): {
  log: Log
  /** Writes what waits, at once; a line that is just being written may still be lost at exit. */
  flush: () => void
  /** Resolves when every line is written, or a reader who stopped reading has had a second. Later lines are dropped. */
  end: () => Promise<void>
} {
  const stream = destination({ fd: 2, sync: false, minLength: 0, maxLength: 1_000_000 })
  // A closed or full stderr is no reason to stop announcing.
  stream.on('error', () => {})
  let isEnding = false
  // The stream throws at whoever still writes while it ends, such as a poll that was under way.
  const log = createLogTo({ write: (line) => void (isEnding || stream.write(line)) }, bindings)
  const flush = () => {
    try {
      stream.flushSync()
    } catch {
      // Nobody is left to tell.
    }
  }
  const end = async () => {
    const ended = once(stream, 'close')
    // The stream never says so where it failed before.
    const late = new Promise((resolve) => setTimeout(resolve, endTimeoutMs))
    isEnding = true
    try {
      stream.end()
      await Promise.race([ended, late])
    } catch {
      // Nobody is left to tell.
    }
  }
  return { log, flush, end }
}

/** The same lines, to any stream. */
export function createLogTo(stream: DestinationStream, bindings: Readonly<Record<string, string>>): Log {
  return pino(
    {
      base: bindings,
      timestamp: stdTimeFunctions.epochTime,
      formatters: { level: (label) => ({ level: label }) },
      messageKey: 'message',
    },
    stream,
  )
}
