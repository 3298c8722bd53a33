import { type Address, isLinkLocal } from '../../net/prefix.ts'
import { rangeContains } from '../../net/prefix-range.ts'
import type { ValidationState } from '../rpki/validation.ts'
import type { AsnRange, Change, Condition, Policy, Route, Rule, Validate, Verdict } from './policy.ts'

/**
 * The verdict of the policy on a route, and the rule that decides: the meaning that the generated filters of every daemon
 * must have. Throws a `TypeError` if no rule decides, which cannot happen with a compiled policy.
 */
export function evaluate(policy: Policy, route: Route, validate: Validate = findNothing): Verdict {
  const changedBy: Rule[] = []
  let changed = route
  for (const rule of policy.rules) {
    if (!rule.match.every((condition) => holds(condition, changed, policy, validate))) continue
    if (rule.action.type === 'accept') return { verdict: 'accept', rule, changedBy, route: changed }
    if (rule.action.type === 'reject') return { verdict: 'reject', rule, changedBy: [], route }
    const before = changed
    changed = rule.action.changes.reduce(applyChange, changed)
    if (changed !== before) changedBy.push(rule)
  }
  throw new TypeError(`the ${policy.direction} policy of ${policy.kind} has no rule for ${route.prefix}`)
}

const findNothing = (): ValidationState => 'not-found'

function holds(condition: Condition, route: Route, policy: Policy, validate: Validate): boolean {
  switch (condition.type) {
    case 'prefix':
      return condition.in.some((range) => rangeContains(range, route.prefix))
    case 'prefix-not':
      return !condition.in.some((range) => rangeContains(range, route.prefix))
    case 'path-longer':
      return route.asPath.length > condition.than
    case 'path-contains':
      return route.asPath.flat().some((asn) => condition.asns.some((range) => rangeHas(range, asn)))
    case 'path-empty':
      return route.asPath.length === 0
    case 'path-has-set':
      return route.asPath.some((element) => typeof element !== 'number')
    case 'first-asn-not':
      return route.asPath[0] !== condition.asn
    case 'next-hop':
      return route.nextHop?.equals(condition.address) ?? false
    case 'next-hop-not':
      return route.nextHop === null || !route.nextHop.equals(condition.address)
    case 'next-hop-not-link-local':
      return route.nextHop === null || !isOnInterface(route.nextHop, condition.neighbor)
    case 'validation': {
      const state = validate(route.prefix, condition.origin === 'ours' ? policy.ourAsn : originOf(route))
      return condition.state === 'not-found' ? state === 'not-found' : state.startsWith('invalid')
    }
    case 'community':
      return route.communities.some((community) => community.equals(condition.community))
    case 'otc-not':
      return route.otc !== null && route.otc !== condition.asn
    case 'learned':
      return !route.local
    case 'degraded':
      return route.degraded
  }
}

/** Of an unnumbered neighbor any link-local address: its own is not known to the plan. */
function isOnInterface(nextHop: Address, neighbor: Address | null): boolean {
  return neighbor === null ? isLinkLocal(nextHop) : nextHop.equals(neighbor)
}

function rangeHas({ first, last }: AsnRange, asn: number): boolean {
  return asn >= first && asn <= last
}

/** RFC 6811, section 2: the last AS of the path, or none where that is an AS_SET or there is no path. */
function originOf(route: Route): number | null {
  const last = route.asPath.at(-1)
  return typeof last === 'number' ? last : null
}

/** The same object where nothing changes. */
function applyChange(route: Route, change: Change): Route {
  switch (change.type) {
    case 'local-pref':
      return route.localPref === change.value ? route : { ...route, localPref: change.value }
    case 'med':
      return route.med === change.value ? route : { ...route, med: change.value }
    case 'prepend':
      return { ...route, asPath: [...Array<number>(change.times).fill(change.asn), ...route.asPath] }
    case 'add-communities': {
      const added = change.communities.filter(
        (community) => !route.communities.some((present) => present.equals(community)),
      )
      return added.length === 0 ? route : { ...route, communities: [...route.communities, ...added] }
    }
    case 'remove-large-communities': {
      const kept = route.communities.filter(
        (community) => community.type !== 'large' || community.parts[0] !== change.asn,
      )
      return kept.length === route.communities.length ? route : { ...route, communities: kept }
    }
    case 'remove-extended-communities': {
      const kept = route.communities.filter(({ type }) => type !== 'extended')
      return kept.length === route.communities.length ? route : { ...route, communities: kept }
    }
    case 'mark-only-to-customer':
      return route.otc === null ? { ...route, otc: change.asn } : route
  }
}
