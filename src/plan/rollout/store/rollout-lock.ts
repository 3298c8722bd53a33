import { again } from '../../../change/again.ts'
import { TransportError } from '../../../change/transport.ts'
import type { Clock, Timer } from '../../../clock/clock.ts'
import { engineBeatKey, lockKey } from '../../../fleet/rollout/keys.ts'
import { type HeldLock, readHeldLock } from '../../../fleet/rollout/messages.ts'
import type { KeyValue, Store } from '../../../fleet/store.ts'
import { OperationError } from '../../../text/operation-error.ts'
import { readValues } from './read-values.ts'

/** Milliseconds. `watch`: how long a beat must not change until the command that wrote it is taken for dead. */
const times = { call: 15_000, retry: 30_000, retryPause: 1000, beat: 2000, watch: 10_000, look: 500 } as const

export interface Claim {
  readonly rollout: string
  readonly by: string
  /** Of its state, for people: `host:path`. The caller holds the lock of that folder: no other command drives a rollout from there. */
  readonly folder: string
  /** The same for no other folder. */
  readonly folderId: string
  /** What it replaces: nothing but an earlier engine of this rollout, every rollout of this folder too, or that other rollout too. */
  readonly replaces: 'engine' | 'folder' | { readonly rollout: string }
}

/**
 * One rollout at a time in the whole fleet, and one engine for it. It does not end by time: a rollout that rests has it
 * until it is over. Each order compares it in the same transaction, so an engine that has lost it orders nothing more.
 */
export class RolloutLock {
  readonly #store: Store
  readonly #clock: Clock
  readonly #createNonce: () => string
  readonly #lost = new AbortController()
  /** What it has written last; nothing in the store has it otherwise. */
  #own = ''
  #isHeld = false
  #claim: Claim | null = null
  #beats = 0
  #timer: Timer | null = null

  constructor(store: Store, clock: Clock, createNonce: () => string) {
    this.#store = store
    this.#clock = clock
    this.#createNonce = createNonce
  }

  /** Aborted once another command has taken it; the reason is an OperationError. */
  get lost(): AbortSignal {
    return this.#lost.signal
  }

  /** What each order compares: also after the release, when an attempt may still be under way. */
  get fence(): readonly KeyValue[] {
    return [{ key: lockKey, value: this.#own }]
  }

  /** Whether `take` would be refused: throws what it would throw, and changes nothing. */
  async check(claim: Claim): Promise<void> {
    await this.#again(async () => this.#requireFree((await this.#read()).lock, claim))
  }

  /** Throws OperationError: another rollout is not over, or another command drives this one. */
  async take(claim: Claim): Promise<void> {
    const own = this.#describe(claim, this.#createNonce())
    await this.#again(async () => {
      const present = (await this.#read()).lock
      // An earlier attempt without an answer was executed.
      if (present === own) return
      await this.#requireFree(present, claim)
      await this.#write([{ key: lockKey, value: present }], [{ key: lockKey, value: own }])
    })
    this.#own = own
    this.#isHeld = true
    this.#claim = claim
    await this.#beat()
  }

  /** As far as the store answers: otherwise it stays, and says so to the next command. */
  async release(isOver: boolean): Promise<void> {
    this.#timer?.cancel()
    if (!this.#isHeld) return
    this.#isHeld = false
    const rest = isOver
      ? [
          { key: lockKey, value: null },
          { key: engineBeatKey, value: null },
        ]
      : [{ key: lockKey, value: this.#describe(this.#claim!, null) }]
    await this.#write(this.fence, rest).catch((error: unknown) => {
      if (!(error instanceof TransportError || error instanceof OperationError)) throw error
    })
  }

  /** Throws OperationError. */
  #again(work: () => Promise<void>): Promise<void> {
    const { retry: forMs, retryPause: pauseMs } = times
    return again(this.#clock, { forMs, pauseMs }, work).catch((error: unknown) => {
      if (!(error instanceof TransportError)) throw error
      throw new OperationError(error.message, {
        hint: 'nothing was changed; try again once the store answers',
      })
    })
  }

  #describe({ rollout, by, folder, folderId }: Claim, engine: string | null): string {
    return JSON.stringify({ format: 1, rollout, by, folder, folderId, engine } satisfies HeldLock)
  }

  async #requireFree(present: string | null, { rollout, folderId, replaces }: Claim): Promise<void> {
    if (present === null) return
    const held = readHeldLock(present)
    if (held === null) {
      throw new OperationError('the lock of rollouts in the store is none that this version reads', {
        hint: 'use the version of anyward that has started the rollout',
        outcome: 'refused',
      })
    }
    const isHere = held.folderId === folderId
    const isReplaced =
      typeof replaces === 'object'
        ? held.rollout === replaces.rollout || isHere
        : isHere && replaces === 'folder'
    if (held.rollout !== rollout && !isReplaced) {
      throw new OperationError(`rollout ${held.rollout}, which ${held.by} drives, is not over`, {
        hint: `its state is in ${held.folder}: resume, abort or undo it there, or in a copy of that folder. If there is none any more: \`rollout start --take-over ${held.rollout}\``,
        outcome: 'refused',
      })
    }
    if (held.engine === null || isHere) return
    if (await this.#isBeating()) {
      throw new OperationError(`rollout ${held.rollout} is driven by another command, of ${held.by}`, {
        hint: `follow it with \`rollout watch\` in ${held.folder}, or end that command first`,
        outcome: 'refused',
      })
    }
  }

  /** Whether the text of the engine's beat changes: clocks of other machines tell nothing. */
  async #isBeating(): Promise<boolean> {
    const first = (await this.#read()).beat
    const end = this.#clock.now() + times.watch
    while (this.#clock.now() < end) {
      await this.#clock.sleep(times.look)
      if ((await this.#read()).beat !== first) return true
    }
    return false
  }

  async #beat(): Promise<void> {
    this.#beats += 1
    const { engine } = readHeldLock(this.#own)!
    const writes = [{ key: engineBeatKey, value: `${engine} ${this.#beats}` }]
    const outcome = await this.#store.transact({ compares: this.fence, writes }, times.call)
    if (!this.#isHeld) return
    if (outcome.outcome === 'conflict') return this.#lose()
    this.#timer = this.#clock.after(times.beat, () => void this.#beat())
  }

  async #lose(): Promise<void> {
    this.#isHeld = false
    const { rollout } = this.#claim!
    const next = await this.#read().then(
      ({ lock }) => (lock === null ? null : readHeldLock(lock)),
      () => null,
    )
    const by = next === null ? '' : ` by ${next.by}, in ${next.folder}`
    this.#lost.abort(
      new OperationError(`rollout ${rollout} was taken over${by}`, {
        hint: 'this command has ended, and orders nothing more',
      }),
    )
  }

  async #read(): Promise<{ lock: string | null; beat: string | null }> {
    const values = await readValues(this.#store, [{ key: lockKey }, { key: engineBeatKey }], times.call)
    return { lock: values.get(lockKey) ?? null, beat: values.get(engineBeatKey) ?? null }
  }

  async #write(compares: readonly KeyValue[], writes: readonly KeyValue[]): Promise<void> {
    const outcome = await this.#store.transact({ compares, writes }, times.call)
    if (outcome.outcome === 'committed') return
    if (outcome.outcome === 'refused') {
      throw new OperationError(`the store: ${outcome.message}`, {
        hint: 'if permission is denied, the users of the cluster may be older than this version: run `scripts/etcd/users` again',
      })
    }
    throw new TransportError(
      `the store: ${outcome.outcome === 'unknown' ? outcome.message : 'another command takes the lock of rollouts'}`,
    )
  }
}
