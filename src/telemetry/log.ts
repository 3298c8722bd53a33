import { type DestinationStream, destination, type Logger, pino, stdTimeFunctions } from 'pino'

export type Log = Logger

/**
 * JSON lines on stderr. Written in the background, so that a reader who stopped reading can't stop the
 * controller; beyond `maxLength` bytes of backlog lines are dropped.
 */
export function createLog(bindings: Readonly<Record<string, string>>): { log: Log; flush: () => void } {
  const stream = destination({ fd: 2, sync: false, minLength: 0, maxLength: 1_000_000 })
  // A closed or full stderr is no reason to stop announcing.
  stream.on('error', () => {})
  const log = createLogTo(stream, bindings)
  const flush = () => {
    try {
      stream.flushSync()
    } catch {
      // Nobody is left to tell.
    }
  }
  return { log, flush }
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
