import { type BirdStatement, readBirdStatements } from '../../../../syntax/bird-statements.ts'
import { type BirdToken, scanBird } from '../../../../syntax/bird-tokens.ts'
import { OperationError } from '../../../../text/operation-error.ts'
import { type ExtraProblem, namesHint, ourNames, secretHint, secretReference } from './problem.ts'

/** Statements that cannot change what the planner writes, as long as they define other names. */
const allowed = new Set(['define', 'function', 'filter', 'attribute', 'protocol', 'template', 'log', 'debug'])
const tableKinds = /^(?:ipv[46]|vpn[46]|roa[46]|flow[46]|eth|mpls|aspa)$/

const otherProtocols =
  'extra may have the protocols static, ospf, rip, babel, radv, kernel, pipe, mrt and bmp; for others use routing: attached'
const protocols = new Set(['static', 'ospf', 'rip', 'babel', 'radv', 'kernel', 'pipe', 'mrt', 'bmp'])
const hints: Readonly<Record<string, string>> = {
  bgp: 'list the session under neighbors; a node with BGP sessions of its own needs routing: attached',
  device: 'leave it out: the planner writes it',
  bfd: 'leave it out: set bfd at the neighbors',
  rpki: 'set rpki in fleet.yaml',
  direct: 'leave it out: with lo it hides the host routes that the node announces',
}

/**
 * The words of the generated bird.conf. From BIRD 2.14 on a configuration can redefine keywords: with
 * `define proto = "anyward4";` an export filter would accept the routes of every protocol.
 */
const reserved = new Set(
  `ROA_INVALID ROA_UNKNOWN ROA_VALID RTD_UNREACHABLE RTS_BGP RTS_INHERIT accept action add all allow any as auth
  bfd bgp bgp_community bgp_ext_community bgp_large_community bgp_local_pref bgp_med bgp_next_hop bgp_path blackhole
  block bug connect customer default define delay delete description dest device direct disable dynamic else empty error expire export
  extended false fatal filter first from function gateway graceful gw hold hop id if igp import in include info interface
  interval ipv4 ipv6 keep keepalive kernel krt_metric last learn len lifetime limit local log master4 master6 max med
  metric min ms multihop multiplier name neighbor net next no none off on out password peer persist pipe port preference
  prefix prepend proto protocol provider ra radv range recursive refresh reject remote retry return ro roa4 roa6 roa_check
  role route router rpki rs_client rs_server rt s scan security self sets skip source static syslog table then time true
  ttl us wait warning vrf where yes`.split(/\s+/),
)

/** What would change the planner's part of a bird.conf, or what BIRD refuses. */
export function findBirdProblems(text: string): ExtraProblem[] {
  let problems: ExtraProblem[] = []
  try {
    const tokens = [...scanBird({ file: '', text })]
    problems = findTokenProblems(tokens)
    for (const statement of readBirdStatements(tokens.values(), () => false)) {
      const problem = judge(statement)
      if (problem !== null) problems.push({ line: statement.place.line, ...problem })
    }
  } catch (cause) {
    if (!(cause instanceof OperationError)) throw cause
    const [, line, words] = /^:(\d+) ([\s\S]*)$/.exec(cause.message) ?? ['', '1', cause.message]
    problems.push({ line: Number(line), message: words!, hint: 'BIRD refuses it too: check it with bird -p' })
  }
  return problems
}

function findTokenProblems(tokens: readonly BirdToken[]): ExtraProblem[] {
  return tokens.flatMap(({ kind, text, line }, index): ExtraProblem[] => {
    if (kind === 'word' && text === 'include') {
      return [{ line, message: 'includes another file', hint: 'list each file under extra' }]
    }
    if (kind !== 'punctuation' && !secretReference.test(text) && ourNames.test(text)) {
      return [{ line, message: `has the name ${text}`, hint: namesHint }]
    }
    const next = tokens[index + 1]
    const isSecret = kind === 'word' && /^(?:password|secret)$/.test(text) && next?.kind !== 'punctuation'
    if (isSecret && !(next?.kind === 'string' && secretReference.test(next.text))) {
      return [{ line, message: `has a ${text} in clear text`, hint: secretHint }]
    }
    return []
  })
}

function judge({ tokens, hasBlock }: BirdStatement): { message: string; hint: string } | null {
  const words = tokens.map(({ text }) => text)
  const [first = '', second = ''] = words
  if (first === '') {
    return hasBlock ? { message: 'has a block that belongs to nothing', hint: 'check it with bird -p' } : null
  }
  const tableAt = tableKinds.test(first) ? words.indexOf('table') : first === 'table' ? 0 : -1
  if (!allowed.has(first) && tableAt === -1) {
    return {
      message: `has ${first} ${second}`.trimEnd(),
      hint: `extra may have ${[...allowed].join(', ')} and tables; the planner writes the rest`,
    }
  }
  const isProtocol = first === 'protocol' || first === 'template'
  if (isProtocol && !protocols.has(second)) {
    return { message: `has ${first} ${second}`, hint: hints[second] ?? otherProtocols }
  }
  const taken = definedNames(words, tableAt).find((name) => reserved.has(name))
  if (taken === undefined) return null
  return {
    message: `defines ${taken}, a word of the generated configuration`,
    hint: 'choose another name: newer BIRDs accept it, and read the planner’s filters with your meaning',
  }
}

function definedNames(words: readonly string[], tableAt: number): readonly string[] {
  if (tableAt !== -1) return words.slice(tableAt + 1, tableAt + 2)
  const [first] = words
  if (first === 'protocol' || first === 'template') {
    return words.slice(2).filter((word) => !/^(?:v[23]|from)$/.test(word))
  }
  if (first === 'attribute') return words.slice(1)
  return first === 'log' || first === 'debug' ? [] : words.slice(1, 2)
}
