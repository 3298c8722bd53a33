import { nearestWord, quote } from '../../../text/wording.ts'
import { type Drafts, listNodes, listServices, type PlacedNode, type PlacedService } from '../drafts.ts'
import { error, type Finding, warning } from '../finding.ts'
import { checkAsns, listAsns } from './asns.ts'
import { checkAttachedNode } from './attached.ts'
import { checkExtra } from './extra/extra.ts'
import { checkNeighbor } from './neighbors.ts'
import { checkFamilies } from './policy/advertised.ts'
import { checkAlwaysAnnounce } from './policy/always-announce.ts'
import { checkSymbols } from './symbols.ts'
import { findTwice } from './twice.ts'
import { checkVersion } from './versions.ts'

/** Checks the site files against each other and against fleet.yaml. */
export function checkNodes(drafts: Drafts): Finding[] {
  const nodes = listNodes(drafts)
  const services = listServices(drafts)
  const ourAsns = new Set(nodes.flatMap(listAsns))
  const findings = [...checkSiteNames(drafts), ...checkUniqueNodes(nodes)]
  for (const placed of nodes) {
    const known = drafts.fleet?.value.services
    if (known !== undefined) findings.push(...checkNodeServices(placed, Object.keys(known)))
    if (drafts.complete) findings.push(...checkIdle(placed), ...checkFamilies(placed, services))
    findings.push(
      ...checkSharedPorts(placed, services),
      ...checkAlwaysAnnounce(placed, services, drafts.fleet?.value.bogons?.allow ?? []),
      ...checkUniqueNeighbors(placed),
      ...checkVersion(placed),
      ...checkSymbols(placed),
      ...checkAttachedNode(placed),
      ...checkExtra(placed, drafts.readExtra),
    )
    for (const [index, neighbor] of (placed.node.neighbors ?? []).entries()) {
      if (neighbor === undefined) continue
      const at = { file: placed.file, path: [...placed.path, 'neighbors', index], neighbor }
      findings.push(...checkAsns(at, placed, ourAsns))
      findings.push(...checkNeighbor(at, placed, drafts.fleet?.value, services))
    }
  }
  return findings
}

function checkSiteNames(drafts: Drafts): Finding[] {
  const seen = new Map<string, string>()
  return drafts.sites.flatMap(({ file, value }): Finding[] => {
    const { site } = value
    if (site === undefined) return []
    const first = seen.get(site)
    if (first !== undefined)
      return [
        error(file, ['site'], `${quote(site)} is also the site of ${first}`, 'give each site a unique name'),
      ]
    seen.set(site, file)
    const findings: Finding[] = []
    const [, name, ending] = /([^/]*)(\.ya?ml)$/i.exec(file) ?? []
    if (name !== undefined && name !== site) {
      findings.push(
        warning(
          file,
          ['site'],
          `the site is ${site}, but its file is ${quote(`${name}${ending}`)}`,
          `rename the file to ${site}.yaml`,
        ),
      )
    }
    if (value.nodes?.length === 0) {
      findings.push(warning(file, ['nodes'], 'the site has no node: nothing is announced here', null))
    }
    return findings
  })
}

function checkUniqueNodes(nodes: readonly PlacedNode[]): Finding[] {
  return [
    ...findTwice(
      nodes.map(({ file, path, node }) => ({ file, path: [...path, 'name'], value: node.name })),
      'each node of the fleet needs a unique name',
    ),
    ...findTwice(
      nodes.map(({ file, path, node }) => ({ file, path: [...path, 'routerId'], value: node.routerId })),
      'two speakers with the same BGP identifier refuse each other (RFC 6286): give each node a unique one',
    ),
  ]
}

