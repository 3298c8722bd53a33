import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { listNext } from '../../../../src/cli/design/init/print.ts'
import { noAnswers } from '../../../../src/plan/init/answers.ts'

const lines = listNext(
  {
    ...noAnswers,
    ...{ site: 'fra1', node: 'fra1-a', interface: 'wg0', probeAddress: '10.80.255.254', daemon: 'bird' },
    anycast: ['192.0.2.1', '2001:db8::1/128'],
  },
  'sites',
)

test('the steps of init put the anycast addresses on lo', () => {
  expect(lines).toContain('  ip addr replace 192.0.2.1/32 dev lo')
  expect(lines).toContain('  ip addr replace 2001:db8::1/128 dev lo')
})

test('they name the section on the permanent form of the addresses, which exists', () => {
  const [, title] = /docs\/running\.md, “(.*)”/.exec(lines.join('\n')) ?? []
  expect(readFileSync('docs/running.md', 'utf8')).toContain(`\n### ${title}\n`)
})
