import { expect, test } from 'vitest'
import { compilePlan } from '../../../../src/plan/compile/compile-plan.ts'
import { debianLayout } from '../../../../src/plan/compile/layout.ts'
import { parseFleet } from '../../../../src/plan/sites/parse.ts'
import { base } from '../../../invalid/base.ts'

/** The notices about AS_SETs, of a node with one more neighbor. */
function noticesOf(daemon: 'bird' | 'frr', fields: string): string[] {
  const neighbor = `{ name: n, kind: transit, asn: 64601, address: 10.1.1.9, ${fields} }`
  const site = base['fra1.yaml']!.replace(/daemon: \w+/, `daemon: ${daemon}`).replace(
    'neighbors:\n',
    `neighbors:\n      - ${neighbor}\n`,
  )
  const { fleet, issues } = parseFleet([
    { name: 'fleet.yaml', text: base['fleet.yaml']! },
    { name: 'fra1.yaml', text: site },
  ])
  if (fleet === null) throw new Error(JSON.stringify(issues))
  const { notices } = compilePlan(fleet, (_site, node) => debianLayout(fleet, node))
  return notices.flatMap(({ neighbor: name, message }) =>
    name === 'n' && message.includes('ends in an AS_SET') ? [message] : [],
  )
}

test('FRR does not see that a route with an AS_SET at its end is invalid: a notice where such routes are taken', () => {
  expect(noticesOf('frr', 'import: full, relax: [as-set]')).toEqual([
    'FRR counts a route whose path ends in an AS_SET as not found, not as invalid (RFC 6811, section 2): rpki-invalid does not refuse it',
  ])
})

test.each([
  ['BIRD sees it', 'bird', 'import: full, relax: [as-set]'],
  ['AS_SETs are refused', 'frr', 'import: full'],
  ['not found is refused too', 'frr', 'import: full, relax: [as-set], tighten: { notFound: reject }'],
  ['the rule is relaxed itself', 'frr', 'import: full, relax: [as-set, rpki-invalid]'],
] as const)('no notice where %s', (_why, daemon, fields) => {
  expect(noticesOf(daemon, fields)).toEqual([])
})
