import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

type Entry = readonly string[] | { readonly refused: string; readonly test: string }
interface Feature {
  readonly feature: string
  readonly bird?: Entry
  readonly frr?: Entry
}
type Counts = { readonly passed: number; readonly failed: number }
type Results = Record<'bird' | 'frr', Record<string, Record<string, Counts & { readonly date: string }>>>
type Reduced = Record<'bird' | 'frr', Map<string, Counts>>

const script = fileURLToPath(new URL('../../../scripts/versions/versions.mjs', import.meta.url))
const versions = (await import(script)) as {
  readonly paths: { readonly page: URL }
  readonly readFeatures: () => Feature[]
  readonly readResults: () => Results
  readonly writePage: (features: readonly Feature[], results: Results) => string
  readonly reduceReports: (
    features: readonly Feature[],
    reports: readonly object[],
  ) => { reduced: Reduced; unmatched: string[] }
  readonly addResults: (
    features: readonly Feature[],
    results: Results,
    versions: Record<'bird' | 'frr', string>,
    reduced: Reduced,
    date: string,
  ) => Results
}
const { reduceReports, addResults, writePage } = versions
const table = versions.readFeatures()
const recorded = versions.readResults()
const proofsOf = ({ bird, frr }: Feature) =>
  [bird, frr].flatMap((entry) => (Array.isArray(entry) ? (entry as string[]) : []))

describe('docs/versions.md', () => {
  test('is what the recorded results of the tests say', () => {
    expect(readFileSync(versions.paths.page, 'utf8')).toBe(writePage(table, recorded))
  })

  test.each(table.map((feature) => [feature.feature, feature] as const))(
    '%s: names tests that exist',
    (_, feature) => {
      const refusals = [feature.bird, feature.frr].flatMap((entry) =>
        entry && 'test' in entry ? [entry.test] : [],
      )
      for (const proof of [...proofsOf(feature), ...refusals]) {
        const [file, pattern] = proof.split(' -t ')
        expect(existsSync(file!), file).toBe(true)
        expect(() => new RegExp(pattern ?? '')).not.toThrow()
      }
      expect([...proofsOf(feature), ...refusals]).not.toEqual([])
    },
  )

  test('has no result of a test that is not in the table', () => {
    for (const kind of ['bird', 'frr'] as const) {
      const known = table.flatMap((feature) => proofsOf({ feature: '', [kind]: feature[kind] }))
      const results = Object.values(recorded[kind]).flatMap((of) => Object.keys(of))
      expect(results.filter((proof) => !known.includes(proof))).toEqual([])
    }
  })
})

describe('a feature is proven', () => {
  const features: Feature[] = [
    { feature: 'bgp', bird: ['a.test.ts -t ^bird ', 'b.test.ts'], frr: ['a.test.ts -t ^frr '] },
    { feature: 'vrf', bird: { refused: 'BIRD has none', test: 'c.test.ts' } },
  ]
  const report = (file: string, tests: Readonly<Record<string, string>>, status = 'passed') => ({
    testResults: [
      {
        name: `${process.cwd()}/${file}`,
        status,
        assertionResults: Object.entries(tests).map(([fullName, of]) => ({ fullName, status: of })),
      },
    ],
  })
  const rows = (...reports: object[]) => {
    const { reduced } = reduceReports(features, reports)
    const results = addResults(
      features,
      { bird: { '2.0': {} }, frr: {} },
      { bird: '2.0', frr: '8.4' },
      reduced,
      '2026-01-02',
    )
    return writePage(features, results)
      .split('\n')
      .filter((line) => /^\| (?:bgp|vrf|oldest| {1,2})/.test(line))
  }
  const good = report('a.test.ts', {
    'bird goes up': 'passed',
    'bird goes down': 'passed',
    'frr goes up': 'passed',
  })

  test('when all its tests have passed', () => {
    expect(rows(good, report('b.test.ts', { 'it works': 'passed' }))).toEqual([
      '|  | BIRD 2.0 | FRR 8.4 |',
      '| bgp | proven (3) | proven (1) |',
      '| vrf | refused | not there |',
      '| oldest of these runs | 2026-01-02 | 2026-01-02 |',
    ])
  })

  test.each([
    ['one of its files did not run', [good], 'not run'],
    ['a test failed', [good, report('b.test.ts', { 'it works': 'failed' }, 'failed')], '**fails**'],
    ['a file failed as a whole', [good, report('b.test.ts', {}, 'failed')], '**fails**'],
    [
      'a test was skipped',
      [good, report('b.test.ts', { 'it works': 'passed', 'it lasts': 'skipped' })],
      'not run',
    ],
    [
      'no test has that name',
      [report('a.test.ts', { 'BIRD goes up': 'passed' }), report('b.test.ts', { 'it works': 'passed' })],
      'not run',
    ],
  ])('not when %s', (_, reports, cell) => {
    expect(rows(...reports)[1]!.split(/ \|(?: |$)/)[1]).toBe(cell)
  })

  test('a later run replaces the result of the same version only', () => {
    const { reduced } = reduceReports(features, [report('b.test.ts', { 'it works': 'failed' }, 'failed')])
    const before = { passed: 1, failed: 0, date: '2026-01-01' }
    const results = {
      bird: { '2.0': { 'b.test.ts': before }, '3.1': { 'b.test.ts': before, 'gone.test.ts': before } },
      frr: {},
    }
    expect(addResults(features, results, { bird: '2.0', frr: '8.4' }, reduced, '2026-01-02').bird).toEqual({
      '2.0': { 'b.test.ts': { passed: 0, failed: 1, date: '2026-01-02' } },
      '3.1': { 'b.test.ts': before },
    })
  })

  test('a name without a test is reported', () => {
    expect(reduceReports(features, [report('a.test.ts', { 'bird goes up': 'passed' })]).unmatched).toEqual([
      'a.test.ts -t ^frr ',
    ])
  })
})
