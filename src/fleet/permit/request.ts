import { countSites, findRemaining, type NodeReport } from './floor.ts'
import {
  type Holder,
  type HolderCause,
  holderOf,
  type Register,
  withHolder,
  withoutHolder,
} from './register.ts'

/** One linearizable read of a service's keys. */
export interface PermitView {
  readonly register: Register
  readonly reports: readonly NodeReport[]
}

/** Of the node that asks. */
export interface Asking {
  readonly site: string
  readonly node: string
  /** The least number of other sites that have to keep announcing. */
  readonly minSites: number
  readonly reason: string
}

/** Writes `next` if the register and these entries still have the values that were read; otherwise nothing. */
export interface PermitTransaction {
  readonly register: Register
  readonly entries: readonly { readonly node: string; readonly entry: string }[]
  readonly next: Register
}

export type PermitVerdict =
  /** The register has this very request: its reply was lost. */
  | { readonly verdict: 'granted' }
  | { readonly verdict: 'possible'; readonly transaction: PermitTransaction }
  | { readonly verdict: 'refused'; readonly remaining: number; readonly required: number }

/**
 * Whether a node may withdraw, by what it has read. `possible` is a permit only once its transaction has succeeded: it
 * compares the register and the entry of each node that was counted, so that of two racing requests one fails.
 *
 * @param nonce unique to this request
 */
export function judgeRequest(view: PermitView, asking: Asking, nonce: string): PermitVerdict {
  const { register, reports } = view
  const { site, node, reason, minSites: required } = asking
  const held = holderOf(register, node)
  if (held?.nonce === nonce) return { verdict: 'granted' }
  const next = withHolder(register, { site, node, nonce, cause: 'permit', reason })
  // Counted already. It is written again with the new nonce, because an earlier return of the permit may still be on
  // its way to the store, and must fail there.
  if (held !== null) return { verdict: 'possible', transaction: { register, entries: [], next } }
  const remaining = findRemaining(register, reports, node)
  const count = countSites(remaining)
  if (count < required) return { verdict: 'refused', remaining: count, required }
  // One node of each site that has to stay: more would make conflicts likelier, and not the permit safer.
  const counted = [...new Map(remaining.map((report) => [report.site, report])).values()].slice(0, required)
  const entries = counted.map((report) => ({ node: report.node, entry: report.entry }))
  return { verdict: 'possible', transaction: { register, entries, next } }
}

/**
 * A transaction that also writes the node's entry, by what the node has watched, which may be old: besides the register and
 * the entries that it counts, it compares the beats that make them current. `null`: not possible.
 */
export function claimPermit(view: PermitView, asking: Asking, nonce: string): PermitTransaction | null {
  if (holderOf(view.register, asking.node) !== null) return null
  const verdict = judgeRequest(view, asking, nonce)
  return verdict.verdict === 'possible' ? verdict.transaction : null
}

/** Reports a withdrawal that needs no permit: a fact, or an order. No other node's entry matters to it. */
export function reportWithdrawal(
  register: Register,
  holder: Holder & { readonly cause: Exclude<HolderCause, 'permit'> },
): PermitTransaction {
  return { register, entries: [], next: withHolder(register, holder) }
}

/** Gives the permit back. To be called only after the neighbors have the routes again. */
export function returnPermit(register: Register, node: string): PermitTransaction | null {
  if (holderOf(register, node) === null) return null
  return { register, entries: [], next: withoutHolder(register, node) }
}
