import { count } from '../../../text/count.ts'
import type { Path } from '../../../text/wording.ts'
import { type Drafts, listNodes, listServices, type PlacedNode, type PlacedService } from '../drafts.ts'
import { countOf, readName } from '../fields.ts'
import type { Finding } from '../finding.ts'
import { checkCommunities } from './policy/communities.ts'
import { checkPrefixes } from './prefixes.ts'
import { checkSharedAnycast } from './shared-anycast.ts'
import { checkSideChecks } from './side-checks.ts'
import { checkTwice } from './twice.ts'

/** Checks the services of fleet.yaml against each other and against the sites. */
export function checkServices(drafts: Drafts): Finding[] {
  const { fleet } = drafts
  if (fleet === null) return []
  const nodes = listNodes(drafts)
  const services = listServices(drafts)
  const findings: Finding[] = []
  for (const placed of services) {
    findings.push(
      ...checkServiceName(placed),
      ...checkLists(placed),
      ...checkPrefixes(placed, nodes, fleet.value.bogons?.allow ?? []),
      ...checkTunnel(placed),
      ...checkChecks(placed),
      ...checkSideChecks(placed),
    )
    if (drafts.complete && readName(placed.name).ok) {
      findings.push(...checkServed(placed, nodes, drafts.sites.length))
    }
  }
  findings.push(...checkSharedAnycast(services, nodes))
  if (drafts.complete && drafts.sites.length === 0) {
    findings.push({
      severity: 'warning',
      file: fleet.file,
      path: [],
      message: 'there is no site: no node announces anything',
      hint: 'add one file per site beside this one, such as fra1.yaml',
    })
  }
  return findings
}

function checkServiceName({ file, name, path }: PlacedService): Finding[] {
  const reading = readName(name)
  return reading.ok
    ? []
    : [{ severity: 'error', file, path, part: 'key', message: reading.message, hint: reading.hint }]
}

function checkLists({ file, path, service }: PlacedService): Finding[] {
  return [
    ...checkTwice(file, [...path, 'anycast'], service.anycast),
    ...checkTwice(file, [...path, 'covering'], service.covering),
    ...checkTwice(file, [...path, 'wireguard', 'addresses'], service.wireguard?.addresses),
    ...checkCommunities(file, [...path, 'communities'], service.communities),
    ...checkTwice(file, [...path, 'probe', 'checks'], service.probe?.checks),
  ]
}

function checkTunnel({ file, path, service }: PlacedService): Finding[] {
  const address = service.probe?.address
  const addresses = service.wireguard?.addresses
  if (address === undefined || addresses === undefined || addresses.includes(undefined)) return []
  const known = addresses.filter((entry) => entry !== undefined)
  const error = (message: string, hint: string): Finding[] => [
    { severity: 'error', file, path: [...path, 'probe', 'address'], message, hint },
  ]
  if (known.some((entry) => entry.address.equals(address))) {
    return error(
      `${address} is the server's own address in the tunnel`,
      'the probe is a client: give it an address of its own',
    )
  }
  if (known.length > 0 && !known.some((entry) => entry.prefix.contains(address))) {
    return error(
      `${address} is outside the tunnel's subnet (${known.map((entry) => entry.prefix).join(', ')})`,
      'use a free address of that subnet',
    )
  }
  return []
}

function checkChecks({ file, path, service }: PlacedService): Finding[] {
  const checks = service.probe?.checks
  if (checks === undefined || checks.includes(undefined) || checks.length === 0) return []
  if (checks.includes('handshake') || checks.includes('ping')) return []
  return [
    {
      severity: 'warning',
      file,
      path: [...path, 'probe', 'checks'],
      message: 'neither handshake nor ping is among the checks: a server that hangs would stay announced',
      hint: 'add handshake',
    },
  ]
}

function checkServed(
  { file, name, path, service }: PlacedService,
  nodes: readonly PlacedNode[],
  siteCount: number,
): Finding[] {
  const serving = new Set(nodes.filter(({ node }) => node.services?.includes(name)).map(({ file }) => file))
    .size
  if (serving === 0) {
    if (siteCount === 0) return []
    return [
      {
        severity: 'warning',
        file,
        path,
        part: 'key',
        message: 'no node serves it',
        hint: `add ${name} to the services of a node`,
      },
    ]
  }
  const written = service.safety?.minSites
  if (written === undefined) return []
  const minSites = countOf(written, serving)
  const at: Path = [...path, 'safety', 'minSites']
  if (minSites > serving) {
    return [
      {
        severity: 'error',
        file,
        path: at,
        message: `${minSites} cannot be met: ${count(serving, 'site')} ${serving === 1 ? 'serves' : 'serve'} ${name}`,
        hint: `write ${Math.max(1, serving - 1)} or less`,
      },
    ]
  }
  if (minSites === 0 && serving > 1) {
    return [
      {
        severity: 'warning',
        file,
        path: at,
        message: `0 lets the last of the ${serving} sites that serve ${name} be withdrawn: nothing keeps the service reachable`,
        hint: 'write 1 or more, or leave it out, which is 1',
      },
    ]
  }
  if (minSites === serving && serving > 1) {
    return [
      {
        severity: 'warning',
        file,
        path: at,
        message: `${minSites} is the number of sites that serve ${name}: none of them could ever be withdrawn`,
        hint: `write ${serving - 1} or less`,
      },
    ]
  }
  return []
}
