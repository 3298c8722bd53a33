import type { Clock } from '../../../clock/clock.ts'
import type { RunIpBatch } from '../../../linux/ip-batch.ts'
import { type KernelRoute, parseRoutes } from '../../../linux/policy-routing.ts'
import { RunError } from '../../../linux/run.ts'
import type { Family } from '../../../net/prefix.ts'

/** A table that takes more to print, some 1,500 routes, is large; divided by the number of its copies. */
const mostBytes = 256 * 1024
const leastBytes = 16 * 1024
const timeoutMs = 5000
/** How long what is known of a large table counts: to read only some of its routes, the kernel walks over all. */
const largeForMs = 300_000

/** By number: of the kernel, by `ip route add` without another one, static, DHCP, router advertisements. */
const ownProtocols = [2, 3, 4, 16, 9]

interface TableReaderParts {
  readonly family: Family
  readonly run: RunIpBatch
  readonly clock: Pick<Clock, 'now'>
  /** Each route of a table is written as often. */
  readonly copies: number
}

/**
 * The routes of a node's tables. A full table of the Internet has a million routes, and none of them is read: of a large
 * table only the routes to the networks of the node count, and static ones.
 */
export class TableReader {
  readonly #parts: TableReaderParts
  readonly #large = new Map<number, { readonly routes: readonly KernelRoute[]; readonly atMs: number }>()

  constructor(parts: TableReaderParts) {
    this.#parts = parts
  }

  isLarge(table: number): boolean {
    return this.#large.has(table)
  }

  /** Throws RunError. */
  async read(table: number): Promise<readonly KernelRoute[]> {
    const known = this.#large.get(table)
    if (known !== undefined && this.#parts.clock.now() - known.atMs < largeForMs) return known.routes
    try {
      const routes = await this.#show([`table ${table}`])
      this.#large.delete(table)
      return routes
    } catch (cause) {
      if (!(cause instanceof RunError) || cause.kind !== 'too-long') throw cause
    }
    const selectors = ownProtocols.map((protocol) => `table ${table} protocol ${protocol}`)
    // Without them, only the default route is copied.
    const routes = await this.#show(selectors).catch((cause) => {
      if (cause instanceof RunError && cause.kind === 'too-long') return []
      throw cause
    })
    this.#large.set(table, { routes, atMs: this.#parts.clock.now() })
    return routes
  }

  async #show(selectors: readonly string[]): Promise<KernelRoute[]> {
    const lines = selectors.map((selector) => `route show ${selector}`)
    const { family, run, copies } = this.#parts
    const limitBytes = Math.max(leastBytes, mostBytes / Math.max(1, copies))
    const results = await run(family, lines, { timeoutMs, limitBytes })
    return results.flatMap((result) => (result.ok ? parseRoutes(result.json) : []))
  }
}