function checkUniqueNeighbors({ file, path, node }: PlacedNode): Finding[] {
  const neighbors = (node.neighbors ?? []).map((neighbor, index) => ({
    neighbor,
    path: [...path, 'neighbors', index],
  }))
  return [
    ...findTwice(
      neighbors.map(({ neighbor, path }) => ({ file, path: [...path, 'name'], value: neighbor?.name })),
      'each neighbor of a node needs a unique name',
    ),
    ...findTwice(
      neighbors.map(({ neighbor, path }) => ({
        file,
        path: [...path, 'address'],
        // bgpd confuses two neighbors with one link-local address, also on different interfaces.
        value:
          neighbor?.interface === undefined || node.daemon === 'frr'
            ? neighbor?.address?.toString()
            : undefined,
      })),
      neighbors.some(({ neighbor }) => neighbor?.vrf !== undefined)
        ? 'Anyward tells sessions apart by their address, also in different VRFs: keep one of the two, or give the link another address'
        : node.daemon === 'frr' && neighbors.some(({ neighbor }) => neighbor?.interface !== undefined)
          ? 'a second session to the same address stays idle, and bgpd does not look at the interface: keep one of the two, or leave address out'
          : 'a second session to the same address stays idle: keep one of the two',
    ),
    ...findTwice(
      neighbors.map(({ neighbor, path }) => ({
        file,
        path: [...path, 'interface'],
        value: neighbor?.interface,
      })),
      'one router is on the other end of a link: keep one of the two',
    ),
    ...findTwice(
      neighbors.map(({ neighbor, path }) => ({ file, path: [...path, 'session'], value: neighbor?.session })),
      'one protocol is one session: keep one of the two',
    ),
  ]
}

function checkNodeServices({ file, path, node }: PlacedNode, known: readonly string[]): Finding[] {
  const seen = new Set<string>()
  return (node.services ?? []).flatMap((name, index): Finding[] => {
    if (name === undefined) return []
    const at = [...path, 'services', index]
    if (seen.has(name))
      return [error(file, at, `${quote(name)} is in this list twice`, 'keep one of the two')]
    seen.add(name)
    if (known.includes(name)) return []
    const nearest = nearestWord(name, known)
    return [
      error(
        file,
        at,
        `there is no service ${quote(name)} in fleet.yaml`,
        nearest !== null
          ? `did you mean ${nearest}?`
          : known.length > 0
            ? `known services: ${known.join(', ')}`
            : 'fleet.yaml has no services',
      ),
    ]
  })
}

function checkIdle({ file, path, node }: PlacedNode): Finding[] {
  const findings: Finding[] = []
  if ((node.services ?? []).length === 0) {
    findings.push(
      warning(file, [...path, 'services'], 'the node serves no service', 'add a service, such as [vpn]'),
    )
  }
  if ((node.neighbors ?? []).length === 0) {
    findings.push(
      warning(file, [...path, 'neighbors'], 'the node has no neighbors, so it advertises nothing', null),
    )
  }
  return findings
}

function checkSharedPorts({ file, path, node }: PlacedNode, services: readonly PlacedService[]): Finding[] {
  const served = (node.services ?? []).map((name) => services.find((placed) => placed.name === name))
  return served.flatMap((placed, index): Finding[] => {
    const wireguard = placed?.service.wireguard
    if (placed === undefined || wireguard === undefined) return []
    const at = [...path, 'services', index]
    return served.slice(0, index).flatMap((other): Finding[] => {
      if (other === undefined || other.name === placed.name) return []
      const findings: Finding[] = []
      const theirs = other.service.wireguard
      if (wireguard.interface !== undefined && wireguard.interface === theirs?.interface) {
        findings.push(
          error(
            file,
            at,
            `${placed.name} and ${other.name} both use the interface ${wireguard.interface}`,
            'give each service on a node an interface of its own',
          ),
        )
      }
      if (wireguard.port !== undefined && wireguard.port === theirs?.port) {
        findings.push(
          error(
            file,
            at,
            `${placed.name} and ${other.name} both use port ${wireguard.port}`,
            'WireGuard listens on all addresses: give each service on a node a port of its own',
          ),
        )
      }
      return findings
    })
  })
}
