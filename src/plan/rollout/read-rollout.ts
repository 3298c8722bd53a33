import type { NodeView } from '../../change/view.ts'
import {
  anyText,
  anything,
  formatProblem,
  type Infer,
  list,
  nullable,
  optional,
  readShape,
  record,
  type Shape,
  whole,
  word,
} from '../../text/shape.ts'
import type { Rollout } from './rollout.ts'

const text = anyText(4096)
// Written by this program beside it, and read by the gates alone.
const view = anything as Shape<unknown> as Shape<NodeView>

const node = record({
  node: text,
  site: text,
  state: word('waiting', 'changing', 'changed', 'done', 'failed', 'undoing', 'reverted', 'undone', 'stuck'),
  detail: nullable(anyText()),
  serial: nullable(whole(1, Number.MAX_SAFE_INTEGER)),
  failure: nullable(anyText()),
  from: text,
  to: text,
  before: nullable(view),
  since: optional(text),
})

const rollout = record({
  format: word(1),
  id: text,
  startedBy: text,
  startedAt: text,
  sitesHash: text,
  soakMs: whole(0, Number.MAX_SAFE_INTEGER),
  state: word('running', 'paused', 'done', 'undone', 'failed'),
  aim: word('forward', 'pause', 'undo-wave', 'abort', 'undo'),
  reason: nullable(anyText()),
  since: optional(text),
  waves: list(record({ name: text, nodes: list(node, 100_000) }), 10_000),
})

/** A rollout from parsed JSON. */
export function readRollout(
  raw: unknown,
): { readonly ok: true; readonly value: Rollout } | { readonly ok: false; readonly problem: string } {
  const read = readShape(rollout, raw)
  if (!read.ok) return { ok: false, problem: formatProblem(read.problems[0]) }
  const value: Infer<typeof rollout> = read.value
  return { ok: true, value }
}
