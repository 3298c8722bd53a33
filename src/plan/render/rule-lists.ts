import { policiesOf, type SessionPlan } from '../compile/plan.ts'
import type { Condition, Policy, Rule } from '../policy/policy.ts'

/**
 * Names the lists that rules refer to. A list that is the same in all sessions of a family is written once per node;
 * if one session differs, each has its own.
 */
export interface RuleLists<T> {
  /**
   * The name of that rule's list, which is created at the first call. Lists of another kind may share it; a rule with
   * several lists of one kind numbers them.
   */
  name(
    session: SessionPlan,
    policy: Policy,
    rule: Rule,
    content: T,
    sort?: string,
    part?: number | null,
  ): string
  /** In the order of their first use. */
  readonly all: readonly NamedList<T>[]
}

interface NamedList<T> {
  readonly name: string
  readonly content: T
}

/** The names of lists in BIRD. */
export const joinForBird = (...parts: readonly string[]) => parts.join('_').replaceAll('-', '_').toUpperCase()
/** The names of lists in FRR. */
export const joinForFrr = (...parts: readonly string[]) => parts.join('-')

/** `join` composes a name from its parts. */
export function collectLists<T>(
  sessions: readonly SessionPlan[],
  join: (...parts: readonly string[]) => string,
): RuleLists<T> {
  const differing = findDiffering(sessions)
  const byName = new Map<string, NamedList<T>>()
  return {
    name(session, policy, rule, content, sort = '', part = null) {
      const key = ruleKey(policy, rule)
      const words = differing.has(key)
        ? [session.symbol, ...(session.channels.length > 1 ? [digitOf(policy)] : []), stemOf(rule)]
        : ['aw', ...key.split(' ')]
      const name = join(...words, ...(part === null ? [] : [String(part)]))
      const place = `${sort} ${name}`
      if (!byName.has(place)) byName.set(place, { name, content })
      return name
    },
    get all() {
      return [...byName.values()]
    },
  }
}

/** Rules that are not the same wherever they appear. */
function findDiffering(sessions: readonly SessionPlan[]): ReadonlySet<string> {
  const first = new Map<string, Rule>()
  const differing = new Set<string>()
  for (const session of sessions) {
    for (const policy of policiesOf(session)) {
      for (const rule of policy.rules) {
        const key = ruleKey(policy, rule)
        const known = first.get(key)
        if (known === undefined) first.set(key, rule)
        else if (known !== rule && !differing.has(key) && !isSame(known, rule)) differing.add(key)
      }
    }
  }
  return differing
}

function isSame(one: Rule, other: Rule): boolean {
  return (
    (one.match === other.match || JSON.stringify(one.match) === JSON.stringify(other.match)) &&
    (one.action === other.action || JSON.stringify(one.action) === JSON.stringify(other.action))
  )
}

/** Paths and communities are the same in both families. */
function ruleKey(policy: Policy, rule: Rule): string {
  const stem = stemOf(rule)
  return rule.match.some(({ type }) => ofOneFamily.has(type)) ? `${stem} ${digitOf(policy)}` : stem
}

function stemOf({ id, of }: Rule): string {
  return of === null ? id : `${id}-${of}`
}

function digitOf({ family }: Policy): string {
  return family === 'ipv4' ? '4' : '6'
}

const ofOneFamily: ReadonlySet<Condition['type']> = new Set([
  'prefix',
  'prefix-not',
  'next-hop-not',
  'next-hop-not-link-local',
])
