import type { ImportWord } from '../../manifest/words.ts'
import type { Family } from '../../net/prefix.ts'
import type { FleetFileText } from './file-text.ts'
import { importsByKind } from './fleet.ts'
import type { Draft } from './schema/draft.ts'
import type { FleetFile } from './schema/fleet-file.ts'
import type { SiteFile } from './schema/site-file.ts'

export type FleetDraft = Draft<FleetFile>
type SiteDraft = Draft<SiteFile>

/** What the cross-checks look at: every file as far as it is well-formed. */
export interface Drafts {
  readonly fleet: { readonly file: string; readonly value: FleetDraft } | null
  readonly sites: readonly { readonly file: string; readonly value: SiteDraft }[]
  /** Nothing was left out. Checks that count entries, or report missing ones, run only then. */
  readonly complete: boolean
  readonly readExtra: ReadExtra
}

/** The text of a file of `extra`, by its path in the YAML. */
export type ReadExtra = (file: string) => FleetFileText

export type ServiceDraft = NonNullable<NonNullable<FleetDraft['services']>[string]>
type NodeDraft = NonNullable<NonNullable<SiteDraft['nodes']>[number]>
export type NeighborDraft = NonNullable<NonNullable<NodeDraft['neighbors']>[number]>

export interface PlacedNode {
  readonly file: string
  readonly site: string | undefined
  readonly path: readonly (string | number)[]
  readonly node: NodeDraft
  /** Its AS number; `undefined` if that is not known. */
  readonly asn: number | undefined
}

export interface PlacedService {
  readonly file: string
  readonly name: string
  readonly path: readonly (string | number)[]
  readonly service: ServiceDraft
}

export interface PlacedNeighbor {
  readonly file: string
  readonly path: readonly (string | number)[]
  readonly neighbor: NeighborDraft
}

/** The routes accepted from a neighbor, configured or by default; `undefined` if that is not known. */
export function importOf(neighbor: NeighborDraft): ImportWord | undefined {
  if (Object.hasOwn(neighbor, 'import')) return neighbor.import
  return neighbor.kind === undefined ? undefined : importsByKind[neighbor.kind][0]
}

/** The address families that a session carries; empty if that is not known. */
export function familiesOf(neighbor: NeighborDraft): readonly Family[] {
  if (neighbor.address?.family === 'ipv4') return ['ipv4']
  const isUnnumbered = !Object.hasOwn(neighbor, 'address') && Object.hasOwn(neighbor, 'interface')
  if (neighbor.address === undefined && !isUnnumbered) return []
  return (neighbor.extendedNextHop ?? isUnnumbered) ? ['ipv4', 'ipv6'] : ['ipv6']
}

export function listNodes(drafts: Drafts): PlacedNode[] {
  return drafts.sites.flatMap(({ file, value }) =>
    (value.nodes ?? []).flatMap((node, index) => {
      if (node === undefined) return []
      // A hole is a number that is not known.
      const from = [node, value].find((level) => Object.hasOwn(level, 'asn')) ?? drafts.fleet?.value
      return [{ file, site: value.site, path: ['nodes', index], node, asn: from?.asn }]
    }),
  )
}

export function listServices(drafts: Drafts): PlacedService[] {
  const { fleet } = drafts
  if (fleet === null) return []
  return Object.entries(fleet.value.services ?? {}).flatMap(([name, service]) =>
    service === undefined ? [] : [{ file: fleet.file, name, path: ['services', name], service }],
  )
}

/** Kinds of neighbors that are routers of other networks: only covering prefixes are advertised to them. */
export const externalKinds: readonly string[] = ['transit', 'peer', 'route-server']
