import type { Family } from '../../net/prefix.ts'
import { formatRange, orLonger, type PrefixRange } from '../../net/prefix-range.ts'
import { once } from '../policy/once.ts'
import type { Condition, Rule } from '../policy/policy.ts'
import { everything } from '../policy/shared-rules.ts'

/** The rest of a list's lines after its sequence number, by the command that makes such a list. */
export interface FrrList {
  readonly command: string
  readonly entries: readonly string[]
}

/**
 * bgpd 8.4 compares each entry of a prefix-list with all others of its list: it reads 2,400 in half a minute, and 24
 * lists of 100 in two seconds. FRR 10.3 reads both in less than one.
 */
const longestList = 100

/** The first word of a family's prefix commands. */
export const commands: Readonly<Record<Family, string>> = { ipv4: 'ip', ipv6: 'ipv6' }

type PrefixCondition = Extract<Condition, { in: unknown }>

export function isPrefixCondition(condition: Condition): condition is PrefixCondition {
  return condition.type === 'prefix' || condition.type === 'prefix-not'
}

/** An entry of a rule: the routes that it matches are excepted, and go on with the next rule, or are those of the rule. */
interface Part {
  readonly goesOn: boolean
  readonly match: readonly Condition[]
}

/** A rule in one part, or in several if its list of prefixes would be a long one. */
export const divideRule = once((rule: Rule): readonly Part[] => {
  const { match } = rule
  const prefixesOf = (type: PrefixCondition['type']) =>
    match.filter(isPrefixCondition).flatMap((condition) => (condition.type === type ? condition.in : []))
  const excepted = chunk(prefixesOf('prefix-not'))
  const rest = excepted.length > 1 ? match.filter(({ type }) => type !== 'prefix-not') : match
  // A change would be made twice to a route that is in two parts.
  const meant = rule.action.type === 'reject' ? chunk(prefixesOf('prefix')) : []
  const others = rest.filter(({ type }) => type !== 'prefix')
  return [
    ...(excepted.length > 1
      ? excepted.map((part): Part => ({ goesOn: true, match: [{ type: 'prefix', in: part }] }))
      : []),
    ...(meant.length > 1
      ? meant.map((part): Part => ({ goesOn: false, match: [...others, { type: 'prefix', in: part }] }))
      : [{ goesOn: false, match: rest }]),
  ]
})

function chunk(ranges: readonly PrefixRange[]): (readonly PrefixRange[])[] {
  const count = Math.ceil(ranges.length / longestList)
  return Array.from({ length: count }, (_, part) =>
    ranges.slice(part * longestList, (part + 1) * longestList),
  )
}

/** The exceptions of a rule come first and are denied by the list, so that the list permits the routes that the rule matches. */
function prefixList(family: Family, conditions: readonly PrefixCondition[]): FrrList {
  const excepted = conditions.filter(({ type }) => type === 'prefix-not').flatMap((condition) => condition.in)
  const meant = conditions.filter(({ type }) => type === 'prefix').flatMap((condition) => condition.in)
  const rest = conditions.some(({ type }) => type === 'prefix') ? meant : [orLonger(everything[family])]
  const entries = [
    ...excepted.map((range) => `deny ${formatRange(range)}`),
    ...rest.map((range) => `permit ${formatRange(range)}`),
  ]
  return {
    command: `${commands[family]} prefix-list`,
    // FRR has no lists without entries, and a match with a missing list matches everything.
    entries: entries.length > 0 ? entries : [`deny ${formatRange(orLonger(everything[family]))}`],
  }
}

export const prefixListOf = {
  ipv4: once((conditions: readonly PrefixCondition[]) => prefixList('ipv4', conditions)),
  ipv6: once((conditions: readonly PrefixCondition[]) => prefixList('ipv6', conditions)),
}
