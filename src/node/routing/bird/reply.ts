import type { ReplyReader } from '../connection.ts'
import { DaemonError } from '../daemon.ts'

/** One line of a reply, with its own or the repeated code. */
interface BirdLine {
  readonly code: number
  readonly text: string
}

export interface BirdReply {
  /** The code of the last line: 0xxx success, 8xxx refused, 9xxx not parsed. */
  readonly code: number
  /** All lines, including the last one. */
  readonly lines: readonly BirdLine[]
}

const maxReplyBytes = 4 * 1024 * 1024
const newline = 0x0a

/** Reads `NNNN-text` lines up to one of `NNNN text`; a leading space repeats the code, `+` is asynchronous. */
export class BirdReplyReader implements ReplyReader<BirdReply> {
  readonly #lines: BirdLine[] = []
  #rest: Buffer[] = []
  #bytes = 0

  read(chunk: Buffer): BirdReply | null {
    this.#bytes += chunk.length
    if (this.#bytes > maxReplyBytes) throw unreadable(`sent more than ${maxReplyBytes} bytes`, '')
    let start = 0
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      const line = Buffer.concat([...this.#rest, chunk.subarray(start, end)]).toString('utf8')
      this.#rest = []
      start = end + 1
      if (!this.#take(line)) continue
      if (start !== chunk.length) throw unreadable('went on after the end of its reply', line)
      return { code: this.#lines.at(-1)!.code, lines: this.#lines }
    }
    if (start < chunk.length) this.#rest.push(chunk.subarray(start))
    return null
  }

  /** Whether the line ends the reply. */
  #take(line: string): boolean {
    if (line.startsWith('+')) return false
    if (line.startsWith(' ')) {
      const previous = this.#lines.at(-1)
      if (previous === undefined) throw unreadable('began a reply without a code', line)
      this.#lines.push({ code: previous.code, text: line.slice(1) })
      return false
    }
    const match = /^(\d{4})([- ])/.exec(line)
    if (match === null) throw unreadable('sent a line without a code', line)
    this.#lines.push({ code: Number(match[1]), text: line.slice(5) })
    return match[2] === ' '
  }
}

/** The text of a reply, as `birdc` prints it. */
export function wordsOf(reply: BirdReply): string {
  return reply.lines
    .map((line) => line.text)
    .join('\n')
    .trim()
}

/** Returns the reply. Throws DaemonError if BIRD has refused the command, or the code is unknown. */
export function checkReply(command: string, reply: BirdReply): BirdReply {
  // Some versions answer 8001, network not found, if there is no such route.
  if (reply.code === 0 || reply.code === 13 || reply.code === 8001) return reply
  throw refusalOf(command, reply)
}

export function refusalOf(command: string, reply: BirdReply): DaemonError {
  const words = wordsOf(reply)
  if (reply.code >= 8000)
    return new DaemonError('refused', `BIRD refused "${command}": ${words}`, { reply: words })
  return new DaemonError('protocol', `BIRD answered "${command}" with the unknown code ${reply.code}`, {
    reply: words,
  })
}

function unreadable(problem: string, line: string): DaemonError {
  return new DaemonError('protocol', `BIRD ${problem}`, { reply: line.slice(0, 200) })
}
