import { setTimeout as delay } from 'node:timers/promises'
import { readPrefixes } from '../machine/tables.ts'
import { sessionsOf, type Tables } from '../readiness.ts'
import type { LabState } from '../state.ts'

const pauseMs = 4

/** Of `performance.now()`. A neighbor was read in between, and had none of the routes. */
export interface Absence {
  readonly site: string
  readonly fromMs: number
  readonly untilMs: number
}

/**
 * How many of the sites announced at the worst moment, as far as the absences prove it: the neighbors of different sites are
 * not read at one moment.
 */
export function leastAnnouncing(sites: number, absences: readonly Absence[]): number {
  const absent = absences.map(
    ({ fromMs }) => absences.filter((other) => other.fromMs <= fromMs && fromMs < other.untilMs).length,
  )
  return sites - Math.max(0, ...absent)
}

/** Watches at the neighbors which sites announce a service, from its creation until `end`. */
export class SiteWatch {
  readonly #state: LabState
  readonly #tables: Tables
  readonly #prefixes: ReadonlySet<string>
  readonly #absences: Absence[] = []
  readonly #losses = new Map<string, number>()
  readonly #watching: Promise<void>
  #isOver = false

  constructor(state: LabState, tables: Tables, prefixes: ReadonlySet<string>) {
    this.#state = state
    this.#tables = tables
    this.#prefixes = prefixes
    this.#watching = Promise.all(sitesOf(state).map((site) => this.#watch(site))).then(() => {})
    // It is awaited at the end.
    this.#watching.catch(() => {})
  }

  /** May be called again. `losses`: how often the neighbors of a site have lost its last route. */
  async end(): Promise<{ least: number; losses: ReadonlyMap<string, number> }> {
    this.#isOver = true
    await this.#watching
    return { least: leastAnnouncing(sitesOf(this.#state).length, this.#absences), losses: this.#losses }
  }

  async #watch(site: string): Promise<void> {
    let spell: { site: string; fromMs: number; untilMs: number } | null = null
    while (!this.#isOver) {
      const startMs = performance.now()
      const isThere = await this.#isAnnounced(site)
      const endMs = performance.now()
      if (isThere) spell = null
      else if (spell === null) {
        spell = { site, fromMs: endMs, untilMs: endMs }
        this.#absences.push(spell)
        this.#losses.set(site, (this.#losses.get(site) ?? 0) + 1)
      } else spell.untilMs = startMs
      await delay(pauseMs)
    }
  }

  async #isAnnounced(site: string): Promise<boolean> {
    for (const { name } of this.#state.nodes.filter((node) => node.site === site)) {
      for (const { router, session } of sessionsOf(this.#state, name)) {
        const found = await readPrefixes(this.#tables.of(router), session.protocol)
        if ([...found].some((prefix) => this.#prefixes.has(prefix))) return true
      }
    }
    return false
  }
}

export function sitesOf({ nodes }: LabState): string[] {
  return [...new Set(nodes.map(({ site }) => site))]
}
