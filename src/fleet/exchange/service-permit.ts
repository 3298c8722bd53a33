import { type HolderCause, holderOf, type Register } from '../permit/register.ts'
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
import { idOf, type NodeName } from './keys.ts'
import { PermitRequests, type RequestParts, type StoredView } from './permit-requests.ts'

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

export interface ExchangeParts extends RequestParts {
  readonly times: ExchangeTimes
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
  readonly #requests: PermitRequests
  #state: PermitState = { phase: 'none' }
  #wish: Wish = { wish: 'not-well' }
  readonly #queue = new Queue()
  #settling = false
  #closed = false

  constructor(self: NodeName, service: ServiceSettings, parts: ExchangeParts) {
    this.#self = self
    this.#id = idOf(self)
    this.#service = service
    this.#parts = parts
    this.#requests = new PermitRequests(self, service.name, parts)
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
    const nowMs = this.#parts.clock.now()
    const ask = (watched: StoredView | null) => step({ event: 'ask', nonce, watched, nowMs })
    this.#state = ask(null).state
    return this.#queue.add(async () => {
      // After what its entry waits for. What a transaction compares belongs to the view that it was computed from.
      let view = this.#requests.watch()
      let { state, effect } = ask(view)
      while (effect !== null && this.#wish === wish) {
        this.#state = state
        const event = await this.#execute(effect, state, view)
        if (this.#wish !== wish) break
        if (event.event === 'read') view = event.view
        ;({ state, effect } = step({ ...event, nowMs: this.#parts.clock.now() } as PermitEvent))
      }
      if (this.#wish === wish) this.#state = state
      return this.#state
    })
  }

  /** Its entry as the node knows it, for its beat. */
  get entry(): { readonly key: string; readonly text: string; readonly well: boolean } | null {
    const { entry } = this.#requests
    return entry === null ? null : { ...entry, well: entry.well && this.#wish.wish === 'well' }
  }

  /** The store may have another entry than this one: it is read again. */
  doubtEntry(text: string): void {
    if (this.#requests.doubtEntry(text)) this.#settle()
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
        if (settled && wish === this.#wish && this.#requests.isKnown) break
        if (!settled) await this.#parts.clock.sleep(this.#parts.times.retryMs)
      }
      this.#settling = false
    }
    void settle()
  }

  async #bringAbout(wish: Wish): Promise<boolean> {
    if (wish !== this.#wish) return true
    const within = this.#parts.times.callWithinMs
    let published = await this.#requests.publish(wish.wish === 'well', within)
    // Where its entry was not known it is now.
    if (published === 'conflict') published = await this.#requests.publish(wish.wish === 'well', within)
    if (published !== 'published') return false
    if (wish.wish === 'not-well') return true
    const view = await this.#requests.read(within)
    if (view === null) return false
    const transaction = this.#transactionFor(wish, view.register)
    if (transaction === null) return true
    return (await this.#requests.commit(transaction, view, within)).outcome === 'committed'
  }

  #transactionFor(wish: Wish, register: Register): PermitTransaction | null {
    if (wish.wish !== 'withdrawn') return returnPermit(register, this.#id)
    const held = holderOf(register, this.#id)
    const { cause, reason } = wish
    if (held?.cause === cause && held.reason === reason) return null
    const nonce = this.#parts.createNonce()
    return reportWithdrawal(register, { site: this.#self.site, node: this.#id, nonce, cause, reason })
  }

  async #execute(effect: PermitEffect, state: PermitState, view: StoredView | null): Promise<Untimed> {
    const { clock, times } = this.#parts
    const startMs = clock.now()
    const endsAtMs = 'endsAtMs' in state ? state.endsAtMs : startMs
    const within = Math.min(times.callWithinMs, endsAtMs - startMs)
    const event = within <= 0 ? unknown : await this.#perform(effect, view, within)
    if (event !== unknown) return event
    // Otherwise a store that fails at once is asked again and again until the deadline.
    const restMs = Math.min(startMs + pauseMs, endsAtMs) - clock.now()
    if (restMs > 0) await clock.sleep(restMs)
    return event
  }

  async #perform(effect: PermitEffect, view: StoredView | null, within: number): Promise<Untimed> {
    if (effect.effect === 'publish') {
      const published = await this.#requests.publish(false, within)
      return published === 'unknown' ? unknown : { event: published }
    }
    if (effect.effect === 'read') {
      const read = await this.#requests.read(within)
      return read === null ? unknown : { event: 'read', view: read }
    }
    const { outcome } =
      effect.effect === 'claim'
        ? await this.#requests.claim(effect.transaction, view!, within)
        : await this.#requests.commit(effect.transaction, view!, within)
    return outcome === 'committed' || outcome === 'conflict' ? { event: outcome } : unknown
  }
}

type WithoutTime<E> = E extends unknown ? Omit<E, 'nowMs'> : never
type Untimed =
  | WithoutTime<Exclude<PermitEvent, { event: 'ask' | 'end' | 'read' }>>
  | { readonly event: 'read'; readonly view: StoredView }

const unknown: Untimed = { event: 'unknown' }
