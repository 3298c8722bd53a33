import type { Endpoint } from '../../fleet/roster/link.ts'
import { endpointKey, type RosterEntry } from './entry.ts'

/** Of the endpoints that any entry has: what a packet filter has to know. */
export interface EndpointObserver {
  added(service: string, endpoint: Endpoint): void
  removed(service: string, endpoint: Endpoint): void
}

/**
 * An endpoint is one socket, and so one peer. A NAT may give it to another one within the life of an entry. More than this
 * from one node is no client, and would make look-ups slow.
 */
export const mostAtEndpoint = 4

/** The entries of a roster by their endpoints. */
export class EndpointIndex {
  readonly #services = new Map<string, Map<string, RosterEntry[]>>()
  readonly #observers: EndpointObserver[] = []

  observe(observer: EndpointObserver): void {
    this.#observers.push(observer)
  }

  at(service: string, endpoint: Endpoint): readonly RosterEntry[] {
    return this.#services.get(service)?.get(endpointKey(endpoint)) ?? []
  }

  add(entry: RosterEntry): void {
    let endpoints = this.#services.get(entry.service)
    if (endpoints === undefined) {
      endpoints = new Map()
      this.#services.set(entry.service, endpoints)
    }
    const key = endpointKey(entry.endpoint)
    const there = endpoints.get(key)
    if (there !== undefined) {
      there.push(entry)
      return
    }
    endpoints.set(key, [entry])
    for (const observer of this.#observers) observer.added(entry.service, entry.endpoint)
  }

  remove(entry: RosterEntry): void {
    const endpoints = this.#services.get(entry.service)
    const key = endpointKey(entry.endpoint)
    const there = endpoints?.get(key) ?? []
    const at = there.indexOf(entry)
    if (at === -1) return
    there.splice(at, 1)
    if (there.length > 0) return
    endpoints!.delete(key)
    for (const observer of this.#observers) observer.removed(entry.service, entry.endpoint)
  }

  /** The oldest entry of the same node at the same endpoint, if it has one too many there. */
  crowdedBy(entry: RosterEntry): RosterEntry | null {
    const own = this.at(entry.service, entry.endpoint).filter(({ node }) => node === entry.node)
    if (own.length <= mostAtEndpoint) return null
    return own.reduce((oldest, one) => (one.handshakeMs < oldest.handshakeMs ? one : oldest))
  }
}
