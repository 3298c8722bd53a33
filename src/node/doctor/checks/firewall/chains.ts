/** Packets of new clients, from any address. */
export interface Flow {
  /** The interface that they arrive on; `null`: any but lo. */
  readonly interface: string | null
  readonly family: 'ipv4' | 'ipv6'
  readonly protocol: 'udp'
  readonly port: number
}

export type Goal =
  | { readonly kind: 'accept' | 'drop' | 'return' }
  | { readonly kind: 'jump' | 'goto'; readonly chain: string }

/** A rule that a packet of the flow may match. */
export interface Rule {
  /** Every packet of the flow matches it. Otherwise it depends on the packet, such as on its source. */
  readonly isCertain: boolean
  /** What may happen to the packet: one of these. */
  readonly goals: readonly Goal[]
  /** For messages. */
  readonly text: string
}

export interface BaseChain {
  readonly name: string
  readonly policy: 'accept' | 'drop'
  /** The rules of a chain that packets of the flow may match, in their order. */
  readonly rulesOf: (chain: string) => readonly Rule[]
}

/** `return`: the chain that has called decides, or the policy. */
type Outcome = 'accept' | 'drop' | 'return'

/** Why a chain drops every packet of a flow; `null`: it accepts some at least. */
export function explainDrop({ name, policy, rulesOf }: BaseChain): string | null {
  // A chain has the same outcomes wherever it is called. The kernel refuses loops.
  const known = new Map<string, ReadonlySet<Outcome>>()
  let dropping: Rule | null = null
  const walk = (chain: string): ReadonlySet<Outcome> => {
    const before = known.get(chain)
    if (before !== undefined) return before
    const outcomes = new Set<Outcome>()
    known.set(chain, outcomes)
    for (const rule of rulesOf(chain)) {
      let mayContinue = !rule.isCertain
      for (const goal of rule.goals) {
        if (!('chain' in goal)) {
          outcomes.add(goal.kind)
          if (goal.kind === 'drop' && rule.isCertain) dropping ??= rule
          continue
        }
        for (const inner of walk(goal.chain)) {
          if (inner === 'return' && goal.kind === 'jump') mayContinue = true
          else outcomes.add(inner)
        }
      }
      if (!mayContinue) return outcomes
    }
    return outcomes.add('return')
  }
  const outcomes = walk(name)
  if (outcomes.has('accept')) return null
  if (!outcomes.has('return'))
    return (dropping as Rule | null)?.text ?? `all rules of the chain ${name} drop it`
  return policy === 'drop' ? `the policy of the chain ${name} is drop, and no rule accepts the port` : null
}

/** Whether a pattern names an interface: `eth0`, or `eth*`, which iptables writes `eth+`. */
export function namesInterface(pattern: string, name: string): boolean {
  return /[*+]$/.test(pattern) ? name.startsWith(pattern.slice(0, -1)) : name === pattern
}
