import { join } from 'node:path'
import type { Manifest } from '../../manifest/manifest.ts'
import { type Name, name } from '../../manifest/values.ts'
import {
  type Infer,
  list,
  map,
  number,
  plainText,
  record,
  requireShape,
  type Shape,
  whole,
  word,
} from '../../text/shape.ts'

/** The socket of a node's guard, mode 0600. One JSON message per line. */
export function guardSocketOf(manifest: Manifest): string {
  return join(manifest.paths.runtimeDir, 'guard.sock')
}

const services: Shape<readonly Name[]> = list(name, 1000)

/** The requests to a guard. Each has one `GuardReply`, except `taken`. */
const requests = {
  /** The controller works, and renews the deadlines of these services. */
  renew: record({ type: word('renew'), services }),
  /** The controller ends for another one, which starts at once. */
  'hand-over': record({ type: word('hand-over') }),
  /** Ends the deadlines of these services without a withdrawal. */
  release: record({ type: word('release'), services }),
  /** Requests only the reply. */
  ask: record({ type: word('ask') }),
  /**
   * From a newer guard, which replaces this one. The older guard stays armed until it receives `taken`. If the
   * connection ends before that, it takes the lock and the socket again.
   */
  replace: record({ type: word('replace') }),
  taken: record({ type: word('taken') }),
}

const kind = word(...(Object.keys(requests) as (keyof typeof requests)[]))
const request: Shape<GuardRequest> = (raw, place) => {
  const type = kind(
    typeof raw === 'object' && raw !== null ? (raw as { type?: unknown }).type : undefined,
    place,
  )
  return requests[type]?.(raw, place)
}

/** More than any deadline, and less than a timer's overflow. */
const mostLeaseMs = 86_400_000

const reply = record({
  pid: whole(1, 4_194_304),
  /** Of the guard's bundle. */
  serial: plainText(200),
  /** Milliseconds until the deadline, by service; negative after it has passed. */
  leases: map(name, number(-Number.MAX_SAFE_INTEGER, mostLeaseMs), 1000),
})

export type GuardRequest = {
  [Type in keyof typeof requests]: Infer<(typeof requests)[Type]>
}[keyof typeof requests]
export type GuardReply = Infer<typeof reply>

const maxLineBytes = 256 * 1024

/** Splits a stream into messages. Throws on a line that is not a message, or is too long. */
class LineReader<Message> {
  readonly #shape: Shape<Message>
  #rest = ''

  constructor(shape: Shape<Message>) {
    this.#shape = shape
  }

  *read(chunk: string): Generator<Message> {
    const lines = (this.#rest + chunk).split('\n')
    this.#rest = lines.pop()!
    for (const line of lines) yield requireShape(this.#shape, JSON.parse(line))
    if (this.#rest.length > maxLineBytes) throw new Error(`a line is longer than ${maxLineBytes} bytes`)
  }
}

export function readRequests(): LineReader<GuardRequest> {
  return new LineReader(request)
}

export function readReplies(): LineReader<GuardReply> {
  return new LineReader(reply)
}
