import { type Target, TransportError } from '../../../change/transport.ts'
import type { Clock } from '../../../clock/clock.ts'
import { viewKey, viewPrefix } from '../../../fleet/rollout/keys.ts'
import { type NodeState, readNodeState } from '../../../fleet/rollout/messages.ts'
import type { Store, Watch } from '../../../fleet/store.ts'

/** Milliseconds. An agent says something every 3 s. */
const times = { staleAfter: 12_000, poll: 100 } as const

interface Known {
  readonly state: NodeState
  /** When it rose above every earlier one, by the monotonic clock; `null`: the first that was read, which may be old. */
  readonly roseAt: number | null
}

/** What the agents say of their nodes, as long as they keep saying it. */
export class AgentViews {
  readonly #clock: Clock
  readonly #siteOf: (node: string) => string
  readonly #known = new Map<string, Known>()
  readonly #watch: Watch
  readonly #openedAt: number
  /** Why the store cannot be watched at the moment. */
  #problem: string | null = null

  constructor(store: Store, siteOf: (node: string) => string, clock: Clock) {
    this.#clock = clock
    this.#siteOf = siteOf
    this.#openedAt = clock.now()
    this.#watch = store.watch(viewPrefix, (event) => {
      this.#problem = event.event === 'interrupted' ? event.message : null
      if (event.event === 'snapshot') for (const [key, value] of event.values) this.#take(key, value)
      else if (event.event === 'changes')
        for (const { key, value } of event.changes) this.#take(key, value ?? '')
    })
  }

  /** What the node says now; waits at the beginning. Throws TransportError. */
  async read(target: Target): Promise<NodeState> {
    const { node } = target
    const key = viewKey({ site: this.#siteOf(node), node })
    for (;;) {
      const known = this.#known.get(key)
      const now = this.#clock.now()
      const roseAt = known?.roseAt ?? null
      if (known !== undefined && roseAt !== null && now - roseAt < times.staleAfter) return known.state
      if (now - this.#openedAt > times.staleAfter) {
        if (this.#problem !== null) throw new TransportError(`${node}: the store: ${this.#problem}`)
        throw new TransportError(
          known === undefined
            ? `${node}: no agent has said anything in the store: does \`anyward agent\` run there?`
            : `${node}: its agent says nothing any more`,
        )
      }
      await this.#clock.sleep(times.poll)
    }
  }

  close(): void {
    this.#watch.close()
  }

  #take(key: string, text: string): void {
    const state = readNodeState(text)
    const known = this.#known.get(key)
    if (state === null || (known !== undefined && state.number <= known.state.number)) return
    this.#known.set(key, { state, roseAt: known === undefined ? null : this.#clock.now() })
  }
}
