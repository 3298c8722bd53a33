import { families } from '../../../net/prefix.ts'
import { type Endpoint, elementOf } from './endpoint.ts'
import { rosterOf, tableName } from './ruleset.ts'

/** Elements of all services, so that no list of endpoints takes all memory. */
export const maxElements = 200_000

type Change = 'add' | 'delete'

/** The endpoints of each service, and those that the kernel's sets do not have yet, or still have. */
export class RosterChanges {
  /** Of each service, its elements and how many peers have that endpoint, as behind one NAT one after the other. */
  readonly #wanted: readonly Map<string, number>[]
  readonly #changes: readonly Map<string, Change>[]
  #size = 0

  constructor(services: number) {
    this.#wanted = Array.from({ length: services }, () => new Map())
    this.#changes = Array.from({ length: services }, () => new Map())
  }

  /** Of all services. */
  get size(): number {
    return this.#size
  }

  get isEmpty(): boolean {
    return this.#changes.every((changes) => changes.size === 0)
  }

  /** Gives the number of endpoints that were refused: no address of a client, or one too many. */
  take(service: number, added: Iterable<Endpoint>, removed: Iterable<Endpoint>): number {
    let refused = 0
    for (const endpoint of removed) this.#remove(service, endpoint)
    for (const endpoint of added) if (!this.#add(service, endpoint)) refused += 1
    return refused
  }

  #add(service: number, endpoint: Endpoint): boolean {
    const element = elementOf(endpoint)
    if (element === null) return false
    const wanted = this.#wanted[service]!
    const peers = wanted.get(element) ?? 0
    if (peers === 0) {
      if (this.#size >= maxElements) return false
      this.#size += 1
      this.#change(service, element, 'add')
    }
    wanted.set(element, peers + 1)
    return true
  }

  #remove(service: number, endpoint: Endpoint): void {
    const element = elementOf(endpoint)
    const wanted = this.#wanted[service]!
    const peers = element === null ? undefined : wanted.get(element)
    if (element === null || peers === undefined) return
    if (peers > 1) wanted.set(element, peers - 1)
    else {
      wanted.delete(element)
      this.#size -= 1
      this.#change(service, element, 'delete')
    }
  }

  #change(service: number, element: string, change: Change): void {
    const changes = this.#changes[service]!
    // The opposite has not reached the kernel yet.
    if (changes.has(element)) changes.delete(element)
    else changes.set(element, change)
  }

  /** The sets of the kernel are empty. */
  restart(): void {
    this.#wanted.forEach((wanted, service) => {
      const changes = this.#changes[service]!
      changes.clear()
      for (const element of wanted.keys()) changes.set(element, 'add')
    })
  }

  /** At most so many changes as commands of nft, which are then no changes any more. */
  takeCommands(most: number): string {
    const lists = new Map<string, string[]>()
    let left = most
    this.#changes.forEach((changes, service) => {
      for (const [element, change] of changes) {
        if (left === 0) return
        left -= 1
        changes.delete(element)
        const family = families[element.includes(':') ? 1 : 0]
        const command = `${change} element ${tableName} ${rosterOf(service, family)}`
        const list = lists.get(command)
        if (list === undefined) lists.set(command, [element])
        else list.push(element)
      }
    })
    return [...lists].map(([command, elements]) => `${command} { ${elements.join(', ')} }\n`).join('')
  }
}
