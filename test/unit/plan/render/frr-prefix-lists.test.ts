import { expect, test } from 'vitest'
import { type PrefixRange, parseRange } from '../../../../src/net/prefix-range.ts'
import type { SessionPlan } from '../../../../src/plan/compile/plan.ts'
import type { Policy, Rule } from '../../../../src/plan/policy/policy.ts'
import type { FrrList } from '../../../../src/plan/render/frr-prefix-lists.ts'
import { frrEntries } from '../../../../src/plan/render/frr-rules.ts'
import { collectLists, joinForFrr } from '../../../../src/plan/render/rule-lists.ts'

const ranges = (count: number) =>
  Array.from({ length: count }, (_, index) => {
    const parsed = parseRange(`10.${Math.floor(index / 256)}.${index % 256}.0/24`)
    if (!parsed.ok) throw new Error(parsed.problem)
    return parsed.value
  })
const reject = (id: string, match: Rule['match']) =>
  ({ id, of: null, why: id, native: false, match, action: { type: 'reject' } }) as unknown as Rule

/** The entries of a route-map with these rules, a line each, and its lists by name. */
function render(...rules: Rule[]) {
  const policy = { family: 'ipv4', nodeAsn: 64500, ourAsn: 64500, rules } as unknown as Policy
  const session = { symbol: 'peer', channels: [{ import: policy, export: policy }] } as unknown as SessionPlan
  const lists = collectLists<FrrList>([session], joinForFrr)
  const entries = frrEntries(session, policy, lists, false).map(
    ({ action, seq, settings }) => `${action} ${seq}: ${settings.replaceAll('\n ', '; ')}`,
  )
  return { entries, lists: new Map(lists.all.map(({ name, content }) => [name, content.entries])) }
}
const last = reject('last', [])
const except = (prefixes: readonly PrefixRange[]) => reject('irr', [{ type: 'prefix-not', in: prefixes }])
const among = (prefixes: readonly PrefixRange[]) =>
  reject('denied-prefix', [{ type: 'prefix', in: prefixes }])

test('a list of 100 exceptions is one list', () => {
  const { entries, lists } = render(except(ranges(100)), last)
  expect(entries).toEqual([
    'deny 10: description irr; match ip address prefix-list aw-irr-4',
    'deny 20: description last',
  ])
  expect(lists.get('aw-irr-4')).toHaveLength(101)
})

test('routes in a part of 250 exceptions go on with the next rule, and all others are refused', () => {
  const { entries, lists } = render(except(ranges(250)), last)
  expect(entries).toEqual([
    'permit 10: description irr; match ip address prefix-list aw-irr-4-1; on-match goto 20',
    'permit 11: description irr; match ip address prefix-list aw-irr-4-2; on-match goto 20',
    'permit 12: description irr; match ip address prefix-list aw-irr-4-3; on-match goto 20',
    'deny 13: description irr',
    'deny 20: description last',
  ])
  expect([...lists.values()].flat()).toEqual(ranges(250).map(({ prefix }) => `permit ${prefix}`))
})

test('the next rule comes after the last part, however many there are', () => {
  const { entries } = render(except(ranges(1_000)), last)
  expect(entries.slice(-3)).toEqual([
    'permit 19: description irr; match ip address prefix-list aw-irr-4-10; on-match goto 30',
    'deny 20: description irr',
    'deny 30: description last',
  ])
})

test('150 refused prefixes are two lists, which both refuse', () => {
  expect(render(among(ranges(150)), last).entries).toEqual([
    'deny 10: description denied-prefix; match ip address prefix-list aw-denied-prefix-4-1',
    'deny 11: description denied-prefix; match ip address prefix-list aw-denied-prefix-4-2',
    'deny 20: description last',
  ])
})

test('exceptions of refused prefixes hold for each of their lists', () => {
  const [exception, ...others] = ranges(151)
  const rule = reject('bogon-prefix', [
    { type: 'prefix-not', in: [exception!] },
    { type: 'prefix', in: others },
  ])
  const { entries, lists } = render(rule, last)
  expect(entries.map((entry) => entry.split(':')[0])).toEqual(['deny 10', 'deny 11', 'deny 20'])
  expect([...lists.values()].map(([first]) => first)).toEqual(Array(2).fill(`deny ${exception!.prefix}`))
})
