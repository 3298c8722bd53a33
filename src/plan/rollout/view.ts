import type { NodeView } from '../../change/view.ts'

/** What a bundle promises: the routes to each neighbor. */
export interface Promised {
  /** Of its manifest. */
  readonly digest: string
  /** `null`: it is not signed. */
  readonly serial: number | null
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
