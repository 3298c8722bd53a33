import { beatKey, idOf, type NodeName, nodeOfKey } from './keys.ts'
import { readBeat } from './values.ts'

interface Known {
  readonly highest: number
  readonly well: ReadonlySet<string>
  readonly name: NodeName
  /** The whole value. */
  readonly text: string
  /** The store has it. */
  readonly isThere: boolean
  readonly firstSeenAtMs: number
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
      if (known !== undefined) this.#known.set(id, { ...known, isThere: text !== null, roseAtMs: null })
      return
    }
    if (known?.highest === beat.number) return
    const roseAtMs = known === undefined ? null : nowMs
    const firstSeenAtMs = known?.firstSeenAtMs ?? nowMs
    const well = new Set(beat.well)
    this.#known.set(id, {
      name: node,
      text: text!,
      isThere: true,
      highest: beat.number,
      well,
      firstSeenAtMs,
      roseAtMs,
    })
  }

  /** All beats that the store has. */
  seeAll(values: ReadonlyMap<string, string>, nowMs: number): void {
    for (const { name } of [...this.#known.values()]) {
      if (!values.has(beatKey(name))) this.see(beatKey(name), null, nowMs)
    }
    for (const [key, text] of values) this.see(key, text, nowMs)
  }

  /** The nodes whose beats the store has. */
  list(nowMs: number): (NodeName & { readonly ageMs: number; readonly fresh: boolean })[] {
    return [...this.#known.values()]
      .filter(({ isThere }) => isThere)
      .map((known) => ({
        ...known.name,
        ageMs: nowMs - (known.roseAtMs ?? known.firstSeenAtMs),
        fresh: this.#isFresh(known, nowMs),
      }))
  }

  isFresh(id: string, nowMs: number): boolean {
    const known = this.#known.get(id)
    return known !== undefined && this.#isFresh(known, nowMs)
  }

  saysWell(id: string, service: string, nowMs: number): boolean {
    const known = this.#known.get(id)
    return known !== undefined && this.#isFresh(known, nowMs) && known.well.has(service)
  }

  /** The last value that was seen. */
  textOf(id: string): string | null {
    return this.#known.get(id)?.text ?? null
  }

  #isFresh({ roseAtMs }: Known, nowMs: number): boolean {
    return roseAtMs !== null && nowMs - roseAtMs < this.#staleAfterMs
  }
}
