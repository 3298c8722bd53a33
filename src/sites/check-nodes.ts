import { isLinkLocal, isUnicast } from '../net/bogons.ts'
import type { Address, Family } from '../net/prefix.ts'
import {
  type Drafts,
  listNodes,
  listServices,
  type NeighborDraft,
  type PlacedNode,
  type PlacedService,
} from './drafts.ts'
import type { Finding } from './finding.ts'
import { formatPath, nearestWord, type Path, quote } from './wording.ts'

/** What the site files say, against each other and against fleet.yaml. */
export function checkNodes(drafts: Drafts): Finding[] {
  const nodes = listNodes(drafts)
  const services = listServices(drafts)
  const findings = [...checkSiteNames(drafts), ...checkUniqueNodes(nodes)]
  for (const placed of nodes) {
    if (drafts.fleet?.value.services !== undefined) findings.push(...checkNodeServices(placed, services))
    if (drafts.complete) findings.push(...checkIdle(placed), ...checkFamilies(placed, services))
    findings.push(...checkSharedPorts(placed, services), ...checkUniqueNeighbors(placed))
    for (const [index, neighbor] of (placed.node.neighbors ?? []).entries()) {
      if (neighbor === undefined) continue
      const at = { file: placed.file, path: [...placed.path, 'neighbors', index], neighbor }
      findings.push(...checkAsn(at, drafts.fleet?.value.asn), ...checkAddresses(at), ...checkGtsm(at, placed))
    }
  }
  return findings
}

interface PlacedNeighbor {
  readonly file: string
  readonly path: Path
  readonly neighbor: NeighborDraft
}

function checkSiteNames(drafts: Drafts): Finding[] {
  const seen = new Map<string, string>()
  return drafts.sites.flatMap(({ file, value }): Finding[] => {
    const { site } = value
    if (site === undefined) return []
    const first = seen.get(site)
    if (first !== undefined)
      return [
        error(
          file,
          ['site'],
          `${quote(site)} is the site of ${first} too`,
          'give each site a name of its own',
        ),
      ]
    seen.set(site, file)
    if (value.nodes === undefined || value.nodes.length > 0) return []
    return [warning(file, ['nodes'], 'the site has no node: nothing is announced here', null)]
  })
}

function checkUniqueNodes(nodes: readonly PlacedNode[]): Finding[] {
  return [
    ...findTwice(
      nodes.map(({ file, path, node }) => ({ file, path: [...path, 'name'], value: node.name })),
      'each node of the fleet needs a name of its own',
    ),
    ...findTwice(
      nodes.map(({ file, path, node }) => ({ file, path: [...path, 'routerId'], value: node.routerId })),
      'two speakers with one BGP identifier refuse each other (RFC 6286): give each its own',
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
      'each neighbor of a node needs a name of its own',
    ),
    ...findTwice(
      neighbors.map(({ neighbor, path }) => ({
        file,
        path: [...path, 'address'],
        value: neighbor?.address?.toString(),
      })),
      'of two sessions to one address, the second stays idle for ever: keep one',
    ),
  ]
}

function findTwice(
  entries: readonly { file: string; path: Path; value: string | undefined }[],
  hint: string,
): Finding[] {
  const seen = new Map<string, { file: string; path: Path }>()
  return entries.flatMap(({ file, path, value }): Finding[] => {
    if (value === undefined) return []
    const first = seen.get(value)
    if (first === undefined) {
      seen.set(value, { file, path })
      return []
    }
    const where = first.file === file ? formatPath(first.path) : `${first.file} ${formatPath(first.path)}`
    return [error(file, path, `${quote(value)} is taken by ${where}`, hint)]
  })
}

function checkNodeServices({ file, path, node }: PlacedNode, services: readonly PlacedService[]): Finding[] {
  const known = services.map(({ name }) => name)
  const seen = new Set<string>()
  return (node.services ?? []).flatMap((name, index): Finding[] => {
    if (name === undefined) return []
    const at = [...path, 'services', index]
    if (seen.has(name))
      return [error(file, at, `${quote(name)} stands in this list twice`, 'keep one of the two')]
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
      warning(file, [...path, 'services'], 'the node serves nothing', 'name a service, such as [vpn]'),
    )
  }
  if ((node.neighbors ?? []).length === 0) {
    findings.push(
      warning(file, [...path, 'neighbors'], 'the node has no neighbors, so nobody hears of it', null),
    )
  }
  return findings
}

