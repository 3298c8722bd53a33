import { idOf, nodeOfKey } from './keys.ts'
import { readBeat } from './values.ts'

interface Known {
  readonly highest: number
  readonly well: ReadonlySet<string>
  /** When the reader has seen it rise, by its monotonic clock; `null`: not yet, or the store has lost it since. */
  readonly roseAtMs: number | null
}

/**
 * Which nodes are current, by what one reader has seen. A beat counts from when it has risen above every earlier one: the first
 * one that a reader sees may be old, and a lower one than before is from before the store was restored.
 */
export class Beats {
  readonly #staleAfterMs: number
  readonly #known = new Map<string, Known>()

  constructor(staleAfterMs: number) {
    this.#staleAfterMs = staleAfterMs
  }

  see(key: string, text: string | null, nowMs: number): void {
    const node = nodeOfKey(key)
    if (node === null) return
    const id = idOf(node)
    const known = this.#known.get(id)
    const beat = text === null ? null : readBeat(text)
    if (beat === null || (known !== undefined && beat.number < known.highest)) {
      if (known !== undefined) this.#known.set(id, { ...known, roseAtMs: null })
      return
    }
    if (known?.highest === beat.number) return
    const roseAtMs = known === undefined ? null : nowMs
    this.#known.set(id, { highest: beat.number, well: new Set(beat.well), roseAtMs })
  }

  saysWell(id: string, service: string, nowMs: number): boolean {
    const known = this.#known.get(id)
    if (known === undefined || known.roseAtMs === null) return false
    return nowMs - known.roseAtMs < this.#staleAfterMs && known.well.has(service)
  }
}
