import type { Clock } from '../../clock/clock.ts'
import { type Holder, holderOf, type Register } from '../permit/register.ts'
import type { PermitTransaction, PermitView } from '../permit/request.ts'
import type { Store, Transaction, TransactOutcome } from '../store.ts'
import type { Beats } from './beats.ts'
import { beatPrefix, entryKey, entryPrefix, idOf, type NodeName, registerKey } from './keys.ts'
import { readReports } from './reports.ts'
import { type Entry, readEntry, readRegister } from './values.ts'
import type { WatchedValues } from './watched-values.ts'

/** etcd takes 128 operations in a transaction, unless it is configured otherwise. */
const mostCompares = 128

export interface RequestParts {
  readonly store: Store
  readonly clock: Clock
  readonly beats: Beats
  /** The entries and the registers of all nodes and services, as watched. */
  readonly watched: { readonly entries: WatchedValues; readonly registers: WatchedValues }
  /** Unique in the fleet and for ever. */
  readonly createNonce: () => string
  /** What the store has refused or left without an answer. */
  readonly onFailure: (message: string) => void
}

/** What a request is computed from, with the values that its transaction compares. */
export interface StoredView extends PermitView {
  readonly registerText: string | null
  /** The key of a node's entry, by its id. */
  readonly entryKeys: ReadonlyMap<string, string>
}

/** The requests of one service of a node to the store: its entry, and the register. */
export class PermitRequests {
  readonly #self: NodeName
  readonly #service: string
  readonly #parts: RequestParts
  readonly #entryKey: string
  readonly #registerKey: string
  /** The text of its entry in the store; `undefined`: to be read. */
  #entry: string | null | undefined

  constructor(self: NodeName, service: string, parts: RequestParts) {
    this.#self = self
    this.#service = service
    this.#parts = parts
    this.#entryKey = entryKey(self, service)
    this.#registerKey = registerKey(service)
  }

