import type { Family } from '../../../net/prefix.ts'
import { limitAction } from '../router.ts'
import type { Line } from './lines.ts'

/** A neighbor or a peer group: what its lines say; a neighbor without a setting has that of its group. */
export interface Draft {
  readonly first: Line
  isGroup: boolean
  group: string | null
  isInterface: boolean
  asn: number | 'internal' | 'external' | 'unknown' | null
  description: string | null
  source: string | null
  multihop: number | null
  bfd: { intervalMs?: number; multiplier?: number } | null
  gtsm: boolean | null
  hasPassword: boolean | null
  localAs: number | null
  holdMs: number | null
  keepaliveMs: number | null
  shutdown: boolean | null
  extendedNextHop: boolean | null
  readonly active: Map<Family, boolean>
  readonly limits: Map<Family, number>
  readonly filtered: Set<Family>
}

export function createDraft(first: Line): Draft {
  return {
    first,
    isGroup: false,
    group: null,
    isInterface: false,
    asn: null,
    description: null,
    source: null,
    multihop: null,
    bfd: null,
    gtsm: null,
    hasPassword: null,
    localAs: null,
    holdMs: null,
    keepaliveMs: null,
    shutdown: null,
    extendedNextHop: null,
    active: new Map(),
    limits: new Map(),
    filtered: new Set(),
  }
}

/** A neighbor's settings together with those of its group. */
export function mergeDrafts(draft: Draft, group: Draft | undefined): Draft {
  if (group === undefined) return draft
  const merged = { ...draft }
  for (const key of Object.keys(merged) as (keyof Draft)[]) {
    if (merged[key] === null) Object.assign(merged, { [key]: group[key] })
  }
  return {
    ...merged,
    isInterface: draft.isInterface,
    active: new Map([...group.active, ...draft.active]),
    limits: new Map([...group.limits, ...draft.limits]),
    filtered: new Set([...group.filtered, ...draft.filtered]),
  }
}

const filters = 'filters are not taken over: Anyward writes its own, by the kind of the neighbor'
const notRead = 'this form is not read'

/**
 * Reads what stands behind `neighbor NAME`, or behind `no neighbor NAME`. Returns why the line is left, `null` if it is
 * taken over.
 */
export function readSetting(
  draft: Draft,
  {
    words,
    isNegated,
    family,
    profiles,
  }: {
    readonly words: readonly string[]
    readonly isNegated: boolean
    readonly family: Family | 'other' | null
    readonly profiles: ReadonlyMap<string, { intervalMs?: number; multiplier?: number }>
  },
): string | null {
  const [setting, ...values] = words
  if (family === 'other') return 'Anyward announces IPv4 and IPv6 unicast routes, and no others'
  if (isNegated) {
    if (setting === 'activate' && family !== null) draft.active.set(family, false)
    else if (setting === 'shutdown') draft.shutdown = false
    // The others turn off what is on by default, or what Anyward sets by itself.
    return null
  }
  switch (setting) {
    case 'remote-as':
      draft.asn = readAsn(values[0])
      return null
    case 'peer-group':
      if (values.length === 0) draft.isGroup = true
      else draft.group = values[0]!
      return null
    case 'interface':
      draft.isInterface = true
      return readInterface(draft, values)
    case 'description':
      draft.description = values.join(' ')
      return null
    case 'password':
      draft.hasPassword = true
      return null
    case 'update-source':
      draft.source = values[0] ?? null
      return null
    case 'ebgp-multihop':
      draft.multihop = readNumber(values[0] ?? '255')
      return null
    case 'disable-connected-check':
      // The neighbor has an address that is not on the link, one hop away.
      draft.multihop ??= 2
      return null
    case 'bfd':
      return readBfd(draft, values, profiles)
    case 'ttl-security':
      draft.gtsm = values[1] === '1'
      return values[1] === '1' ? null : 'Anyward has GTSM for neighbors on the link'
    case 'timers':
      return readTimers(draft, values)
    case 'local-as':
      draft.localAs = readNumber(values[0])
      return values.length > 1 ? 'localAs is taken over, without the words behind it' : null
    case 'shutdown':
      draft.shutdown = true
      return null
    case 'capability':
      if (values[0] === 'extended-nexthop') draft.extendedNextHop = true
      return values[0] === 'extended-nexthop' ? null : other
    case 'activate':
      if (family !== null) draft.active.set(family, true)
      return null
    case 'maximum-prefix': {
      const limit = readNumber(values[0])
      if (limit === null) return notRead
      draft.limits.set(family ?? 'ipv4', limit)
      return values.includes('warning-only') || values.includes('restart') ? limitAction : null
    }
    case 'route-map':
    case 'prefix-list':
    case 'distribute-list':
    case 'filter-list':
      if (values[1] === 'in') draft.filtered.add(family ?? 'ipv4')
      return filters
    // What Anyward sets by itself, or does not need.
    case 'soft-reconfiguration':
    case 'send-community':
    case 'next-hop-self':
    case 'sender-as-path-loop-detection':
      return null
    default:
      return other
  }
}

const other = 'Anyward has no such setting for a session'

/** `interface [v6only] [remote-as N] [peer-group NAME]`. */
function readInterface(draft: Draft, values: readonly string[]): string | null {
  for (let at = 0; at < values.length; at += 2) {
    if (values[at] === 'v6only') at -= 1
    else if (values[at] === 'remote-as') draft.asn = readAsn(values[at + 1])
    else if (values[at] === 'peer-group') draft.group = values[at + 1] ?? null
    else return notRead
  }
  return null
}

function readBfd(
  draft: Draft,
  values: readonly string[],
  profiles: ReadonlyMap<string, { intervalMs?: number; multiplier?: number }>,
): string | null {
  draft.bfd ??= {}
  const [first, second, third] = values
  if (first === undefined) return null
  if (first === 'profile') {
    const profile = profiles.get(second ?? '')
    if (profile !== undefined) draft.bfd = profile
    return profile === undefined ? 'there is no such profile in this file' : null
  }
  const [multiplier, receive, transmit] = [readNumber(first), readNumber(second), readNumber(third)]
  if (multiplier === null || receive === null || transmit === null) return other
  draft.bfd = { multiplier, intervalMs: Math.max(receive, transmit) }
  return null
}

/** `timers KEEPALIVE HOLD`. */
function readTimers(draft: Draft, values: readonly string[]): string | null {
  const [keepalive, hold] = [readNumber(values[0]), readNumber(values[1])]
  if (keepalive === null || hold === null) return other
  draft.keepaliveMs = keepalive * 1000
  draft.holdMs = hold * 1000
  return null
}

function readAsn(word: string | undefined): Draft['asn'] {
  if (word === 'internal' || word === 'external') return word
  return readNumber(word) ?? plainFromDotted(word) ?? 'unknown'
}

/** `1.10`, as FRR writes it with `bgp asnotation dot`. */
export function plainFromDotted(word: string | undefined): number | null {
  const match = /^(\d{1,5})\.(\d{1,5})$/.exec(word ?? '')
  return match === null ? null : Number(match[1]) * 65536 + Number(match[2])
}

export function readNumber(word: string | undefined): number | null {
  return word !== undefined && /^\d{1,10}$/.test(word) ? Number(word) : null
}
