import { returnPermit } from '../permit/request.ts'
import type { Store } from '../store.ts'
import { idOf, type NodeName, registerKey } from './keys.ts'
import { readRegister } from './values.ts'

export type Removal =
  | { readonly outcome: 'removed' }
  /** The register does not have it; `holders`: those that it has, as SITE/NODE. */
  | { readonly outcome: 'absent'; readonly holders: readonly string[] }
  /** Whether it was removed is not known, unless `message` says so. */
  | { readonly outcome: 'failed'; readonly message: string }

/** Other nodes may write the register meanwhile. */
const mostAttempts = 10

/** Takes a node out of a register. It is not counted as well for that: its entry and its beats say otherwise. */
export async function removeHolder(
  store: Store,
  service: string,
  node: NodeName,
  withinMs: number,
): Promise<Removal> {
  const key = registerKey(service)
  for (let attempt = 1; attempt <= mostAttempts; attempt++) {
    const read = await store.read([{ key }], withinMs)
    if (read.outcome !== 'read') return { outcome: 'failed', message: read.message }
    const value = read.values.get(key) ?? null
    const register = value === null ? [] : readRegister(value)
    if (register === null) return { outcome: 'failed', message: `${key} is not a register` }
    const transaction = returnPermit(register, idOf(node))
    if (transaction === null) return { outcome: 'absent', holders: register.map(({ node }) => node) }
    const outcome = await store.transact(
      { compares: [{ key, value }], writes: [{ key, value: JSON.stringify(transaction.next) }] },
      withinMs,
    )
    if (outcome.outcome === 'committed') return { outcome: 'removed' }
    if (outcome.outcome !== 'conflict') return { outcome: 'failed', message: outcome.message }
  }
  return { outcome: 'failed', message: `${key} changes all the time` }
}
