/** Times are milliseconds of a clock that never goes back. */
interface Lease {
  expiresAt: number
  /** Whether the extra time for a machine that stood still was given since the last renewal. */
  graced: boolean
}

/** A machine that is busy takes some seconds to start a program. Somebody ordered it, and watches. */
const handOverMs = 15_000

/**
 * Which services a controller still vouches for. A lease that ran out stays, as run out, until it is renewed
 * or released; a service that was never vouched for has none, and nothing is withdrawn for it.
 */
export class Leases {
  readonly #terms: ReadonlyMap<string, number>
  readonly #leases = new Map<string, Lease>()
  #lookedAt: number

  /** @param terms how long a lease is, in milliseconds, by service */
  constructor(terms: ReadonlyMap<string, number>, now: number) {
    this.#terms = terms
    this.#lookedAt = now
  }

  /** How often `look` is to be called: often enough to be a twentieth of the shortest lease late at most. */
  get lookMs(): number {
    return Math.max(20, Math.min(...this.#terms.values()) / 20)
  }

  renew(services: Iterable<string>, now: number): void {
    for (const service of services) {
      const term = this.#terms.get(service)
      if (term !== undefined) this.#leases.set(service, { expiresAt: now + term, graced: false })
    }
  }

  /** The controller makes room for another, which has at least `handOverMs` to come. */
  handOver(now: number): void {
    for (const lease of this.#leases.values()) {
      if (lease.expiresAt > now) lease.expiresAt = Math.max(lease.expiresAt, now + handOverMs)
    }
  }

  release(services: Iterable<string>): void {
    for (const service of services) this.#leases.delete(service)
  }

  /** Takes another guard's over, as its reply told them. */
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
   * The services whose leases have run out. Where this very look comes late, by more than a quarter of a lease,
   * the whole machine stood still, and the controller had no more chance to renew than we to hear it. Then a
   * lease that had not run out before has half its time from now, more than two renewals' worth, at least; once
   * until it is renewed, so that a machine that starves for ever defers nothing for ever.
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
