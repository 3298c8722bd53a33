import type { RolloutTransport, Target } from '../../../change/transport.ts'
import type { Seen } from '../../../change/view.ts'
import type { Clock } from '../../../clock/clock.ts'

const mostAtOnce = 10

/** The last look at each node since its last change. */
export class Looks {
  readonly #transport: RolloutTransport
  readonly #targets: ReadonlyMap<string, Target>
  readonly #clock: Clock
  readonly #seen = new Map<string, Seen>()
  readonly #lookedAt = new Map<string, number>()
  readonly #looking = new Set<string>()
  /** Rises with each change: a look that began before tells nothing about the node afterwards. */
  readonly #changes = new Map<string, number>()

  constructor(transport: RolloutTransport, targets: ReadonlyMap<string, Target>, clock: Clock) {
    this.#transport = transport
    this.#targets = targets
    this.#clock = clock
  }

  get seen(): ReadonlyMap<string, Seen> {
    return this.#seen
  }

  forget(node: string): void {
    this.#changes.set(node, (this.#changes.get(node) ?? 0) + 1)
    this.#seen.delete(node)
    this.#lookedAt.delete(node)
  }

  /** Begins to look at the nodes whose last look is older than `ageOf` says; `null`: not at all. */
  begin(ageOf: (node: string) => number | null): void {
    const now = this.#clock.now()
    for (const target of this.#targets.values()) {
      const { node } = target
      const age = ageOf(node)
      const lookedAt = this.#lookedAt.get(node) ?? Number.NEGATIVE_INFINITY
      if (age === null || now - lookedAt < age || this.#looking.has(node)) continue
      if (this.#looking.size >= mostAtOnce) return
      void this.#look(target)
    }
  }

  async #look(target: Target): Promise<void> {
    const { node } = target
    const change = this.#changes.get(node)
    this.#looking.add(node)
    const seen = await this.#transport.observe(target)
    this.#looking.delete(node)
    if (this.#changes.get(node) !== change) return
    this.#seen.set(node, seen)
    this.#lookedAt.set(node, this.#clock.now())
  }
}
