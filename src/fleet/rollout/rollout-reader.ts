import type { Clock } from '../../clock/clock.ts'
import type { Store } from '../store.ts'
import { engineBeatKey, lockKey, rolloutPrefix, rolloutStateKey } from './keys.ts'
import { readHeldLock } from './messages.ts'
import { type RolloutStateMessage, readRolloutState } from './state-message.ts'

/** Milliseconds. A command that drives a rollout changes its beat each 2 s. */
const times = { call: 2000, dead: 10_000 } as const

export interface RolloutLook {
  /** `null`: none is in the store. */
  readonly rollout: RolloutStateMessage | null
  /** Whether a command drives it; `null`: not known yet. */
  readonly isDriven: boolean | null
  readonly problem: string | null
}

/** Reads from the store how far a rollout is, when it is asked. */
export class RolloutReader {
  readonly #store: Pick<Store, 'read'> | null
  readonly #clock: Clock
  #beat: { readonly text: string | null; readonly seenAtMs: number; readonly hasChanged: boolean } | null =
    null

  constructor(store: Pick<Store, 'read'> | null, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  async read(): Promise<RolloutLook> {
    const nothing = { rollout: null, isDriven: null }
    if (this.#store === null) return { ...nothing, problem: 'the store cannot be read' }
    const read = await this.#store.read([{ prefix: rolloutPrefix }], times.call)
    if (read.outcome !== 'read') return { ...nothing, problem: `the store: ${read.message}` }
    const text = read.values.get(rolloutStateKey)
    const lock = readHeldLock(read.values.get(lockKey) ?? '')
    if (text === undefined) {
      const problem = lock === null ? null : `rollout ${lock.rollout} of ${lock.by} has written no state`
      return { ...nothing, problem }
    }
    const rollout = readRolloutState(text)
    if (rollout === null) return { ...nothing, problem: 'the state of the rollout is of another version' }
    const isHeld = lock !== null && lock.rollout === rollout.id && lock.engine !== null
    return {
      rollout,
      isDriven: isHeld && this.#isBeating(read.values.get(engineBeatKey) ?? null),
      problem: null,
    }
  }

  #isBeating(text: string | null): boolean | null {
    const nowMs = this.#clock.now()
    const before = this.#beat
    if (before === null || before.text !== text) {
      this.#beat = { text, seenAtMs: nowMs, hasChanged: before !== null }
      return before === null ? null : true
    }
    if (nowMs - before.seenAtMs >= times.dead) return false
    return before.hasChanged ? true : null
  }
}
