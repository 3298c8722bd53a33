import { explainDrop, type Flow, type Goal, namesInterface, type Rule } from './chains.ts'

type Value = unknown
type Expression = Readonly<Record<string, Value>>

interface Place {
  readonly family: string
  readonly table: string
}

interface NftRule extends Place {
  readonly chain: string
  readonly expr?: readonly Expression[]
}

interface NftChain extends Place {
  readonly name: string
  readonly hook?: string
  readonly policy?: string
}

/** A set, or a map. */
interface NftSet extends Place {
  readonly name: string
  readonly elem?: Value
}

interface Blocked extends Place {
  readonly chain: string
  readonly reason: string
}

/** The rules of nftables, as `nft -j list table` prints each table. Throws a SyntaxError for what nft does not print. */
export class NftRules {
  readonly #chains: readonly NftChain[]
  readonly #rules: readonly NftRule[]
  readonly #sets: readonly NftSet[]

  constructor(tables: readonly string[]) {
    const nftables = tables.flatMap(
      (text) => (JSON.parse(text) as { nftables: readonly Record<string, Value>[] }).nftables,
    )
    const pick = <T>(...keys: readonly string[]) =>
      nftables.flatMap((entry) => keys.flatMap((key) => (entry[key] === undefined ? [] : [entry[key] as T])))
    this.#chains = pick('chain')
    this.#rules = pick('rule')
    this.#sets = pick('set', 'map')
  }

  /**
   * Whether the filter table of a family is one of iptables (iptables-nft, as ufw and Docker use it) with matches that
   * nft's JSON does not show: only `iptables-nft-save` does.
   */
  hasIptables(family: Flow['family']): boolean {
    return this.#rules.some(
      ({ family: own, table, expr }) =>
        own === nftFamilies[family] && table === 'filter' && expr?.some((one) => 'xt' in one),
    )
  }

  /**
   * The first base chain on the way in that drops a flow; `null`: each accepts some of it at least. A rule that depends
   * on the packet's source or interface, or on what is not read here, may match.
   */
  judge(flow: Flow, { withoutIptables }: { readonly withoutIptables: boolean }): Blocked | null {
    const families = ['inet', nftFamilies[flow.family]]
    for (const { family, table, name, hook, policy } of this.#chains) {
      if ((hook !== 'input' && hook !== 'prerouting') || !families.includes(family)) continue
      if (withoutIptables && family !== 'inet' && table === 'filter') continue
      const place = { family, table }
      const reason = explainDrop({
        name,
        policy: policy === 'drop' ? 'drop' : 'accept',
        rulesOf: (chain) =>
          this.#rules
            .filter((rule) => rule.chain === chain && isIn(place, rule))
            .flatMap(({ expr = [] }) => this.#read(expr, { flow, place, chain })),
      })
      if (reason !== null) return { ...place, chain: name, reason }
    }
    return null
  }

  /** No rule, where no packet of the flow matches it, or it decides nothing. */
  #read(
    expressions: readonly Expression[],
    { flow, place, chain }: { readonly flow: Flow; readonly place: Place; readonly chain: string },
  ): Rule[] {
    const text = `a rule of the chain ${chain} drops it`
    let isCertain = true
    for (const expression of expressions) {
      const { match, vmap } = expression as { match?: Match; vmap?: { key?: Value; data?: Value } }
      if (match !== undefined) {
        const fits = this.#matches(match, flow, place)
        if (fits === false) return []
        if (fits === null) isCertain = false
      } else if (vmap !== undefined) {
        return this.#readMap(vmap, flow, place).map((rule) => ({
          ...rule,
          isCertain: isCertain && rule.isCertain,
          text,
        }))
      } else {
        const goal = readGoal(expression)
        if (goal !== null) return [{ isCertain, goals: [goal], text }]
        if (!transparent.some((key) => key in expression)) isCertain = false
      }
    }
    return []
  }

  #readMap(
    { key, data }: { readonly key?: Value; readonly data?: Value },
    flow: Flow,
    place: Place,
  ): Omit<Rule, 'text'>[] {
    const actual = factOf(key, flow)
    const { set } = (this.#resolve(data, place) ?? {}) as { set?: Value }
    const goals: Goal[] = []
    let isCertain = false
    for (const [wanted, verdict] of Array.isArray(set) ? (set as [Value, Expression][]) : []) {
      const fits =
        actual === nothing ? false : actual === null ? mayFit(key, wanted) : includes(wanted, actual)
      const goal = typeof verdict === 'object' ? readGoal(verdict) : null
      if (fits === false || goal === null) continue
      goals.push(goal)
      if (fits === true) isCertain = true
    }
    return goals.length === 0 ? [] : [{ isCertain, goals }]
  }

  /** `null`: it depends on the packet, or cannot be read. */
  #matches({ op, left, right }: Match, flow: Flow, place: Place): boolean | null {
    const wanted = this.#resolve(right, place)
    const actual = factOf(left, flow)
    if (actual === nothing) return false
    const inside = actual === null ? mayFit(left, wanted) : includes(wanted, actual)
    return inside === null ? null : inside === (op !== '!=')
  }

  /** A named set as its elements. */
  #resolve(right: Value, place: Place): Value {
    if (typeof right !== 'string' || !right.startsWith('@')) return right
    return { set: this.#sets.find((set) => set.name === right.slice(1) && isIn(place, set))?.elem ?? [] }
  }
}

