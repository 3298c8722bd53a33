import { join } from 'node:path'
import { z } from 'zod'
import type { Manifest } from '../planner/manifest.ts'

/** Where a node's guard listens, mode 0600: JSON, a line a message. */
export function guardSocketOf(manifest: Manifest): string {
  return join(manifest.paths.runtimeDir, 'guard.sock')
}

const servicesSchema = z.array(z.string().max(200)).max(1000).readonly()

/** What a guard is told. Each is answered with one line, a `GuardReply`. */
const requestSchema = z.discriminatedUnion('type', [
  /** The controller lives, and vouches for these services. */
  z.strictObject({ type: z.literal('renew'), services: servicesSchema }),
  /** The controller makes room for another one, which comes at once. */
  z.strictObject({ type: z.literal('hand-over') }),
  /** Their leases end, and nothing is withdrawn. */
  z.strictObject({ type: z.literal('release'), services: servicesSchema }),
  /** Who are you, and what do you hold? */
  z.strictObject({ type: z.literal('ask') }),
  /**
   * From a younger guard: make room for me. The old one stays armed until it is told `taken`; should the
   * connection end before that, it takes its place again.
   */
  z.strictObject({ type: z.literal('replace') }),
  z.strictObject({ type: z.literal('taken') }),
])

const replySchema = z.strictObject({
  pid: z.number().int().positive(),
  /** Of the bundle that it knows. */
  serial: z.string().max(200),
  /** Milliseconds that are left, by service; negative: it ran out that long ago. Without those that have none. */
  leases: z.record(z.string().max(200), z.number()),
})

export type GuardRequest = z.infer<typeof requestSchema>
export type GuardReply = z.infer<typeof replySchema>

const maxLineBytes = 256 * 1024

/** Cuts a stream into messages. Throws where a line is no message, or never ends. */
class LineReader<Message> {
  readonly #schema: z.ZodType<Message>
  #rest = ''

  constructor(schema: z.ZodType<Message>) {
    this.#schema = schema
  }

  *read(chunk: string): Generator<Message> {
    const lines = (this.#rest + chunk).split('\n')
    this.#rest = lines.pop()!
    for (const line of lines) yield this.#schema.parse(JSON.parse(line))
    if (this.#rest.length > maxLineBytes) throw new Error('a line without end')
  }
}

export function readRequests(): LineReader<GuardRequest> {
  return new LineReader(requestSchema)
}

export function readReplies(): LineReader<GuardReply> {
  return new LineReader(replySchema)
}
