import { type Community, wellKnownCommunities } from '../../../../net/community.ts'
import type { Path } from '../../../../text/wording.ts'
import type { FleetDraft, PlacedNeighbor, PlacedService } from '../../drafts.ts'
import { error, type Finding, warning } from '../../finding.ts'
import { checkTwice } from '../twice.ts'

/** Well-known communities that take a prefix out of service, which is rarely intended permanently. */
const drastic: Readonly<Record<string, string>> = {
  '65535:0': 'graceful-shutdown asks the neighbor to prefer any other path (RFC 8326)',
  '65535:666': 'blackhole asks the neighbor to drop all traffic for our prefixes (RFC 7999)',
  '65535:65282': 'no-advertise asks the neighbor not to advertise the route (RFC 1997)',
}

export function checkCommunities(
  file: string,
  path: Path,
  communities: readonly (Community | undefined)[] | undefined,
): Finding[] {
  return [
    ...checkTwice(file, path, communities),
    ...(communities ?? []).flatMap((community, index): Finding[] => {
      const why = drastic[String(community)]
      return why === undefined
        ? []
        : [warning(file, [...path, index], why, 'leave it out unless this is intended')]
    }),
  ]
}

const noExportCommunity = String(wellKnownCommunities.get('no-export'))

/** NO_EXPORT towards neighbors inside the site, which may be turned off. */
export function checkNoExport(
  { file, path, neighbor }: PlacedNeighbor,
  fleet: FleetDraft | undefined,
  received: readonly PlacedService[],
): Finding[] {
  const { kind, noExport, communities } = neighbor
  if (kind === undefined || noExport === undefined) return []
  const at = [...path, 'noExport']
  if (kind !== 'tor' && kind !== 'provider-private') {
    return [
      noExport
        ? error(
            file,
            at,
            `is for tor and provider-private only: a neighbor of kind ${kind} passes our routes on`,
            'if that is unwanted, write communities: [no-export]',
          )
        : error(
            file,
            at,
            `is for tor and provider-private only: routes to a neighbor of kind ${kind} carry no NO_EXPORT`,
            'leave it out',
          ),
    ]
  }
  if (noExport) return []
  const addsNoExport = (community: Community | undefined) => String(community) === noExportCommunity
  const added = (communities ?? []).findIndex(addsNoExport)
  if (added !== -1) {
    return [
      error(
        file,
        [...path, 'communities', added],
        'adds NO_EXPORT, and noExport: false says that the routes carry none',
        'keep one of the two',
      ),
    ]
  }
  const service = received.find((placed) => placed.service.communities?.some(addsNoExport))
  if (service !== undefined) {
    return [
      error(
        file,
        at,
        `communities of ${service.name} adds NO_EXPORT to each route of the service`,
        'keep one of the two',
      ),
    ]
  }
  if (!fleet?.communities?.some(addsNoExport)) return []
  return [
    error(
      file,
      at,
      'communities in fleet.yaml adds NO_EXPORT to every route that leaves the AS',
      'keep one of the two',
    ),
  ]
}
