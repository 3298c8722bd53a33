/** Packets of new clients, from any address and interface. */
export interface Flow {
  readonly family: 'ipv4' | 'ipv6'
  readonly protocol: 'udp'
  readonly port: number
}

/**
 * Why the rules of `iptables-save` drop a flow; `null`: they accept it, or it depends on its source, interface or
 * state.
 */
export function judgeLegacy(saved: string, flow: Flow): string | null {
  const policies = new Map(
    [...saved.matchAll(/^:(\S+) (\S+)/gm)].map(([, chain, policy]) => [chain!, policy!]),
  )
  const rules = [...saved.matchAll(/^-A (\S+)(.*)$/gm)].map(([, chain, rest]) => ({
    chain: chain!,
    words: rest!.trim().split(/\s+/),
  }))
  let isConditional = false
  const walk = (chain: string, depth: number): string | null => {
    for (const { words } of rules.filter((rule) => rule.chain === chain)) {
      const fit = matches(words, flow)
      const target = words[words.indexOf('-j') + 1] ?? words[words.indexOf('-g') + 1] ?? ''
      if (fit === 'no') continue
      if (fit === 'perhaps') {
        if (target === 'ACCEPT' || policies.has(target)) isConditional = true
        continue
      }
      if (target === 'ACCEPT') return 'ACCEPT'
      if (target === 'DROP' || target === 'REJECT') return `the rule -A ${chain} ${words.join(' ')}`
      if (target === 'RETURN') return null
      if (policies.has(target) && depth < 16) {
        const verdict = walk(target, depth + 1)
        if (verdict !== null) return verdict
      }
    }
    return null
  }
  const verdict = walk('INPUT', 0)
  if (verdict === 'ACCEPT') return null
  if (isConditional) return null
  if (verdict !== null) return verdict
  return policies.get('INPUT') === 'DROP' ? 'the policy of INPUT is DROP, and no rule accepts the port' : null
}

/** `perhaps`: it depends on what a new client's packet may or may not have, such as its source. */
function matches(words: readonly string[], flow: Flow): 'yes' | 'no' | 'perhaps' {
  let result: 'yes' | 'perhaps' = 'yes'
  for (const [index, word] of words.entries()) {
    const value = words[index + 1] ?? ''
    const isNegated = words[index - 1] === '!'
    if (word === '-p' && value !== flow.protocol && value !== 'all') return isNegated ? result : 'no'
    if (word === '--dport' || word === '--dports' || word === '--destination-port') {
      if (includesPort(value, flow.port) === isNegated) return 'no'
    } else if (word === '--state' || word === '--ctstate') {
      if (!value.split(',').includes('NEW')) return 'no'
    } else if (word === '-i' && value === 'lo' && !isNegated) return 'no'
    else if (
      ['-s', '-d', '-i', '--sport', '--limit', '--mark', '--match-set', '--tcp-flags'].includes(word)
    ) {
      result = 'perhaps'
    }
  }
  return result
}

function includesPort(text: string, port: number): boolean {
  return text.split(',').some((part) => {
    const [first, last = first] = part.split(':').map(Number)
    return port >= first! && port <= last!
  })
}
