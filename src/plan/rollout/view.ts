/** What a rollout sees of a node: a part of its controller's status. */
export interface NodeView {
  /** The digest of the bundle that the controller runs; `null`: not known. */
  readonly bundle: string | null
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

/** What a bundle promises: the routes to each neighbor. */
export interface Promised {
  /** Of its manifest. */
  readonly digest: string
  readonly services: readonly string[]
  readonly neighbors: readonly {
    readonly name: string
    readonly prefixes: readonly string[]
  }[]
}

/** Whether the node carries traffic of the service: healthy, and announced normally to a neighbor. */
export function serves(view: NodeView | null, service: string): boolean {
  const found = view?.services.find(({ name }) => name === service)
  return (
    found !== undefined &&
    found.health === 'healthy' &&
    found.decision === 'announce' &&
    found.announced.some(({ degraded }) => !degraded)
  )
}