interface Match {
  readonly op: string
  readonly left: Value
  readonly right: Value
}

const nftFamilies = { ipv4: 'ip', ipv6: 'ip6' } as const
/** Expressions that let a packet pass as it is. */
const transparent = ['counter', 'log', 'comment', 'mangle', 'notrack']
/** A field that a packet of the flow does not have: no comparison with it is true. */
const nothing = Symbol('nothing')

function isIn(place: Place, entry: Place): boolean {
  return entry.family === place.family && entry.table === place.table
}

function readGoal(expression: Expression): Goal | null {
  if ('accept' in expression) return { kind: 'accept' }
  // The program at the other end decides.
  if ('queue' in expression) return { kind: 'accept' }
  if ('drop' in expression || 'reject' in expression) return { kind: 'drop' }
  if ('return' in expression) return { kind: 'return' }
  for (const kind of ['jump', 'goto'] as const) {
    const { target } = (expression[kind] ?? {}) as { target?: string }
    if (target !== undefined) return { kind, chain: target }
  }
  return null
}

/** What every packet of the flow has there; `null`: packets differ, or it is not known. */
function factOf(left: Value, flow: Flow): string | number | typeof nothing | null {
  const { payload, meta, ct } = (left ?? {}) as {
    payload?: { protocol?: string; field?: string }
    meta?: { key?: string }
    ct?: { key?: string }
  }
  const { protocol, field } = payload ?? {}
  if (protocol === 'tcp' || protocol === 'icmp' || protocol === 'icmpv6' || protocol === 'sctp')
    return nothing
  if (field === 'dport' && (protocol === 'udp' || protocol === 'th')) return flow.port
  if (field === 'protocol' || field === 'nexthdr' || meta?.key === 'l4proto') return flow.protocol
  if (meta?.key === 'nfproto') return flow.family
  if (meta?.key === 'iifname' || meta?.key === 'iif') return flow.interface
  if (meta?.key === 'protocol') return flow.family === 'ipv4' ? 'ip' : 'ip6'
  if (ct?.key === 'state') return 'new'
  // Nothing has changed the destination of a packet for the port itself.
  if (ct?.key === 'status') return 'confirmed'
  return null
}

/** Whether packets whose value differs may have that one; no client's packet arrives on lo. */
function mayFit(left: Value, wanted: Value): false | null {
  const { meta } = (left ?? {}) as { meta?: { key?: string } }
  return (meta?.key === 'iifname' || meta?.key === 'iif') && wanted === 'lo' ? false : null
}

/** `null`: it cannot be decided. */
function includes(right: Value, actual: string | number): boolean | null {
  if (typeof right === 'string' || typeof right === 'number')
    return namesInterface(String(right), String(actual))
  if (Array.isArray(right)) return any(right.map((part) => includes(part, actual)))
  const { set, range, elem } = (right ?? {}) as {
    set?: Value
    range?: readonly [number, number]
    elem?: { val?: Value }
  }
  if (Array.isArray(set)) return any(set.map((part) => includes(part, actual)))
  if (set !== undefined) return includes(set, actual)
  if (range !== undefined) return Number(actual) >= range[0] && Number(actual) <= range[1]
  if (elem !== undefined) return includes(elem.val, actual)
  return null
}

function any(results: readonly (boolean | null)[]): boolean | null {
  if (results.includes(true)) return true
  return results.includes(null) ? null : false
}
