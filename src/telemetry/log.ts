import { once } from 'node:events'
import { isatty } from 'node:tty'
import { type DestinationStream, destination, type Logger, pino, stdTimeFunctions } from 'pino'
import { hasColor } from '../text/color.ts'
import { withoutControls } from '../text/wording.ts'

export type Log = Logger

const stderr = 2
const endTimeoutMs = 1000

/**
 * JSON lines on stderr; on a terminal lines for a person. They are written in the background, so that a reader that stopped reading does not block the
 * controller. Beyond `maxLength` bytes of backlog, lines are dropped. Log as fatal only before the exit: pino writes such
 * a line synchronously, and waits for the reader.
 */
export async function createLog(bindings: Readonly<Record<string, string>>): Promise<{
  log: Log
  /** Writes the backlog synchronously. A line that is being written may still be lost at exit. */
  flush: () => void
  /** Resolves when every line is written, or after a second if the reader has stopped. Later lines are dropped. */
  end: () => Promise<void>
}> {
  const isTTY = isatty(stderr)
  const format = isTTY ? await createPrettyFormat(hasColor({ isTTY }, process.env)) : null
  const stream = destination({ fd: stderr, sync: false, minLength: 0, maxLength: 1_000_000 })
  // A closed or full stderr must not stop the controller.
  stream.on('error', () => {})
  let isEnding = false
  // The stream throws on a write while it ends, for example from a running poll.
  const write = (line: string) => void (isEnding || stream.write(format === null ? line : format(line)))
  const log = createLogTo({ write }, bindings)
  const flush = () => {
    try {
      stream.flushSync()
    } catch {
      // stderr has failed, so the error cannot be logged.
    }
  }
  const end = async () => {
    const ended = once(stream, 'close')
    // The stream emits no `close` if it failed before.
    const late = new Promise((resolve) => setTimeout(resolve, endTimeoutMs))
    isEnding = true
    try {
      stream.end()
      await Promise.race([ended, late])
    } catch {
      // stderr has failed, so the error cannot be logged.
    }
  }
  return { log, flush, end }
}

/** Loaded for a terminal alone: a service runs for months without one. */
export async function createPrettyFormat(colorize: boolean): Promise<(line: string) => string> {
  const { prettyFactory } = await import('pino-pretty')
  const format = prettyFactory({
    colorize,
    messageKey: 'message',
    // The facts follow the message, in the same line.
    singleLine: true,
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'node,site,program,command',
  })
  // pino-pretty writes the message as it is, and it may have the words of another program.
  return (line) => format(withoutControls(JSON.parse(line))) ?? ''
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
