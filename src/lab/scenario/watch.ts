import { setTimeout as delay } from 'node:timers/promises'
import { readPrefixes } from '../machine/tables.ts'
import type { Tables } from '../readiness.ts'
import type { RouterState } from '../state.ts'

/** Routes of one node at one neighbor. */
export interface Held {
  readonly router: RouterState
  readonly protocol: string
  readonly prefixes: readonly string[]
}

/** Polls fast right after the fault, and more slowly later, to save CPU. */
const finePollingMs = 300
const finePauseMs = 0.5
const coarsePauseMs = 4

/** The result for one neighbor's routes; `afterMs` is `null` if the deadline passed first. */
export interface Watched {
  readonly held: Held
  readonly afterMs: number | null
  /** The routes that the neighbor had at the last sample. */
  readonly present: readonly string[]
}

/**
 * Watches a neighbor's own table until it holds none (`gone`) or all (`back`) of the routes.
 * @param since of `performance.now()`
 * @param deadline of `performance.now()`
 */
export async function watchRoutes(
  tables: Tables,
  held: Held,
  wanted: 'gone' | 'back',
  since: number,
  deadline: number,
  signal: AbortSignal,
): Promise<Watched> {
  for (;;) {
    signal.throwIfAborted()
    const present = await presentRoutes(tables, held)
    const now = performance.now()
    const reached = wanted === 'gone' ? present.length === 0 : present.length === held.prefixes.length
    if (reached) return { held, afterMs: now - since, present }
    if (now > deadline) return { held, afterMs: null, present }
    await delay(now - since < finePollingMs ? finePauseMs : coarsePauseMs)
  }
}

/** Watches until `until` resolves; `true` if any of the routes was ever missing. */
export async function watchForLoss(
  tables: Tables,
  held: Held,
  until: Promise<unknown>,
  signal: AbortSignal,
): Promise<boolean> {
  let over = false
  const end = () => {
    over = true
  }
  until.then(end, end)
  while (!over) {
    signal.throwIfAborted()
    if ((await presentRoutes(tables, held)).length < held.prefixes.length) return true
    await delay(coarsePauseMs)
  }
  return false
}

async function presentRoutes(tables: Tables, held: Held): Promise<string[]> {
  const found = await readPrefixes(tables.of(held.router), held.protocol)
  return held.prefixes.filter((prefix) => found.has(prefix))
}
