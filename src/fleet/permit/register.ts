/** Why a node is in the register: a permit was granted, or the node reports a withdrawal that needed none. */
export type HolderCause = 'permit' | 'fact' | 'order'

/** A node that is withdrawn, or may withdraw at any moment. */
export interface Holder {
  readonly site: string
  readonly node: string
  /** Unique to one request, so that a node recognizes its own after a lost reply. */
  readonly nonce: string
  readonly cause: HolderCause
  /** A reason code of a decision. */
  readonly reason: string
  /** Since when it is in the register, by its own wall clock: for people only. */
  readonly since?: string
}

/**
 * The holders of one service. Every transaction compares the whole value that it was computed from, which no other
 * value equals because of the nonces: not a revision number, which a store that was restored from a copy uses again.
 */
export type Register = readonly Holder[]

/** Ordered by node, so that equal sets have equal texts. */
export function withHolder(register: Register, holder: Holder): Register {
  return [...withoutHolder(register, holder.node), holder].sort((a, b) => (a.node < b.node ? -1 : 1))
}

export function withoutHolder(register: Register, node: string): Register {
  return register.filter((holder) => holder.node !== node)
}

export function holderOf(register: Register, node: string): Holder | null {
  return register.find((holder) => holder.node === node) ?? null
}
