import { type Family, families } from '../../../net/prefix.ts'
import { readRouterLine } from './router-line.ts'

/** A session without an outbound filter: bgpd sends it each route of the family. */
export interface OpenSession {
  readonly neighbor: string
  /** The default one is the empty text. */
  readonly vrf: string
  readonly families: readonly Family[]
}

interface Block {
  readonly asn: number
  readonly vrf: string
  /** Whether bgpd sends nothing to an eBGP neighbor without an outbound filter. */
  needsPolicy: boolean
  readonly isDefault: Record<Family, boolean>
  readonly neighbors: Map<string, Neighbor>
}

interface Neighbor {
  remoteAs: string | null
  group: string | null
  isGroup: boolean
  isShutdown: boolean
  readonly activated: Partial<Record<Family, boolean>>
  readonly filtered: Partial<Record<Family, true>>
}

/** Reads a configuration as bgpd prints it. Any outbound filter counts: it may be the engineer's own decision. */
export function findOpenSessions(config: string): OpenSession[] {
  const needsPolicy = !/^frr defaults datacenter/m.test(config)
  const found: OpenSession[] = []
  let block: Block | null = null
  let family: Family | 'other' | null = null
  for (const text of config.split('\n')) {
    if (/^\S/.test(text)) {
      if (block !== null) found.push(...openOf(block))
      const router = readRouterLine(text.trim())
      const isDefault = { ipv4: true, ipv6: false }
      block = router && { ...router, needsPolicy, isDefault, neighbors: new Map() }
      family = null
    } else if (block !== null) {
      const line = text.trim()
      const begin = /^address-family (.*)$/.exec(line)
      if (begin) family = families.find((one) => begin[1] === `${one} unicast`) ?? 'other'
      else if (line === 'exit-address-family') family = null
      else readLine(block, line, family)
    }
  }
  if (block !== null) found.push(...openOf(block))
  return found
}

function readLine(block: Block, line: string, family: Family | 'other' | null): void {
  const policy = /^(no )?bgp ebgp-requires-policy$/.exec(line)
  if (policy) block.needsPolicy = policy[1] === undefined
  const unicast = /^(no )?bgp default (ipv[46])-unicast$/.exec(line)
  if (unicast) block.isDefault[unicast[2] as Family] = unicast[1] === undefined
  const words = /^(no )?neighbor (\S+) (.*)$/.exec(line)
  if (!words) return
  const [, no, name, rest] = words as unknown as [string, string | undefined, string, string]
  const neighbor = block.neighbors.get(name) ?? {
    ...{ remoteAs: null, group: null, isGroup: false, isShutdown: false, activated: {}, filtered: {} },
  }
  block.neighbors.set(name, neighbor)
  if (family === null) {
    neighbor.remoteAs = /\bremote-as (\S+)/.exec(rest)?.[1] ?? neighbor.remoteAs
    neighbor.group = /\bpeer-group (\S+)/.exec(rest)?.[1] ?? neighbor.group
    neighbor.isGroup ||= rest === 'peer-group'
    neighbor.isShutdown ||= no === undefined && /^shutdown\b/.test(rest)
  } else if (family !== 'other') {
    if (rest === 'activate') neighbor.activated[family] = no === undefined
    if (/^(?:route-map|prefix-list|filter-list|distribute-list) .* out$/.test(rest)) {
      neighbor.filtered[family] = true
    }
  }
}

function openOf({ asn, vrf, needsPolicy, isDefault, neighbors }: Block): OpenSession[] {
  return [...neighbors].flatMap(([name, neighbor]) => {
    const group = neighbor.group === null ? undefined : neighbors.get(neighbor.group)
    const remoteAs = neighbor.remoteAs ?? group?.remoteAs ?? null
    if (neighbor.isGroup || remoteAs === null || neighbor.isShutdown || group?.isShutdown) return []
    const isInternal = remoteAs === 'internal' || remoteAs === String(asn)
    if (needsPolicy && !isInternal) return []
    const open = families.filter((family) => {
      const isActive = neighbor.activated[family] ?? group?.activated[family] ?? isDefault[family]
      return isActive && !(neighbor.filtered[family] || group?.filtered[family])
    })
    return open.length === 0 ? [] : [{ neighbor: name, vrf, families: open }]
  })
}