  /** Its entry as the node knows it; `null`: it does not, or the store has none. */
  get entry(): { readonly key: string; readonly text: string; readonly well: boolean } | null {
    const text = this.#entry
    return text === undefined || text === null
      ? null
      : { key: this.#entryKey, text, well: readEntry(text)?.well === true }
  }

  get isKnown(): boolean {
    return this.#entry !== undefined
  }

  /** The store may have another entry than this one: it is read again. `false`: the node knows another one already. */
  doubtEntry(text: string): boolean {
    if (this.#entry !== text) return false
    this.#entry = undefined
    return true
  }

  /**
   * Writes its entry, in one request. `published`: the store has an entry that says so. `conflict`: its entry was another one, or
   * was not known, and the same again goes on.
   */
  async publish(well: boolean, within: number): Promise<'published' | 'conflict' | 'unknown'> {
    const { store, createNonce } = this.#parts
    const key = this.#entryKey
    const isKnown = this.#entry !== undefined
    if (this.#entry === undefined) {
      const read = await store.read([{ key }], within)
      if (read.outcome !== 'read') return this.#fail(read.message)
      this.#entry = read.values.get(key) ?? null
    }
    const known = this.#entry
    if (known !== null && readEntry(known)?.well === well) return 'published'
    if (!isKnown) return 'conflict'
    const next = JSON.stringify({ well, nonce: createNonce() } satisfies Entry)
    // Until there is a reply, it may be either.
    this.#entry = undefined
    const outcome = await store.transact(
      { compares: [{ key, value: known }], writes: [{ key, value: next }] },
      within,
    )
    if (outcome.outcome === 'conflict') return 'conflict'
    if (outcome.outcome !== 'committed') return this.#fail(outcome.message)
    this.#entry = next
    return 'published'
  }

  async read(within: number): Promise<StoredView | null> {
    const key = this.#registerKey
    const selection = [{ key }, { prefix: entryPrefix }, { prefix: beatPrefix }]
    const read = await this.#parts.store.read(selection, within)
    if (read.outcome !== 'read') {
      this.#fail(read.message)
      return null
    }
    // A late request, or a store that was restored, may have changed its own entry: then it is read and written again.
    if ((read.values.get(this.#entryKey) ?? null) !== this.#entry) this.#entry = undefined
    const view = this.#viewOf(read.values, read.values)
    if (view === null) this.#fail(`${key} is not a register`)
    return view
  }

  /** What the node has watched; `null`: nothing that a request may begin with. */
  watch(): StoredView | null {
    const { entries, registers } = this.#parts.watched
    if (entries.current === null || registers.current === null || this.entry === null) return null
    return this.#viewOf(registers.current, entries.current)
  }

  /** `null`: the register cannot be read. */
  #viewOf(registers: ReadonlyMap<string, string>, values: ReadonlyMap<string, string>): StoredView | null {
    const { clock, beats } = this.#parts
    const registerText = registers.get(this.#registerKey) ?? null
    const register = registerText === null ? [] : readRegister(registerText)
    if (register === null) return null
    return { register, registerText, ...readReports(values, this.#service, beats, clock.now()) }
  }

  /**
   * With the entry of this node in one transaction, which compares the beats of the nodes that it counts too. `conflict`: nothing
   * was written, and the ordinary course finds out why.
   */
  async claim(
    transaction: PermitTransaction,
    view: StoredView,
    within: number,
  ): Promise<{ readonly outcome: 'committed' | 'conflict' | 'unknown' }> {
    const { beats, clock, createNonce } = this.#parts
    const nowMs = clock.now()
    const { entry } = this
    const current = transaction.entries.map(({ node }) => ({
      key: `${beatPrefix}${node}`,
      value: beats.saysWell(node, this.#service, nowMs) ? beats.textOf(node) : null,
    }))
    const isOld = entry === null || current.some(({ value }) => value === null)
    if (isOld || current.length * 2 + 2 > mostCompares) return { outcome: 'conflict' }
    const { key, text, well } = entry
    const next = well ? JSON.stringify({ well: false, nonce: createNonce() } satisfies Entry) : text
    // Until there is a reply, it may be either.
    this.#entry = undefined
    const { outcome } = await this.#transact(transaction, view, within, {
      compares: [{ key, value: text }, ...current],
      writes: well ? [{ key, value: next }] : [],
    })
    if (outcome === 'committed') this.#entry = next
    // Nothing was written. If its own entry was what has changed, the next read shows it.
    else if (outcome === 'conflict') this.#entry = text
    return { outcome: outcome === 'refused' ? 'conflict' : outcome }
  }

  /**
   * With its own entry among what is compared: a request that is executed late, after the node has said that it is well again, would
   * leave it in the register for ever.
   */
  async commit(transaction: PermitTransaction, view: StoredView, within: number): Promise<TransactOutcome> {
    if (this.#entry === undefined) return { outcome: 'conflict' }
    const compares = [{ key: this.#entryKey, value: this.#entry }]
    return this.#transact(transaction, view, within, { compares, writes: [] })
  }

  async #transact(
    { entries, next }: PermitTransaction,
    view: StoredView,
    within: number,
    further: Transaction,
  ): Promise<TransactOutcome> {
    const key = this.#registerKey
    const dated = next.map((holder) =>
      holder.node === idOf(this.#self) ? this.#date(holder, view.register) : holder,
    )
    const counted = entries.map(({ node, entry }) => ({ key: view.entryKeys.get(node)!, value: entry }))
    const outcome = await this.#parts.store.transact(
      {
        compares: [{ key, value: view.registerText }, ...counted, ...further.compares],
        writes: [{ key, value: JSON.stringify(dated) }, ...further.writes],
      },
      within,
    )
    if ('message' in outcome) this.#fail(outcome.message)
    return outcome
  }

  #date(holder: Holder, before: Register): Holder {
    const since =
      holderOf(before, idOf(this.#self))?.since ?? new Date(this.#parts.clock.wall()).toISOString()
    return { ...holder, since }
  }

  #fail(message: string): 'unknown' {
    this.#parts.onFailure(message)
    return 'unknown'
  }
}
