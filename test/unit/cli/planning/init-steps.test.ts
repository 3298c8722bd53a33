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
    port: '51820',
    anycast: ['192.0.2.1', '2001:db8::1/128'],
    neighbors: [
      { kind: 'ibgp', address: '10.0.0.2' },
      { kind: 'route-server', address: '10.9.0.1', multihop: 2 },
      { kind: 'transit', address: '10.1.1.1' },
    ].map((values) => ({ values, comments: {}, source: null })),
  },
  'sites',
)

test('the steps of init put the anycast addresses on lo', () => {
  expect(lines).toContain('  ip addr replace 192.0.2.1/32 dev lo')
  expect(lines).toContain('  ip addr replace 2001:db8::1/128 dev lo')
})

test('they name the sections on the return path and the permanent form, which exist', () => {
  const titles = [...lines.join('\n').matchAll(/docs\/running\.md, “(.*)”/g)].map(([, title]) => title)
  expect(titles).toEqual(['The return path', 'Make it permanent'])
  const text = readFileSync('docs/running.md', 'utf8')
  for (const title of titles) expect(text).toContain(`\n### ${title}\n`)
})

test('what is not taken over from a configuration can stay there: with routing: attached', () => {
  const written: string[] = []
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => written.push(String(text)) > 0)
  const reason = 'a filter: write it as relax, tighten or communities'
  printLeft('bird.conf', [{ file: 'bird.conf', line: 6, text: 'filter f { … }', reason }])
  expect(written.join('')).toMatch(new RegExp(`${reason}\\n.*routing: attached.*\\n.*docs/attached.md`))
})
