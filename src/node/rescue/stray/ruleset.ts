import { type Family, families, familyOf } from '../../../net/prefix.ts'

export const tableName = 'inet anyward_rescue'

/** As the number of the source route's table: the default port of WireGuard, and no group that ulogd's examples use. */
export const defaultGroup = 5182

/** What the log of a packet says. */
export const prefixes = {
  /** A packet of a roster endpoint to a session, or an answer to an initiation, that this node does not have. */
  stray: 'stray',
  /** There are more of them than `maxEventsPerSecond`. */
  limited: 'limited',
} as const

/**
 * REJECT_AFTER_TIME, 180 s, is the age at which a session ends (WireGuard paper, section 6.1). An initiation's index is up to
 * 5 s older than its session (REKEY_TIMEOUT).
 */
export const learnMs = 190_000
/** Of one endpoint, for each kind of packet. */
export const coolDownMs = 1000
/** Of the node: an attacker who knows the roster's endpoints can spoof all of them. */
export const maxEventsPerSecond = 2000
/** Holds the IP header, with IPv4's options, and the UDP header. */
export const copyBytes = 96

/** Two sessions of each of 400,000 peers; an entry has some 100 bytes. */
const maxOwnIndices = 1_048_576
/** An event needs an entry, and no more than these have one of each kind. */
const maxCooling = 131_072

export interface StrayService {
  readonly name: string
  /** Of WireGuard. */
  readonly port: number
  /** The anycast addresses. */
  readonly addresses: readonly string[]
}

/** Of a service of the manifest. */
export function strayServiceOf({
  name,
  anycast,
  wireguard,
}: {
  readonly name: string
  readonly anycast: readonly string[]
  readonly wireguard: { readonly port: number }
}): StrayService {
  return { name, port: wireguard.port, addresses: anycast }
}

/**
 * The rules. `@th,64,32` is the type of a WireGuard packet with its three reserved bytes, and `@th,96,32` the index after it:
 * the sender's own in types 1 and 2, the receiver's in type 4 (WireGuard paper, section 5.4). That of the receiver in type 2 is at
 * 128: an answer to an initiation that another site has sent.
 *
 * `owner` is the name of an empty chain: see `guardLine`.
 */
export function renderTable(services: readonly StrayService[], group: number, owner: string): string {
  const ports = [...new Set(services.map(({ port }) => port))]
  return `add table ${tableName}
delete table ${tableName}
table ${tableName} {
  chain ${owner} { }
  set own { typeof @th,96,32; flags dynamic,timeout; timeout ${learnMs / 1000}s; size ${maxOwnIndices}; }
  limit events { rate ${maxEventsPerSecond}/second burst ${maxEventsPerSecond} packets; }
  limit notices { rate 1/second burst 1 packets; }
  chain learn {
    type filter hook output priority raw; policy accept;
    udp sport { ${ports.join(', ')} } @th,64,32 { 0x01000000, 0x02000000 } update @own { @th,96,32 }
  }
${services.map((_, index) => renderService(index, group)).join('')}  chain watch {
    type filter hook prerouting priority raw; policy accept;
${families.map((family) => renderJumps(services, family)).join('')}  }
}
`
}

/** Names, because a service's own may not be one of nft. */
export function rosterOf(service: number, family: Family): string {
  return `roster_${words[family].ip}_${service}`
}

const words = {
  ipv4: { ip: 'ip', type: 'ipv4_addr', plain: '' },
  // Without extension headers, which a cut packet may not have in whole.
  ipv6: { ip: 'ip6', type: 'ipv6_addr', plain: 'ip6 nexthdr udp ' },
} as const

/** An endpoint is reported once a second for each: an answer that follows a packet of a session says something else. */
const kinds = {
  session: '@th,64,32 0x04000000 @th,96,32 != @own',
  answer: '@th,64,32 0x02000000 @th,128,32 != @own',
} as const

function renderService(index: number, group: number): string {
  const types = families.map((family) => ({ family, type: `type ${words[family].type} . inet_service;` }))
  const rosters = types.map(({ family, type }) => `  set ${rosterOf(index, family)} { ${type} }\n`)
  const reports = Object.keys(kinds).map((kind) => {
    const sets = types.map(
      ({ family, type }) =>
        `  set cool_${kind}_${words[family].ip}_${index} { ${type} flags dynamic,timeout; timeout ${coolDownMs}ms; size ${maxCooling}; }\n`,
    )
    const rules = families.map((family) => renderReport(index, group, family, kind))
    return `${sets.join('')}  chain report_${kind}_${index} {\n${rules.join('')}  }\n`
  })
  const jumps = Object.entries(kinds).map(([kind, rule]) => `    ${rule} goto report_${kind}_${index}\n`)
  return `${rosters.join('')}${reports.join('')}  chain service_${index} {\n${jumps.join('')}  }\n`
}

function renderReport(index: number, group: number, family: Family, kind: string): string {
  const { ip, plain } = words[family]
  const log = (prefix: string) =>
    `log prefix "${prefix}" group ${group} snaplen ${copyBytes} queue-threshold 1`
  const source = `${ip} saddr . udp sport`
  const cool = `@cool_${kind}_${ip}_${index}`
  const stray = `${plain}${source} @${rosterOf(index, family)} ${source} != ${cool}`
  return `    ${stray} limit name "events" add ${cool} { ${source} } ${log(prefixes.stray)}
    ${stray} limit name "notices" ${log(prefixes.limited)}
`
}

function renderJumps(services: readonly StrayService[], family: Family): string {
  const jumps = services.flatMap(({ port, addresses }, index) =>
    addresses
      .filter((address) => familyOf(address) === family)
      .map((address) => `${address} . ${port} : jump service_${index}`),
  )
  return jumps.length === 0 ? '' : `    ${words[family].ip} daddr . udp dport vmap { ${jumps.join(', ')} }\n`
}

/**
 * Does nothing, and makes its transaction fail if the table is gone, as after `nft flush ruleset`, or belongs to the next
 * controller, which has a chain of another name.
 */
export function guardLine(owner: string): string {
  return `flush chain ${tableName} ${owner}\n`
}

export function deleteTable(owner: string): string {
  return `${guardLine(owner)}delete table ${tableName}\n`
}
