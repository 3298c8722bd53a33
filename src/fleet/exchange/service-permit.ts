import type { Clock } from '../../clock/clock.ts'
import type { NodeReport } from '../permit/floor.ts'
import { type Holder, type HolderCause, holderOf, type Register } from '../permit/register.ts'
import { type PermitTransaction, reportWithdrawal, returnPermit } from '../permit/request.ts'
import {
  mayWithdraw,
  type PermitEffect,
  type PermitEvent,
  type PermitState,
  type PermitTimes,
  stepPermit,
} from '../permit/state.ts'
import { Queue } from '../queue.ts'
import type { Store, TransactOutcome } from '../store.ts'
import type { Beats } from './beats.ts'
import { beatPrefix, entryKey, entryPrefix, idOf, type NodeName, registerKey } from './keys.ts'
import { readReports } from './reports.ts'
import { type Entry, readEntry, readRegister } from './values.ts'

export interface ServiceSettings {
  readonly name: string
  readonly minSites: number
}

export interface ExchangeTimes extends PermitTimes {
  /** Of one request to the store. */
  readonly callWithinMs: number
  /** Between two attempts of what has no deadline, such as the return of a permit. */
  readonly retryMs: number
}

export interface ExchangeParts {
  readonly store: Store
  readonly clock: Clock
  readonly beats: Beats
  readonly times: ExchangeTimes
  /** Unique in the fleet and for ever. */
  readonly createNonce: () => string
  /** What the store has refused or left without an answer. */
  readonly onFailure: (message: string) => void
}

type Wish =
  | { readonly wish: 'well' | 'not-well' }
  | { readonly wish: 'withdrawn'; readonly cause: Exclude<HolderCause, 'permit'>; readonly reason: string }

/** After an answer that comes at once, as from a port where nothing listens. */
const pauseMs = 20

/** One service of this node in the store: its entry, and its place in the register. */
export class ServicePermit {
  readonly #self: NodeName
  readonly #id: string
  readonly #service: ServiceSettings
  readonly #parts: ExchangeParts
  #state: PermitState = { phase: 'none' }
  #wish: Wish = { wish: 'not-well' }
  /** The text of its entry in the store; `undefined`: to be read. */
  #entry: string | null | undefined
  readonly #queue = new Queue()
  #settling = false
  #closed = false

  constructor(self: NodeName, service: ServiceSettings, parts: ExchangeParts) {
    this.#self = self
    this.#id = idOf(self)
    this.#service = service
    this.#parts = parts
  }

  get state(): PermitState {
    return this.#state
  }

