/** What a change of a node is judged by: a part of its controller's status. */
export interface NodeView {
  /** The digest of the bundle that the controller runs; `null`: not known. */
  readonly bundle: string | null
  /** Of that bundle; `null`: it is not signed. */
  readonly serial: number | null
  readonly services: readonly ServiceView[]
  readonly neighbors: readonly NeighborView[]
  readonly intent: { readonly intent: 'serve' | 'drain' | 'withdraw'; readonly reason: string | null }
  /** Each as a sentence. */
  readonly alarms: readonly string[]
}

export interface ServiceView {
  readonly name: string
  readonly health: string
  readonly decision: string
  readonly reason: string
  readonly announced: readonly Announced[]
}

interface Announced {
  readonly neighbor: string
  readonly prefix: string
  readonly degraded: boolean
}

interface NeighborView {
  readonly name: string
  readonly session: string
  /** `null`: without BFD. */
  readonly bfd: string | null
}

/** The result of a look at a node. `view` is `null` if no controller runs there. */
export type Seen =
  | { readonly outcome: 'seen'; readonly view: NodeView | null }
  | { readonly outcome: 'unreachable'; readonly problem: string }
