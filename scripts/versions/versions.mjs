import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { relative } from 'node:path'

/**
 * @typedef {'bird' | 'frr'} Kind
 * @typedef {{ refused: string, test: string }} Refusal why Anyward refuses it there, and the test that shows it
 * @typedef {{ feature: string, bird?: string[] | Refusal, frr?: string[] | Refusal }} Feature
 *   A list has the tests that prove it, each as vitest's arguments: `FILE` or `FILE -t PATTERN`. Left out: not there.
 * @typedef {{ passed: number, failed: number, date: string }} Result of one of these tests
 * @typedef {Record<Kind, Record<string, Record<string, Result>>>} Results by daemon, version and test
 * @typedef {{ testResults: { name: string, status: string, assertionResults: { fullName: string, status: string }[] }[] }} Report
 */

const folder = new URL('.', import.meta.url)
export const paths = {
  features: new URL('features.json', folder),
  results: new URL('results.json', folder),
  page: new URL('../../docs/versions.md', folder),
}
/** @type {[Kind, string][]} */
const daemons = [
  ['bird', 'BIRD'],
  ['frr', 'FRR'],
]

/** @param {Feature['bird']} entry */
const proofsOf = (entry) => (Array.isArray(entry) ? entry : [])

/**
 * What a run says of each test that proves something. `unmatched`: a file ran, and no test of it has that name.
 *
 * @param {Feature[]} features
 * @param {Report[]} reports
 */
export function reduceReports(features, reports) {
  /** @type {Record<Kind, Map<string, { passed: number, failed: number }>>} */
  const reduced = { bird: new Map(), frr: new Map() }
  /** @type {Set<string>} */
  const unmatched = new Set()
  const files = new Map(
    reports.flatMap(({ testResults }) => testResults).map((file) => [relative('', file.name), file]),
  )
  for (const feature of features) {
    for (const [kind] of daemons) {
      for (const proof of proofsOf(feature[kind])) {
        const [path, pattern] = proof.split(' -t ')
        const file = files.get(path)
        if (file === undefined) continue
        const named = new RegExp(pattern ?? '')
        const tests = file.assertionResults.filter(({ fullName }) => named.test(fullName))
        const count = (status) => tests.filter((test) => test.status === status).length
        const [passed, failed] = [count('passed'), count('failed')]
        // A file that fails as a whole has no failed test of its own.
        const broken =
          file.status === 'failed' && file.assertionResults.every(({ status }) => status !== 'failed')
        if (broken) reduced[kind].set(proof, { passed, failed: failed + 1 })
        else if (tests.length === 0) unmatched.add(proof)
        // Where a part of them was skipped, nothing is proven.
        else if (failed > 0 || passed === tests.length) reduced[kind].set(proof, { passed, failed })
      }
    }
  }
  return { reduced, unmatched: [...unmatched] }
}

/**
 * The results with those of a run, and without those of tests that are not in the table any more.
 *
 * @param {Feature[]} features
 * @param {Results} results
 * @param {Record<Kind, string>} versions of the daemons of the run
 * @param {ReturnType<typeof reduceReports>['reduced']} reduced
 * @param {string} date
 * @returns {Results}
 */
export function addResults(features, results, versions, reduced, date) {
  /** @type {Results} */
  const added = { bird: {}, frr: {} }
  for (const [kind] of daemons) {
    const known = new Set(features.flatMap((feature) => proofsOf(feature[kind])))
    const all = { ...results[kind] }
    const run = Object.fromEntries([...reduced[kind]].map(([proof, counts]) => [proof, { ...counts, date }]))
    if (reduced[kind].size > 0) all[versions[kind]] = { ...all[versions[kind]], ...run }
    for (const version of Object.keys(all).sort(byVersion)) {
      const kept = Object.entries(all[version]).filter(([proof]) => known.has(proof))
      added[kind][version] = Object.fromEntries(kept.sort(([a], [b]) => (a < b ? -1 : 1)))
    }
  }
  return added
}

/**
 * @param {Feature[]} features
 * @param {Results} results
 */
