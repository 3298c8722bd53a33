import { type Infer, list, nullable, part, plainText, readJson, whole, word } from '../../text/shape.ts'

const text = plainText(1000)
const name = plainText(100)
const amount = whole(0, 1_000_000)

// Fields that a later version adds are ignored.
const state = part({
  ...{ id: name, startedBy: text, startedAt: name, sentence: text, since: nullable(name) },
  state: word('running', 'paused', 'done', 'undone', 'failed'),
  soakMs: whole(0, Number.MAX_SAFE_INTEGER),
  waves: list(
    part({
      ...{ name, state: name },
      counts: part({ done: amount, working: amount, waiting: amount, failed: amount, undone: amount }),
      nodes: list(
        part({ ...{ node: name, site: name, state: name }, detail: nullable(text), since: nullable(name) }),
        1000,
      ),
    }),
    1000,
  ),
})

/** How far a rollout is, as the engine writes it for people. */
export type RolloutStateMessage = Infer<typeof state>

export const readRolloutState = (text: string): RolloutStateMessage | null => readJson(state, text)
