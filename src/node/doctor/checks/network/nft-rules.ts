import type { Flow } from './legacy-rules.ts'

type Value = unknown
type Expression = Readonly<Record<string, Value>>

interface NftRule {
  readonly family: string
  readonly table: string
  readonly chain: string
  readonly expr?: readonly Expression[]
}

interface NftChain {
  readonly family: string
  readonly table: string
  readonly name: string
  readonly hook?: string
  readonly policy?: string
  readonly prio?: number
}

interface Blocked {
  readonly family: string
  readonly table: string
  readonly chain: string
  readonly reason: string
}

interface Verdict {
  readonly kind: 'accept' | 'drop'
  readonly rule: string
}

/**
 * The first base chain of the input hook that drops a flow; `null`: all accept it, or it depends on its source, its
 * interface or a set that is not read. Throws a SyntaxError for what nft does not print.
 */
export function judgeNft(ruleset: string, flow: Flow): Blocked | null {
  const entries = (JSON.parse(ruleset) as { nftables: readonly Record<string, Value>[] }).nftables
  const chains = entries.flatMap(({ chain }) => (chain === undefined ? [] : [chain as NftChain]))
  const rules = entries.flatMap(({ rule }) => (rule === undefined ? [] : [rule as NftRule]))
  const sets = entries.flatMap(({ set }) =>
    set === undefined ? [] : [set as { name: string; elem?: Value }],
  )
  const families = ['inet', flow.family === 'ipv4' ? 'ip' : 'ip6']
  const inputs = chains.filter(({ hook, family }) => hook === 'input' && families.includes(family))
  for (const base of inputs) {
    let isConditional = false
    const walk = (name: string, depth: number): Verdict | 'return' | null => {
      const own = rules.filter(
        ({ chain, table, family }) => chain === name && table === base.table && family === base.family,
      )
      for (const rule of own) {
        const expressions = rule.expr ?? []
        const fit = matchAll(expressions, flow, sets)
        const goal = verdictOf(expressions)
        if (fit === 'no' || goal === null) continue
        if (fit === 'perhaps') {
          if (goal.kind === 'accept' || goal.kind === 'jump') isConditional = true
          continue
        }
        if (goal.kind === 'return') return 'return'
        if (goal.kind === 'jump') {
          const inner: Verdict | 'return' | null = depth < 16 ? walk(goal.target!, depth + 1) : null
          if (inner !== null && inner !== 'return') return inner
          continue
        }
        return { kind: goal.kind, rule: `a rule of the chain ${name} drops it` }
      }
      return null
    }
    const verdict = walk(base.name, 0)
    const place = { family: base.family, table: base.table, chain: base.name }
    if (verdict !== null && verdict !== 'return') {
      if (verdict.kind === 'drop' && !isConditional) return { ...place, reason: verdict.rule }
      continue
    }
    if (base.policy === 'drop' && !isConditional) {
      return {
        ...place,
        reason: `the policy of the chain ${base.name} is drop, and no rule accepts the port`,
      }
    }
  }
  return null
}

function verdictOf(
  expressions: readonly Expression[],
): { kind: 'accept' | 'drop' | 'return' } | { kind: 'jump'; target: string } | null {
  for (const expression of expressions) {
    if ('accept' in expression) return { kind: 'accept' }
    if ('drop' in expression || 'reject' in expression) return { kind: 'drop' }
    if ('return' in expression) return { kind: 'return' }
    const jump = (expression.jump ?? expression.goto) as { target?: string } | undefined
    if (jump?.target !== undefined) return { kind: 'jump', target: jump.target }
    const map = expression.vmap as { key?: Value; data?: Value } | undefined
    if (map !== undefined) return { kind: 'jump', target: '' }
  }
  return null
}

type Fit = 'yes' | 'no' | 'perhaps'

function matchAll(
  expressions: readonly Expression[],
  flow: Flow,
  sets: readonly { name: string; elem?: Value }[],
): Fit {
  let result: Fit = 'yes'
  for (const expression of expressions) {
    if ('limit' in expression || 'vmap' in expression) result = 'perhaps'
    const match = expression.match as { op: string; left: Value; right: Value } | undefined
    if (match === undefined) continue
    const fit = matchOne(match, flow, sets)
    if (fit === 'no') return 'no'
    if (fit === 'perhaps') result = 'perhaps'
  }
  return result
}

function matchOne(
  { op, left, right }: { op: string; left: Value; right: Value },
  flow: Flow,
  sets: readonly { name: string; elem?: Value }[],
): Fit {
  const { payload, meta, ct } = left as {
    payload?: { protocol?: string; field?: string }
    meta?: { key?: string }
    ct?: { key?: string }
  }
  const has = (actual: string | number): Fit => {
    const inside = includes(resolve(right, sets), actual)
    if (inside === null) return 'perhaps'
    return inside === (op !== '!=') ? 'yes' : 'no'
  }
  if (payload?.field === 'dport') {
    const isUdp = payload.protocol === 'udp' || payload.protocol === 'th'
    return isUdp ? has(flow.port) : 'no'
  }
  if (payload?.field === 'protocol' || payload?.field === 'nexthdr') return has(flow.protocol)
  if (payload?.protocol === 'tcp' || payload?.protocol === 'icmp' || payload?.protocol === 'icmpv6')
    return 'no'
  if (meta?.key === 'l4proto') return has(flow.protocol)
  if (meta?.key === 'nfproto') return has(flow.family)
  if (meta?.key === 'iifname' || meta?.key === 'iif')
    return has('lo') === 'yes' && op === '==' && right === 'lo' ? 'no' : 'perhaps'
  if (ct?.key === 'state') return has('new') === 'perhaps' ? 'perhaps' : has('new')
  return 'perhaps'
}

/** A named set as its elements; `null` in place of what is not known. */
function resolve(right: Value, sets: readonly { name: string; elem?: Value }[]): Value {
  if (typeof right !== 'string' || !right.startsWith('@')) return right
  return { set: sets.find(({ name }) => name === right.slice(1))?.elem ?? [] }
}

/** `null`: it cannot be decided. */
function includes(right: Value, actual: string | number): boolean | null {
  if (typeof right === 'string' || typeof right === 'number') return String(right) === String(actual)
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
