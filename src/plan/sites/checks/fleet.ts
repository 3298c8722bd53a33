import { runsPerHour } from '../../../manifest/cron.ts'
import { blobOf } from '../../../manifest/planner-keys.ts'
import { parseAddress, parsePrefix } from '../../../net/prefix.ts'
import type { Drafts, FleetDraft } from '../drafts.ts'
import { type Finding, warning } from '../finding.ts'
import { checkCommunities } from './policy/communities.ts'
import { checkRpki } from './policy/rpki.ts'
import { checkTwice } from './twice.ts'

/** Checks fleet.yaml, except its services. */
export function checkFleet({ fleet }: Drafts): Finding[] {
  if (fleet === null) return []
  const { file, value } = fleet
  return [
    ...checkTwice(file, ['bogons', 'allow'], value.bogons?.allow),
    ...checkCommunities(file, ['communities'], value.communities),
    ...checkRpki(file, value.rpki),
    ...checkTwice(file, ['irr', 'sources'], value.irr?.sources),
    ...checkTwice(
      file,
      ['planner', 'keys'],
      value.planner?.keys?.map((key) => key && blobOf(key)),
    ),
    ...checkMembers(file, value.store?.endpoints),
    ...checkSchedule(file, value.planner?.schedule),
    ...checkListen(file, value.controller),
  ]
}

function checkMembers(file: string, endpoints: readonly (string | undefined)[] | undefined): Finding[] {
  const path = ['store', 'endpoints']
  const twice = checkTwice(file, path, endpoints)
  if (endpoints?.length !== 2 || twice.length > 0) return twice
  return [
    warning(
      file,
      path,
      'there are two members: the store stops when either of them does, more often than with one',
      'run three members, or five, at different sites, and name all of them',
    ),
  ]
}

const mostRunsPerHour = 12

function checkSchedule(file: string, schedule: string | undefined): Finding[] {
  const runs = schedule === undefined ? 0 : runsPerHour(schedule)
  if (runs <= mostRunsPerHour) return []
  return [
    warning(
      file,
      ['planner', 'schedule'],
      `${runs} times an hour: IRR servers reject clients that query this often, and VRPs change every few minutes at most`,
      'write "*/10 * * * *"',
    ),
  ]
}

const loopback = parsePrefix('127.0.0.0/8')

function checkListen(file: string, controller: FleetDraft['controller']): Finding[] {
  const { listen, tls, tokensFile } = controller ?? {}
  const address = parseAddress(/^\[?(.+?)\]?:\d+$/.exec(listen ?? '')?.[1] ?? '')
  if (listen !== undefined && !address.ok) return []
  const isLocal =
    !address.ok ||
    (loopback.ok && loopback.value.contains(address.value)) ||
    address.value.toString() === '::1'
  if (tls === undefined) {
    if (isLocal || Object.hasOwn(controller ?? {}, 'tls')) return []
    return [
      warning(
        file,
        ['controller', 'listen'],
        `other machines can reach ${listen} on each node, and read /healthz and /metrics there, which name sites and neighbors; the page and the status are for the node itself`,
        'write 127.0.0.1:9586, or restrict access with a firewall; add `tls` to read the page from elsewhere',
      ),
    ]
  }
  if (isLocal) {
    return [
      warning(
        file,
        ['controller', 'tls'],
        'has no effect: only the node itself reaches `listen`, and it uses HTTP',
        'write an address that others reach in `listen`, such as 0.0.0.0:9586, or remove `tls`',
      ),
    ]
  }
  if (tokensFile !== undefined || tls.clientCaFile !== undefined) return []
  return [
    warning(
      file,
      ['controller', 'tls'],
      'other machines can connect, and not read the page: there are no tokens and no authority for certificates of clients',
      'add `tokensFile`, or `clientCaFile` in `tls`',
    ),
  ]
}
