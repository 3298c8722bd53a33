import { anyText, anything, type Infer, list, optional, part, requireShape, whole } from '../text/shape.ts'

/** What `ip -N -j` prints of the rules and tables of one family. */

const number32 = whole(0, 4_294_967_295)
const most = 1_000_000

const hopShape = part({
  gateway: optional(anyText()),
  /** A gateway of the other family (RFC 8950). */
  via: optional(part({ host: anyText() })),
  dev: optional(anyText()),
  weight: optional(whole(1, 256)),
  flags: optional(list(anyText(), 64)),
  encap: optional(anything),
})

const routeShape = part({
  /** As a number; missing: unicast. */
  type: optional(anyText()),
  dst: anyText(),
  from: optional(anyText()),
  gateway: optional(anyText()),
  via: optional(part({ host: anyText() })),
  dev: optional(anyText()),
  flags: optional(list(anyText(), 64)),
  encap: optional(anything),
  nexthops: optional(list(hopShape, 1024)),
  table: optional(anyText()),
  protocol: optional(anyText()),
  prefsrc: optional(anyText()),
  metric: optional(number32),
})

const ruleShape = part({
  priority: number32,
  src: optional(anyText()),
  srclen: optional(whole(0, 128)),
  ipproto: optional(anyText()),
  sport: optional(whole(0, 65_535)),
  table: optional(anyText()),
  goto: optional(number32),
  nop: optional(anything),
  protocol: optional(anyText()),
})

export interface Hop {
  /** An address; `null`: the destination is on the link. */
  readonly via: string | null
  readonly dev: string
  readonly weight: number
}

export type RouteType = 'unicast' | 'blackhole' | 'unreachable' | 'prohibit' | 'throw' | 'other'

export interface KernelRoute {
  readonly type: RouteType
  /** `default`, an address or a prefix. */
  readonly dst: string
  /** 254 is main. */
  readonly table: number
  /** Those that are alive; none for a route that drops packets. */
  readonly hops: readonly Hop[]
  readonly metric: number
  readonly prefsrc: string | null
  /** It has more than this: an encapsulation, or it is for some sources only. */
  readonly isSpecial: boolean
  readonly protocol: string | null
}

export interface PolicyRule {
  readonly priority: number
  /** Such as `192.0.2.1/32`; `null`: all. */
  readonly from: string | null
  readonly protocolOfIp: number | null
  readonly sport: number | null
  readonly action:
    | { readonly lookup: number }
    | { readonly goto: number }
    | { readonly nop: true }
    | { readonly other: true }
  /** Which program has added it. */
  readonly protocol: string | null
}

export const mainTable = 254

/** Of linux/rtnetlink.h. */
const types: Readonly<Record<string, RouteType>> = {
  '1': 'unicast',
  '6': 'blackhole',
  '7': 'unreachable',
  '8': 'prohibit',
  '9': 'throw',
}

/** Throws SyntaxError or TypeError for anything else. */
export function parseRoutes(json: string): KernelRoute[] {
  return requireShape(list(routeShape, most), JSON.parse(json)).map(readRoute)
}

function readRoute(route: Infer<typeof routeShape>): KernelRoute {
  const type = route.type === undefined ? 'unicast' : (types[route.type] ?? 'other')
  const found = route.nexthops ?? [route]
  return {
    type,
    dst: route.dst,
    table: route.table === undefined ? mainTable : Number(route.table),
    hops: type === 'unicast' ? found.flatMap(readHop) : [],
    metric: route.metric ?? 0,
    prefsrc: route.prefsrc ?? null,
    isSpecial: route.from !== undefined || found.some(({ encap }) => encap !== undefined),
    protocol: route.protocol ?? null,
  }
}

function readHop({ gateway, via, dev, flags = [], ...rest }: Infer<typeof hopShape>): Hop[] {
  if (dev === undefined || flags.includes('dead')) return []
  return [{ via: gateway ?? via?.host ?? null, dev, weight: rest.weight ?? 1 }]
}

/** Throws SyntaxError or TypeError for anything else. */
export function parseRules(json: string): PolicyRule[] {
  return requireShape(list(ruleShape, most), JSON.parse(json)).map((rule) => ({
    priority: rule.priority,
    from: rule.src === undefined || rule.src === 'all' ? null : withLength(rule.src, rule.srclen),
    // Also `ipproto-17`, where /etc/protocols is missing.
    protocolOfIp: rule.ipproto === undefined ? null : Number(/\d+$/.exec(rule.ipproto)?.[0] ?? Number.NaN),
    sport: rule.sport ?? null,
    action: readAction(rule),
    protocol: rule.protocol ?? null,
  }))
}

function withLength(address: string, length: number | undefined): string {
  return `${address}/${length ?? (address.includes(':') ? 128 : 32)}`
}

function readAction({ goto: target, nop, table }: Infer<typeof ruleShape>): PolicyRule['action'] {
  if (target !== undefined) return { goto: target }
  if (nop !== undefined) return { nop: true }
  return table === undefined ? { other: true } : { lookup: Number(table) }
}
