import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { ImportWord, NeighborKind } from '../../src/manifest/words.ts'
import { Community } from '../../src/net/community.ts'
import { parseAddress, parsePrefix } from '../../src/net/prefix.ts'
import { orLonger, type PrefixRange } from '../../src/net/prefix-range.ts'
import { compileExport, compileImport } from '../../src/plan/policy/compile-policy.ts'
import type { Policy } from '../../src/plan/policy/policy.ts'
import { exportRules, importRules } from '../../src/plan/policy/rules.ts'
import { relaxableRules } from '../../src/plan/sites/fleet.ts'
import { inputOf, ipv6 } from '../unit/plan/policy/sample.ts'

const file = join(import.meta.dirname, '../../docs/filters.md')

/** One column for each: a kind with its import, in either family. */
const columns: readonly (readonly [title: string, kind: NeighborKind, taken: ImportWord])[] = [
  ['transit, full', 'transit', 'full'],
  ['transit, default-only', 'transit', 'default-only'],
  ['peer', 'peer', 'full'],
  ['route-server', 'route-server', 'full'],
  ['provider-private, default-only', 'provider-private', 'default-only'],
  ['tor, default-only', 'tor', 'default-only'],
  ['ibgp', 'ibgp', 'own-prefixes'],
]

const localAddress = parseAddress('203.0.114.2')
const range = parsePrefix('1.1.0.0/16')
const ranges = range.ok ? [orLonger(range.value)] : []
const serviceExports = [
  { service: 'vpn', prefixes: range.ok ? [range.value] : [], communities: [new Community([1111, 8])] },
]
const tighten = {
  pathLength: null,
  notFound: 'reject',
  onlyPrefixes: ranges,
  rejectPrefixes: ranges,
  rejectAsns: [3],
} as const

function rulesOf(
  compile: (input: ReturnType<typeof inputOf>) => Policy,
  more: object,
  irr: readonly PrefixRange[] | null = null,
) {
  const isAsked = irr !== null
  return columns.map(([, kind, taken]) => {
    const inputs = [{}, ipv6].map((family) => {
      const address = { localAddress: localAddress.ok ? localAddress.value : null }
      const mayAsk = kind === 'peer' || kind === 'route-server'
      const input = inputOf(kind, { import: taken, ...address, ...more, ...family })
      return {
        ...input,
        irr: mayAsk ? irr : null,
        serviceExports: isAsked ? serviceExports : [],
        otherAsns: isAsked ? [64501] : [],
      }
    })
    return new Set(inputs.flatMap((input) => compile(input).rules.map(({ id }) => id as string)))
  })
}

function table(texts: typeof importRules | typeof exportRules, compile: Parameters<typeof rulesOf>[0]) {
  const always = rulesOf(compile, {})
  const asked = rulesOf(compile, { tighten, prepend: 1, med: 1, localPref: 1 }, ranges)
  const head = ['rule', ...columns.map(([title]) => title), 'why', 'where', '`relax`']
  const relaxable = new Set<string>(relaxableRules)
  const rows = Object.entries(texts).map(([id, [why, source]]) => {
    const cells = columns.map((_, index) => (always[index]!.has(id) ? '●' : asked[index]!.has(id) ? '○' : ''))
    return [`\`${id}\``, ...cells, why, source ?? '', relaxable.has(id) ? 'yes' : '']
  })
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

test('the tables of rules in docs/filters.md match the policies', async () => {
  const text = await readFile(file, 'utf8')
  const begin = '<!-- rules: begin -->\n'
  const end = '<!-- rules: end -->\n'
  const [before, rest] = text.split(begin)
  const after = rest?.split(end)[1]
  expect(after).toBeDefined()
  const tables = [
    '## Import',
    table(importRules, compileImport),
    '## Export',
    table(exportRules, compileExport),
  ].join('\n\n')
  await expect(`${before}${begin}\n${tables}\n\n${end}${after}`).toMatchFileSnapshot(file)
})
