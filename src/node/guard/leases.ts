/** A watchdog deadline. Times are milliseconds of a monotonic clock. */
interface Lease {
  expiresAt: number
  /** Whether the extension for a machine that stood still was granted since the last renewal. */
  graced: boolean
}

/** As long as systemd gives the old controller to stop and the new one to start: docs/decisions/0027. */
export const handOverMs = 40_000

/**
 * The watchdog deadlines by service. A deadline that has passed stays so until it is renewed or released. A service that
 * was never renewed has none, and is not withdrawn.
 */
export class Leases {
  readonly #terms: ReadonlyMap<string, number>
  readonly #leases = new Map<string, Lease>()
  #lookedAt: number

  /** @param terms the time of each service's deadline, in milliseconds */
  constructor(terms: ReadonlyMap<string, number>, now: number) {
    this.#terms = terms
    this.#lookedAt = now
  }

  /** How often to call `look`: it is late by at most a twentieth of the shortest deadline. */
  get lookMs(): number {
    return Math.max(20, Math.min(...this.#terms.values()) / 20)
  }

  renew(services: Iterable<string>, now: number): void {
    for (const service of services) {
      const term = this.#terms.get(service)
      if (term !== undefined) this.#leases.set(service, { expiresAt: now + term, graced: false })
    }
  }

  /** The controller ends for another one, which has at least `handOverMs` to start. */
  handOver(now: number): void {
    for (const lease of this.#leases.values()) {
      if (lease.expiresAt > now) lease.expiresAt = Math.max(lease.expiresAt, now + handOverMs)
    }
  }

  release(services: Iterable<string>): void {
    for (const service of services) this.#leases.delete(service)
  }

  /** Takes over the deadlines from the reply of another guard. */
  adopt(left: Readonly<Record<string, number>>, now: number): void {
    for (const [service, leftMs] of Object.entries(left)) {
      const term = this.#terms.get(service)
      if (term === undefined) continue
      const mostMs = Math.max(term, handOverMs)
      this.#leases.set(service, { expiresAt: now + Math.min(leftMs, mostMs), graced: false })
    }
  }

  left(now: number): Record<string, number> {
    return Object.fromEntries(
      [...this.#leases].map(([service, { expiresAt }]) => [service, Math.round(expiresAt - now)]),
    )
  }

  get size(): number {
    return this.#leases.size
  }

  /**
   * Returns the services whose deadline has passed. If this call is late by more than a quarter of a deadline's time, the
   * whole machine stood still, and the controller could not renew. Then a deadline that had not passed before is extended
   * to at least half its time from now, more than two renewals. This happens once until the next renewal, so that a
   * starved machine does not defer a withdrawal for ever.
   */
  look(now: number): string[] {
    const before = this.#lookedAt
    const lateMs = now - before - this.lookMs
    this.#lookedAt = now
    const expired: string[] = []
    for (const [service, lease] of this.#leases) {
      const term = this.#terms.get(service)!
      if (lateMs > term / 4 && lease.expiresAt > before && !lease.graced) {
        lease.expiresAt = Math.max(lease.expiresAt, now + term / 2)
        lease.graced = true
      }
      if (now >= lease.expiresAt) expired.push(service)
    }
    return expired
  }
}
