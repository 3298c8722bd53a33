import { readFileSync } from 'node:fs'
import { afterEach, expect, test, vi } from 'vitest'
import { listNext, printLeft } from '../../../../src/cli/design/init/print.ts'
import { noAnswers } from '../../../../src/plan/init/answers.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

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

test('what is not taken over from a configuration can stay there: with routing: attached', () => {
  const written: string[] = []
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => written.push(String(text)) > 0)
  const reason = 'a filter: write it as relax, tighten or communities'
  printLeft('bird.conf', [{ file: 'bird.conf', line: 6, text: 'filter f { … }', reason }])
  expect(written.join('')).toMatch(new RegExp(`${reason}\\n.*routing: attached.*\\n.*docs/attached.md`))
})
