import type { Clock, Timer } from '../../../clock/clock.ts'
import type { NodeEvent, ServiceState } from '../../../fleet/roster/link.ts'

interface OtherNodesParts {
  readonly clock: Clock
  /** A node has said that it does not announce a service any more, or is gone. */
  readonly onGone: (node: string, service: string, trigger: 'reported' | 'lost') => void
  readonly graceMs?: number
}

/**
 * A controller that is replaced, or killed and started again by its supervisor, is back by then, and its WireGuard has served
 * meanwhile.
 */
const graceMs = 2000

/** What the other nodes say of their services. */
export class OtherNodes {
  readonly #parts: OtherNodesParts
  readonly #states = new Map<string, Map<string, ServiceState>>()
  readonly #waiting = new Map<string, Timer>()

  constructor(parts: OtherNodesParts) {
    this.#parts = parts
  }

  /** The nodes that announce a service, as far as they have said so. */
  announcing(service: string): string[] {
    return [...this.#states].flatMap(([node, states]) => (states.get(service) === 'announcing' ? [node] : []))
  }

  take(event: NodeEvent): void {
    const { node } = event
    switch (event.event) {
      case 'up':
        this.#waiting.get(node)?.cancel()
        this.#waiting.delete(node)
        break
      case 'state':
        this.#setState(node, event.service, event.state)
        break
      case 'down':
        if (event.ending === 'left') this.#states.delete(node)
        else this.#wait(node)
    }
  }

  close(): void {
    for (const timer of this.#waiting.values()) timer.cancel()
  }

  #setState(node: string, service: string, state: ServiceState): void {
    const states = this.#states.get(node) ?? new Map<string, ServiceState>()
    const before = states.get(service)
    states.set(service, state)
    this.#states.set(node, states)
    // Also the first word of a node: it may have withdrawn before this one has connected.
    if (state === 'withdrawn' && before !== 'withdrawn') this.#parts.onGone(node, service, 'reported')
  }

  #wait(node: string): void {
    if (this.#waiting.has(node)) return
    const timer = this.#parts.clock.after(this.#parts.graceMs ?? graceMs, () => {
      this.#waiting.delete(node)
      const states = this.#states.get(node) ?? new Map<string, ServiceState>()
      this.#states.delete(node)
      for (const [service, state] of states) {
        if (state !== 'withdrawn') this.#parts.onGone(node, service, 'lost')
      }
    })
    this.#waiting.set(node, timer)
  }
}
