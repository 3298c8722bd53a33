import { holderOf, type Register } from './register.ts'

/** What another node of the service says of itself, and whether that is current. */
export interface NodeReport {
  readonly site: string
  readonly node: string
  /** Its entry in the store, which changes with `well`, and which a transaction compares. */
  readonly entry: string
  /** It observes at its neighbors that it announces normally, and its endpoint serves. */
  readonly well: boolean
  /** Its beat has changed within the last seconds by the reader's own clock, and says `well` too. */
  readonly fresh: boolean
}

/**
 * The nodes that keep the service announced if `asking` withdraws: well, current, and not in the register. A degraded
 * node is not well, so that no two failed sites permit each other's withdrawal.
 */
export function findRemaining(
  register: Register,
  reports: readonly NodeReport[],
  asking: string,
): NodeReport[] {
  return reports.filter(
    ({ node, well, fresh }) => node !== asking && well && fresh && holderOf(register, node) === null,
  )
}

export function countSites(reports: readonly { readonly site: string }[]): number {
  return new Set(reports.map(({ site }) => site)).size
}
