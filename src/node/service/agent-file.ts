import { join } from 'node:path'
import type { Clock } from '../../clock/clock.ts'
import { writeFileAtomically } from '../../files/atomic-file.ts'
import { readRegularFile } from '../../files/open-regular-file.ts'
import { type Infer, nullable, plainText, readJson, record, whole, word, yesNo } from '../../text/shape.ts'

const time = whole(0, Number.MAX_SAFE_INTEGER)

/** What the agent leaves for the controller's metrics: it serves no HTTP of its own. */
const agentState = record({
  format: word(1),
  /** Milliseconds since 1970, as the others. */
  writtenMs: time,
  /** `null`: the store has not answered yet. */
  storeUp: nullable(yesNo),
  /** The last change that it has carried out since it started. */
  change: nullable(record({ rollout: plainText(200), outcome: plainText(20), endedMs: time })),
})

export type AgentState = Infer<typeof agentState>

/** How often it is written; a file that is older than some of these is of an agent that is gone. */
export const writeAgentEveryMs = 10_000

export function agentFileOf(runtimeDir: string): string {
  return join(runtimeDir, 'agent.json')
}

const mostBytes = 64 * 1024

/** `null`: there is none, or it is not such a file. Throws as `readRegularFile` does. */
export async function readAgentState(path: string): Promise<AgentState | null> {
  return readJson(agentState, (await readRegularFile(path, mostBytes)) ?? '')
}

/** Writes the file at once after each change, and every ten seconds. A failure is of no importance to the agent. */
export class AgentFile {
  readonly #path: string
  readonly #clock: Clock
  readonly #storeUp: () => boolean | null
  #change: AgentState['change'] = null
  #writing: Promise<unknown> = Promise.resolve()
  #timer: ReturnType<typeof setInterval> | null = null

  /** @param storeUp whether the store has answered the last request */
  constructor(path: string, clock: Clock, storeUp: () => boolean | null) {
    this.#path = path
    this.#clock = clock
    this.#storeUp = storeUp
  }

  start(): void {
    this.#write()
    this.#timer = setInterval(() => this.#write(), writeAgentEveryMs)
  }

  ended(rollout: string, outcome: string): void {
    this.#change = { rollout, outcome, endedMs: Math.round(this.#clock.wall()) }
    this.#write()
  }

  async close(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer)
    await this.#writing
  }

  #write(): void {
    const writtenMs = Math.round(this.#clock.wall())
    const state: AgentState = { format: 1, writtenMs, storeUp: this.#storeUp(), change: this.#change }
    this.#writing = this.#writing
      .then(() => writeFileAtomically(this.#path, `${JSON.stringify(state)}\n`, { mode: 0o644 }))
      .catch(() => {})
  }
}
