import { visible } from '../../../text/wording.ts'
import type { HolderCause, Register } from '../../permit/register.ts'
import type { NodeReport, ServiceReport } from '../node-report.ts'

/** A change of a node, as another one sees it in the store. Its texts are without control characters. */
export type FleetChange =
  | {
      readonly what: 'service'
      readonly service: string
      readonly decision: ServiceReport['decision']
      readonly reason: string
      /** As the node observes it: `normal` where a neighbor has a route that is not degraded. */
      readonly announced: 'normal' | 'degraded' | 'nothing'
      /** The neighbors that have a route. */
      readonly neighbors: string
    }
  | { readonly what: 'service-removed'; readonly service: string }
  | { readonly what: 'bundle'; readonly serial: number | null }
  /** Its beat rises no more, or again after so long. */
  | { readonly what: 'silent' }
  | { readonly what: 'back'; readonly afterMs: number }
  | {
      readonly what: 'registered'
      readonly service: string
      readonly cause: HolderCause
      readonly reason: string
    }
  | { readonly what: 'unregistered'; readonly service: string }
  | { readonly what: 'added' | 'removed' }
  /** Whether the store answers the node that watches. */
  | { readonly what: 'store'; readonly ok: boolean }

const longestList = 200

/** What a node says now, and did not say before. */
export function findReportChanges(before: NodeReport, after: NodeReport): FleetChange[] {
  const had = new Map(before.services.map((service) => [service.name, service]))
  const has = new Set(after.services.map(({ name }) => name))
  return [
    ...(before.serial === after.serial ? [] : [{ what: 'bundle' as const, serial: after.serial }]),
    ...after.services
      .filter((service) => !isSame(had.get(service.name), service))
      .map((service) => describeService(service)),
    ...before.services
      .filter(({ name }) => !has.has(name))
      .map(({ name }) => ({ what: 'service-removed' as const, service: visible(name) })),
  ]
}

function isSame(before: ServiceReport | undefined, after: ServiceReport): boolean {
  if (before === undefined || before.decision !== after.decision || before.reason !== after.reason)
    return false
  if (before.announced.length !== after.announced.length) return false
  const had = new Set(before.announced.map(describeRoute))
  return after.announced.every((route) => had.has(describeRoute(route)))
}

function describeRoute({ neighbor, prefix, degraded }: ServiceReport['announced'][number]): string {
  return `${neighbor} ${prefix} ${degraded}`
}

function describeService({ name, decision, reason, announced }: ServiceReport): FleetChange {
  const neighbors = [...new Set(announced.map(({ neighbor }) => neighbor))].join(', ')
  const grade =
    announced.length === 0 ? 'nothing' : announced.some(({ degraded }) => !degraded) ? 'normal' : 'degraded'
  return {
    ...{ what: 'service', service: visible(name), decision, reason: visible(reason), announced: grade },
    neighbors: visible(neighbors, longestList),
  }
}

export interface RegisterChange {
  readonly id: string
  /** By the clock of the node; `null`: not known. */
  readonly since: string | null
  readonly change: FleetChange
}

/** The nodes that are in the register of a service now, or are there no more. */
export function findRegisterChanges(service: string, before: Register, after: Register): RegisterChange[] {
  const keyOf = ({ node, cause, reason }: Register[number]) => `${node} ${cause} ${reason}`
  const had = new Set(before.map(keyOf))
  const has = new Set(after.map(({ node }) => node))
  return [
    ...after
      .filter((holder) => !had.has(keyOf(holder)))
      .map(
        ({ node, cause, reason, since }): RegisterChange => ({
          id: node,
          since: since ?? null,
          change: { what: 'registered', service: visible(service), cause, reason: visible(reason) },
        }),
      ),
    ...before
      .filter(({ node }) => !has.has(node))
      .map(
        ({ node }): RegisterChange => ({
          id: node,
          since: null,
          change: { what: 'unregistered', service: visible(service) },
        }),
      ),
  ]
}