const families: readonly (readonly [Family, string])[] = [
  ['ipv4', 'IPv4'],
  ['ipv6', 'IPv6'],
]

function checkFamilies({ file, path, node }: PlacedNode, services: readonly PlacedService[]): Finding[] {
  const neighbors = node.neighbors ?? []
  if (neighbors.length === 0) return []
  return families.flatMap(([family, name]): Finding[] => {
    if (neighbors.some((neighbor) => neighbor?.address?.family === family)) return []
    const served = services.find(
      (placed) =>
        node.services?.includes(placed.name) === true &&
        placed.service.anycast?.some((prefix) => prefix?.family === family) === true,
    )
    if (served === undefined) return []
    return [
      warning(
        file,
        [...path, 'neighbors'],
        `${served.name} has an ${name} anycast address, but the node has no ${name} neighbor to announce it to`,
        `add an ${name} session`,
      ),
    ]
  })
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

function checkAsn({ file, path, neighbor }: PlacedNeighbor, ourAsn: number | undefined): Finding[] {
  const { kind, asn } = neighbor
  if (ourAsn === undefined || kind === undefined || asn === undefined) return []
  const at = [...path, 'asn']
  if (kind === 'ibgp' && asn !== ourAsn) {
    return [
      error(
        file,
        at,
        `an ibgp neighbor is in our own AS, ${ourAsn}, not in ${asn}`,
        `write ${ourAsn}, or another kind`,
      ),
    ]
  }
  if (kind !== 'ibgp' && asn === ourAsn) {
    return [
      error(
        file,
        at,
        `${asn} is our own AS, but kind ${kind} is another network`,
        'write the neighbor’s AS number, or kind: ibgp',
      ),
    ]
  }
  return []
}

function checkAddresses({ file, path, neighbor }: PlacedNeighbor): Finding[] {
  const { address, localAddress } = neighbor
  const findings = [
    ...checkUnicast(file, [...path, 'address'], address),
    ...checkUnicast(file, [...path, 'localAddress'], localAddress),
  ]
  if (findings.length > 0 || address === undefined || localAddress === undefined) return findings
  const at = [...path, 'localAddress']
  if (localAddress.family !== address.family) {
    const name = address.family === 'ipv4' ? 'IPv4' : 'IPv6'
    return [
      error(
        file,
        at,
        `${localAddress} and the neighbor's ${address} are not of one family`,
        `write the node's own ${name} address on that link`,
      ),
    ]
  }
  if (localAddress.equals(address)) {
    return [
      error(
        file,
        at,
        `${localAddress} is the neighbor's own address`,
        "write the node's own address on that link",
      ),
    ]
  }
  return []
}

function checkUnicast(file: string, path: Path, address: Address | undefined): Finding[] {
  if (address === undefined) return []
  if (isLinkLocal(address)) {
    return [
      error(
        file,
        path,
        `${address} is link-local, which is not available in this version`,
        'write an address that needs no interface',
      ),
    ]
  }
  if (!isUnicast(address)) {
    return [error(file, path, `${address} is not an address that a router can have`, null)]
  }
  return []
}

function checkGtsm({ file, path, neighbor }: PlacedNeighbor, { node }: PlacedNode): Finding[] {
  if (neighbor.gtsm !== true) return []
  const at = [...path, 'gtsm']
  if (neighbor.kind === 'ibgp') {
    return [
      error(
        file,
        at,
        'GTSM (RFC 5082) wants a neighbor one hop away, which an ibgp neighbor need not be',
        'leave gtsm out',
      ),
    ]
  }
  if (node.daemon === 'frr' && neighbor.bfd !== undefined) {
    return [
      error(
        file,
        at,
        'FRR 8.4 turns BFD into a multihop session (RFC 5883) where gtsm is set, and a directly connected neighbor never answers that',
        'leave out gtsm or bfd, or use daemon: bird',
      ),
    ]
  }
  return []
}

function error(file: string, path: Path, message: string, hint: string | null): Finding {
  return { severity: 'error', file, path, message, hint }
}

function warning(file: string, path: Path, message: string, hint: string | null): Finding {
  return { severity: 'warning', file, path, message, hint }
}
