import { explainDrop, type Flow, type Goal, namesInterface, type Rule } from './chains.ts'

/** Why the filter table that `iptables-save` prints drops a flow on its way in; `null`: it accepts some of it at least. */
export function judgeIptables(saved: string, flow: Flow): string | null {
  const policies = new Map(
    [...saved.matchAll(/^:(\S+) (\S+)/gm)].map(([, chain, policy]) => [chain!, policy!]),
  )
  const rules = new Map<string, Rule[]>()
  for (const [text, chain, rest] of saved.matchAll(/^-A (\S+)(.*)$/gm)) {
    const rule = readRule(rest!, flow, (name) => policies.has(name))
    if (rule === null) continue
    rules.set(chain!, [...(rules.get(chain!) ?? []), { ...rule, text: `the rule ${text}` }])
  }
  return explainDrop({
    name: 'INPUT',
    policy: policies.get('INPUT') === 'DROP' ? 'drop' : 'accept',
    rulesOf: (chain) => rules.get(chain) ?? [],
  })
}

/** `null`: no packet of the flow matches it, or it decides nothing, such as a rule that logs. */
function readRule(text: string, flow: Flow, isChain: (name: string) => boolean): Omit<Rule, 'text'> | null {
  const words = text.match(/"(?:[^"\\]|\\.)*"|\S+/g) ?? []
  let isCertain = true
  for (let at = 0; at < words.length; at += 1) {
    const isNegated = words[at] === '!'
    if (isNegated) at += 1
    const word = words[at]!
    if (word === '-j' || word === '-g') {
      const goal = readGoal(word, words[at + 1] ?? '', isChain)
      return goal === null ? null : { isCertain, goals: [goal] }
    }
    const value = words[at + 1] ?? ''
    if (word === '-m' || word === '--comment' || word === '-c') {
      at += word === '-c' ? 2 : 1
      continue
    }
    const fits = matches(word, value, flow)
    if (fits === null) isCertain = false
    else {
      if (fits === isNegated) return null
      at += 1
    }
  }
  return null
}

function readGoal(option: string, target: string, isChain: (name: string) => boolean): Goal | null {
  if (target === 'ACCEPT') return { kind: 'accept' }
  if (target === 'DROP' || target === 'REJECT') return { kind: 'drop' }
  if (target === 'RETURN') return { kind: 'return' }
  // The program at the other end decides.
  if (target === 'NFQUEUE') return { kind: 'accept' }
  return isChain(target) ? { kind: option === '-g' ? 'goto' : 'jump', chain: target } : null
}

/** `null`: it depends on the packet, or on what is not read here. */
function matches(option: string, value: string, flow: Flow): boolean | null {
  switch (option) {
    case '-p':
      return value === flow.protocol || value === 'all'
    case '--dport':
    case '--dports':
      return includesPort(value, flow.port)
    case '--state':
    case '--ctstate':
      return value.split(',').includes('NEW')
    case '-i':
      if (flow.interface !== null) return namesInterface(value, flow.interface)
      return value === 'lo' ? false : null
    default:
      return null
  }
}

function includesPort(text: string, port: number): boolean {
  return text.split(',').some((part) => {
    const [first, last = first] = part.split(':').map(Number)
    return port >= first! && port <= last!
  })
}
