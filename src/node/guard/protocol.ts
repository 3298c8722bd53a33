import { join } from 'node:path'
import type { Manifest } from '../../manifest/manifest.ts'
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
} from '../../manifest/shape.ts'
import { type Name, name } from '../../manifest/values.ts'

/** Where a node's guard listens, mode 0600: JSON, a line a message. */
export function guardSocketOf(manifest: Manifest): string {
  return join(manifest.paths.runtimeDir, 'guard.sock')
}

const services: Shape<readonly Name[]> = list(name, 1000)

/** What a guard receives. Each is answered with one line, a `GuardReply`. */
const requests = {
  /** The controller lives, and vouches for these services. */
  renew: record({ type: word('renew'), services }),
  /** The controller makes room for another one, which comes at once. */
  'hand-over': record({ type: word('hand-over') }),
  /** Their leases end, and nothing is withdrawn. */
  release: record({ type: word('release'), services }),
  /** Asks for the reply alone. */
  ask: record({ type: word('ask') }),
  /**
   * From a younger guard: make room for me. The old one stays armed until it receives `taken`; should the
   * connection end before that, it takes its place again.
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

/** More than any deadline, and no timer that overflows. */
const mostLeaseMs = 86_400_000

const reply = record({
  pid: whole(1, 4_194_304),
  /** Of the bundle that it knows. */
  serial: plainText(200),
  /** Milliseconds that are left, by service; negative: it ran out that long ago. Without those that have none. */
  leases: map(name, number(-Number.MAX_SAFE_INTEGER, mostLeaseMs), 1000),
})

export type GuardRequest = {
  [Type in keyof typeof requests]: Infer<(typeof requests)[Type]>
}[keyof typeof requests]
export type GuardReply = Infer<typeof reply>

const maxLineBytes = 256 * 1024

/** Cuts a stream into messages. Throws where a line is no message, or never ends. */
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
    if (this.#rest.length > maxLineBytes) throw new Error('a line without end')
  }
}

export function readRequests(): LineReader<GuardRequest> {
  return new LineReader(request)
}

export function readReplies(): LineReader<GuardReply> {
  return new LineReader(reply)
}