  mayWithdraw(): boolean {
    return mayWithdraw(this.#state, this.#parts.clock.now())
  }

  /**
   * To be called when the node observes at its neighbors that it announces normally, and its endpoint serves. The entry
   * follows, and then the permit is returned.
   */
  sayWell(): void {
    this.#endRequest({ wish: 'well' })
  }

  /** Others do not count this node. */
  sayNotWell(): void {
    this.#endRequest({ wish: 'not-well' })
  }

  /** A withdrawal that needs no permit. It is written as soon as the store is reachable, until the node is well again. */
  reportWithdrawal(cause: Exclude<HolderCause, 'permit'>, reason: string): void {
    this.#endRequest({ wish: 'withdrawn', cause, reason })
  }

  /** Asks for the permit. Resolves in time: granted, refused or unreachable. A wish that is expressed meanwhile ends it. */
  ask(reason: string): Promise<PermitState> {
    const nonce = this.#parts.createNonce()
    const wish: Wish = { wish: 'not-well' }
    this.#wish = wish
    const asking = { site: this.#self.site, node: this.#id, minSites: this.#service.minSites, reason }
    const step = (event: PermitEvent) => stepPermit(this.#state, event, asking, this.#parts.times)
    const begun = step({ event: 'ask', nonce, nowMs: this.#parts.clock.now() })
    this.#state = begun.state
    return this.#queue.add(async () => {
      let { state, effect } = begun
      while (effect !== null && this.#wish === wish) {
        this.#state = state
        const event = await this.#execute(effect, state)
        if (this.#wish !== wish) break
        ;({ state, effect } = step({ ...event, nowMs: this.#parts.clock.now() } as PermitEvent))
      }
      if (this.#wish === wish) this.#state = state
      return this.#state
    })
  }

  /** Its entry as the node knows it, for its beat. */
  get entry(): { readonly key: string; readonly text: string; readonly well: boolean } | null {
    if (this.#entry === undefined || this.#entry === null) return null
    const well = this.#wish.wish === 'well' && readEntry(this.#entry)?.well === true
    return { key: entryKey(this.#self, this.#service.name), text: this.#entry, well }
  }

  /** The store may have another entry than this one: it is read again. */
  doubtEntry(text: string): void {
    if (this.#entry !== text) return
    this.#entry = undefined
    this.#settle()
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#queue.ended()
  }

  #endRequest(wish: Wish): void {
    this.#wish = wish
    this.#state = { phase: 'none' }
    this.#settle()
  }

  /** Brings the store to what is wished, however long it takes. A request for a permit comes in between. */
  #settle(): void {
    if (this.#settling) return
    this.#settling = true
    const settle = async () => {
      while (!this.#closed) {
        const wish = this.#wish
        const settled = await this.#queue.add(() => this.#bringAbout(wish))
        if (settled && wish === this.#wish && this.#entry !== undefined) break
        if (!settled) await this.#parts.clock.sleep(this.#parts.times.retryMs)
      }
      this.#settling = false
    }
    void settle()
  }

  async #bringAbout(wish: Wish): Promise<boolean> {
    if (wish !== this.#wish) return true
    const within = this.#parts.times.callWithinMs
    if (!(await this.#publish(wish.wish === 'well', within))) return false
    if (wish.wish === 'not-well') return true
    const view = await this.#read(within)
    if (view === null) return false
    const transaction = this.#transactionFor(wish, view.register)
    if (transaction === null) return true
    return (await this.#commit(transaction, view, within)).outcome === 'committed'
  }

  #transactionFor(wish: Wish, register: Register): PermitTransaction | null {
    if (wish.wish !== 'withdrawn') return returnPermit(register, this.#id)
    const held = holderOf(register, this.#id)
    const { cause, reason } = wish
    if (held?.cause === cause && held.reason === reason) return null
    const nonce = this.#parts.createNonce()
    return reportWithdrawal(register, { site: this.#self.site, node: this.#id, nonce, cause, reason })
  }

  #view: View | null = null

  async #execute(effect: PermitEffect, state: PermitState): Promise<Untimed> {
    const { clock, times } = this.#parts
    const startMs = clock.now()
    const endsAtMs = 'endsAtMs' in state ? state.endsAtMs : startMs
    const within = Math.min(times.callWithinMs, endsAtMs - startMs)
    const event = within <= 0 ? unknown : await this.#perform(effect, within)
    if (event !== unknown) return event
    // Otherwise a store that fails at once is asked again and again until the deadline.
    const restMs = Math.min(startMs + pauseMs, endsAtMs) - clock.now()
    if (restMs > 0) await clock.sleep(restMs)
    return event
  }

  async #perform(effect: PermitEffect, within: number): Promise<Untimed> {
    if (effect.effect === 'publish') {
      return (await this.#publish(false, within)) ? { event: 'published' } : unknown
    }
    if (effect.effect === 'read') {
      this.#view = await this.#read(within)
      return this.#view === null ? unknown : { event: 'read', view: this.#view }
    }
    const { outcome } = await this.#commit(effect.transaction, this.#view!, within)
    return outcome === 'committed' || outcome === 'conflict' ? { event: outcome } : unknown
  }

  /** Whether the store has an entry that says so. */
  async #publish(well: boolean, within: number): Promise<boolean> {
    const { store, createNonce } = this.#parts
    const key = entryKey(this.#self, this.#service.name)
    if (this.#entry === undefined) {
      const read = await store.read([{ key }], within)
      if (read.outcome !== 'read') return this.#fail(read.message)
      this.#entry = read.values.get(key) ?? null
    }
    const known = this.#entry
    if (known !== null && readEntry(known)?.well === well) return true
    const next = JSON.stringify({ well, nonce: createNonce() } satisfies Entry)
    // Until there is a reply, it may be either.
    this.#entry = undefined
    const outcome = await store.transact(
      { compares: [{ key, value: known }], writes: [{ key, value: next }] },
      within,
    )
    if (outcome.outcome === 'committed') this.#entry = next
    else if (outcome.outcome !== 'conflict') this.#fail(outcome.message)
    return outcome.outcome === 'committed'
  }

  async #read(within: number): Promise<View | null> {
    const { store, clock, beats } = this.#parts
    const key = registerKey(this.#service.name)
    const read = await store.read([{ key }, { prefix: entryPrefix }, { prefix: beatPrefix }], within)
    if (read.outcome !== 'read') {
      this.#fail(read.message)
      return null
    }
    const registerText = read.values.get(key) ?? null
    const register = registerText === null ? [] : readRegister(registerText)
    if (register === null) {
      this.#fail(`${key} is not a register`)
      return null
    }
    const { reports, entryKeys } = readReports(read.values, this.#service.name, beats, clock.now())
    return { register, registerText, reports, entryKeys }
  }

  async #commit({ entries, next }: PermitTransaction, view: View, within: number): Promise<TransactOutcome> {
    const key = registerKey(this.#service.name)
    const dated = next.map((holder) =>
      holder.node === this.#id ? this.#date(holder, view.register) : holder,
    )
    const counted = entries.map(({ node, entry }) => ({ key: view.entryKeys.get(node)!, value: entry }))
    const outcome = await this.#parts.store.transact(
      {
        compares: [{ key, value: view.registerText }, ...counted],
        writes: [{ key, value: JSON.stringify(dated) }],
      },
      within,
    )
    if ('message' in outcome) this.#fail(outcome.message)
    return outcome
  }

  #date(holder: Holder, before: Register): Holder {
    const since = holderOf(before, this.#id)?.since ?? new Date(this.#parts.clock.wall()).toISOString()
    return { ...holder, since }
  }

  #fail(message: string): false {
    this.#parts.onFailure(message)
    return false
  }
}

interface View {
  readonly register: Register
  readonly registerText: string | null
  readonly reports: readonly NodeReport[]
  /** The key of a node's entry, by its id. */
  readonly entryKeys: ReadonlyMap<string, string>
}

type WithoutTime<E> = E extends unknown ? Omit<E, 'nowMs'> : never
type Untimed = WithoutTime<Exclude<PermitEvent, { event: 'ask' | 'end' }>>

const unknown: Untimed = { event: 'unknown' }
