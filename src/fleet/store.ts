/**
 * What sites share: a small set of keys with text as values, in a linearizable store. Nothing of it is needed to act: a
 * node decides alone while the store does not answer. An implementation repeats no transaction, because the earlier one may
 * still be executed.
 */
export interface Store {
  /** All values of the selection at one moment, which is after the call began. Resolves within the time. */
  read(selection: readonly Selection[], withinMs: number): Promise<ReadOutcome>
  /** Resolves within the time. */
  transact(transaction: Transaction, withinMs: number): Promise<TransactOutcome>
  /** Calls `onEvent` until it is closed. It reconnects by itself, for ever. */
  watch(prefix: string, onEvent: (event: WatchEvent) => void): Watch
  /** Ends the watches. A transaction that has been sent may still be executed. */
  close(): Promise<void>
}

/** One key, or all keys that begin with a text. */
export type Selection = { readonly key: string } | { readonly prefix: string }

/** Writes all, if all compared keys have these values; otherwise nothing. A key may be written only once. */
export interface Transaction {
  /** `null`: there is no such key. */
  readonly compares: readonly KeyValue[]
  /** `null` removes the key. */
  readonly writes: readonly KeyValue[]
}

export interface KeyValue {
  readonly key: string
  readonly value: string | null
}

export type ReadOutcome = { readonly outcome: 'read'; readonly values: ReadonlyMap<string, string> } | Failed

export type TransactOutcome =
  | { readonly outcome: 'committed' }
  /** A compared key has another value: nothing was written. */
  | { readonly outcome: 'conflict' }
  | Failed

export type Failed =
  /** The store has not executed it, and would not: no permission, too large, no space. */
  | { readonly outcome: 'refused'; readonly message: string }
  /** No reply in time: it may have been executed, or may be later. Only a read shows it. */
  | { readonly outcome: 'unknown'; readonly message: string }

export type WatchEvent =
  /** All values: first of all, and again wherever changes may be missing before it. It replaces what was known. */
  | { readonly event: 'snapshot'; readonly values: ReadonlyMap<string, string> }
  /** What one transaction changed, in the order of transactions. */
  | { readonly event: 'changes'; readonly changes: readonly KeyValue[] }
  /** Nothing is seen until the next event of another kind. */
  | { readonly event: 'interrupted'; readonly message: string }

export interface Watch {
  /** Idempotent; no event follows. */
  close(): void
}
