import type { NodeView, Seen } from '../../change/view.ts'
import {
  anyText,
  type Infer,
  list,
  nullable,
  pattern,
  readJson,
  record,
  type Shape,
  whole,
  word,
  yesNo,
} from '../../text/shape.ts'
import { archiveRef } from './archive.ts'

const text = anyText(1000)
const digest = pattern(/^[0-9a-f]{64}$/, 'is not a SHA-256 in hex', 64)
/** A rollout's id is the reason of a drain, and an argument of a program. */
const id = pattern(/^[A-Za-z0-9][A-Za-z0-9.-]{0,99}$/, 'is not an identifier', 100)

const target = record({
  format: word(1),
  /** Each order has its own: a node that has carried it out does not do so again. */
  change: id,
  rollout: id,
  /** Of the bundle: the SHA-256 of its manifest. */
  digest,
  archive: archiveRef,
  drain: word('no', 'try', 'must'),
})

const report = record({
  format: word(1),
  change: id,
  outcome: word('running', 'changed', 'failed'),
  /** What was begun so far, in order. */
  steps: list(text, 100),
  detail: text,
})

const view: Shape<NodeView> = record({
  bundle: nullable(digest),
  serial: nullable(whole(0, Number.MAX_SAFE_INTEGER)),
  services: list(
    record({
      ...{ name: text, health: text, decision: text, reason: text },
      announced: list(record({ neighbor: text, prefix: text, degraded: yesNo }), 100_000),
    }),
    1000,
  ),
  neighbors: list(record({ name: text, session: text, bfd: nullable(text) }), 10_000),
  intent: record({ intent: word('serve', 'drain', 'withdraw'), reason: nullable(text) }),
  alarms: list(text, 10_000),
})

const nodeState = record({
  format: word(1),
  /** Rises with each. */
  number: whole(0, Number.MAX_SAFE_INTEGER),
  /** The installed bundle; `null`: there is none that can be read. `archive` is `null` if it is too large for the store. */
  installed: nullable(record({ digest, archive: nullable(archiveRef) })),
  /** `null`: no controller runs. */
  view: nullable(view),
  /** Why the controller could not be asked. */
  problem: nullable(text),
})

const lock = record({
  format: word(1),
  rollout: id,
  /** Such as `alice@noc1`. */
  by: text,
  /** Of its state: `host:path`, and what tells it from a folder of that name on another machine with the same name. */
  folder: text,
  folderId: text,
  /** Identifies the command that drives it; `null`: none does. */
  engine: nullable(id),
})

const archiveEntry = record({ chunks: whole(1, 1000) })

export type RolloutTarget = Infer<typeof target>
export type ChangeReport = Infer<typeof report>
export type HeldLock = Infer<typeof lock>
export type NodeState = Infer<typeof nodeState>

/** The readers return `null` for what does not fit: one who can write to the store may have written it. */
export const readTarget = (text: string): RolloutTarget | null => readJson(target, text)
export const readReport = (text: string): ChangeReport | null => readJson(report, text)
export const readHeldLock = (text: string): HeldLock | null => readJson(lock, text)
export const readNodeState = (text: string): NodeState | null => readJson(nodeState, text)

export const readArchiveEntry = (text: string) => readJson(archiveEntry, text)

export function seenOf({ view, problem }: NodeState): Seen {
  return problem === null ? { outcome: 'seen', view } : { outcome: 'unreachable', problem }
}

/** As much of it as a message in the store has room for. */
export function shorten(message: string): string {
  return message.length <= 1000 ? message : `${message.slice(0, 999)}…`
}