export function writePage(features, results) {
  const columns = daemons.flatMap(([kind, name]) =>
    Object.keys(results[kind]).map((version) => ({ kind, name, version, of: results[kind][version] })),
  )
  const row = (cells) => `| ${cells.join(' | ')} |`
  const dateOf = ({ of }) =>
    Object.values(of)
      .map(({ date }) => date)
      .sort(byVersion)[0] ?? 'never'
  const refusals = features.flatMap((feature) =>
    daemons.flatMap(([kind, name]) =>
      feature[kind]?.refused === undefined
        ? []
        : [`- ${feature.feature}, on ${name}: ${feature[kind].refused}`],
    ),
  )
  return `# What is proven with which version

Written by \`scripts/test --record\`, also with \`--debian 13\` and \`--bird 3\`, from the reports of its tests; do not edit it.
[scripts/versions/features.json](../scripts/versions/features.json) has the tests of each feature.

- **proven**: all its tests passed with this version. The number is that of the tests.
- **refused**: \`anyward validate\` refuses it for this daemon${refusals.length === 0 ? '' : '; the reasons are below'}.
- **not there**: Anyward does not have it for this daemon.
- **fails**, **not run**: the last recorded run of one of its tests failed, or there was none.

${row(['', ...columns.map(({ name, version }) => `${name} ${version}`)])}
${row(['---', ...columns.map(() => '---')])}
${features.map((feature) => row([feature.feature, ...columns.map((column) => cell(feature[column.kind], column.of))])).join('\n')}
${row(['oldest of these runs', ...columns.map(dateOf)])}
${refusals.length === 0 ? '' : `\n${refusals.join('\n')}\n`}
Not on this page: what \`scripts/test --kernel\` tests, above all the kernel's WireGuard, and neighbors in a VRF:
\`test/kernel/vrf-session.test.ts\`, \`vrf-lab.test.ts\` and \`vrf-proof.test.ts\`.
How the daemons differ between their versions: [daemons.md](daemons.md).
`
}

/**
 * @param {Feature['bird']} entry
 * @param {Record<string, Result>} results
 */
function cell(entry, results) {
  if (entry === undefined) return 'not there'
  if (!Array.isArray(entry)) return 'refused'
  const found = entry.map((proof) => results[proof])
  if (found.some((result) => result?.failed > 0)) return '**fails**'
  if (found.some((result) => result === undefined || result.passed === 0)) return 'not run'
  return `proven (${found.reduce((sum, { passed }) => sum + passed, 0)})`
}

/** @returns {Feature[]} */
export const readFeatures = () => JSON.parse(readFileSync(paths.features, 'utf8'))

/** @returns {Results} */
export const readResults = () => JSON.parse(readFileSync(paths.results, 'utf8'))

/**
 * Writes the results of a run, and the page.
 *
 * @param {Feature[]} features
 * @param {ReturnType<typeof reduceReports>['reduced']} reduced
 * @param {string[]} enter the words before a command that runs where the tests ran
 */
export function recordRun(features, reduced, enter) {
  const versions = { bird: versionOf([...enter, 'bird']), frr: versionOf([...enter, '/usr/lib/frr/bgpd']) }
  const date = new Date().toISOString().slice(0, 10)
  const results = addResults(features, readResults(), versions, reduced, date)
  writeFileSync(paths.results, `${JSON.stringify(results, null, 2)}\n`)
  writeFileSync(paths.page, writePage(features, results))
}

/** @param {string[]} argv */
function versionOf([file, ...words]) {
  const { stdout, stderr } = spawnSync(file, [...words, '--version'], { encoding: 'utf8' })
  const version = /^(?:BIRD|bgpd) version (\d+(?:\.\d+)+)/m.exec(`${stdout}\n${stderr}`)?.[1]
  if (version === undefined) throw new Error(`${[file, ...words].join(' ')} --version prints no version`)
  return version
}

/** @param {string} a @param {string} b */
function byVersion(a, b) {
  return a.localeCompare(b, 'en', { numeric: true })
}
