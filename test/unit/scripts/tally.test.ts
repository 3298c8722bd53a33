import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'

interface Tally {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  readonly skippedNames: readonly string[]
  readonly problems: readonly string[]
  readonly failures: readonly { readonly file: string; readonly name: string; readonly message: string }[]
}

const reporter = fileURLToPath(new URL('../../../scripts/testing/passed-reporter.mjs', import.meta.url))
const script = fileURLToPath(new URL('../../../scripts/testing/tally.mjs', import.meta.url))
const { tallyReport, readReport, unfinished, joinUnfinished, countPassed } = (await import(script)) as {
  readonly unfinished: (name: string, interruption: string, begun: boolean) => Tally
  readonly joinUnfinished: (problems: readonly string[], signal: string) => string[]
  readonly countPassed: (path: string) => number
  readonly tallyReport: (name: string, text: string, exit: string | null) => Tally
  readonly readReport: (name: string, path: string, exit: string | null) => Tally
}

function reportOf(...statuses: readonly string[]): string {
  const assertionResults = statuses.map((status, index) => ({ status, fullName: `test ${index}` }))
  return JSON.stringify({ testResults: [{ name: 'a.test.ts', status: 'passed', assertionResults }] })
}

test('passed, failed and skipped tests are counted, and skipped ones are named', () => {
  expect(
    tallyReport('unit', reportOf('passed', 'passed', 'failed', 'skipped', 'todo'), 'exit code 1'),
  ).toEqual({
    passed: 2,
    failed: 1,
    skipped: 2,
    skippedNames: ['a.test.ts: test 3', 'a.test.ts: test 4'],
    problems: [],
    failures: [{ file: 'a.test.ts', name: 'test 2', message: '' }],
  })
})

test('file, name and message of a failed test are kept for the end of the log', () => {
  const failed = { status: 'failed', fullName: 'it works', failureMessages: ['Error: it does not'] }
  const file = { name: `${process.cwd()}/test/a.test.ts`, status: 'failed', assertionResults: [failed] }
  expect(tallyReport('unit', JSON.stringify({ testResults: [file] }), 'exit code 1').failures).toEqual([
    { file: 'test/a.test.ts', name: 'it works', message: 'Error: it does not' },
  ])
})

test('a run without a report is a problem, also after exit code 0', () => {
  expect(readReport('unit', '/nonexistent/report.json', null).problems).toEqual([
    'unit ended (exit code 0) without a report of its tests',
  ])
})

test.each(['', '{"testResults"', 'null', '{}'])('an unreadable report is a problem: %j', (text) => {
  expect(tallyReport('unit', text, null).problems).toEqual(['unit left an unreadable report of its tests'])
})

test('a run without a test is a problem', () => {
  expect(tallyReport('unit', '{"testResults":[]}', null).problems).toEqual(['unit ran no test'])
})

test('a file that does not load is a problem although it has no failed test', () => {
  const message = 'Error: no such module'
  const broken = { name: 'b.test.ts', status: 'failed', assertionResults: [], message }
  const fine = {
    name: 'a.test.ts',
    status: 'passed',
    assertionResults: [{ status: 'passed', fullName: 'x' }],
  }
  expect(
    tallyReport('unit', JSON.stringify({ testResults: [broken, fine] }), 'exit code 1').problems,
  ).toEqual(['b.test.ts failed as a whole: Error: no such module'])
})

test('a hook that fails is one problem with its message, not one for each test that did not run', () => {
  const message = 'Error: the bed does not start'
  const assertionResults = ['x', 'y'].map((fullName) => ({ status: 'skipped', fullName }))
  const text = JSON.stringify({
    testResults: [{ name: 'a.test.ts', status: 'failed', assertionResults, message }],
  })
  expect(tallyReport('a', text, 'exit code 1')).toMatchObject({
    ...{ failed: 0, skipped: 2, skippedNames: [] },
    problems: [`a.test.ts failed as a whole: ${message}`],
  })
})

test('an exit code that no test explains is a problem', () => {
  expect(tallyReport('unit', reportOf('passed'), 'SIGSEGV').problems).toEqual([
    'unit ended with SIGSEGV although no test failed',
  ])
})

test('a file that the time limit ended or prevented is one failure', () => {
  const limit = 'the time limit of 80 minutes'
  expect(unfinished('a.test.ts', limit, true)).toMatchObject({
    failed: 0,
    problems: ['a.test.ts: not finished: the time limit of 80 minutes'],
  })
  expect(unfinished('b.test.ts', limit, false).problems).toEqual([
    'b.test.ts: not started: the time limit of 80 minutes',
  ])
})

test('after Ctrl-C the files that did not run are one failure together', () => {
  const problems = ['a', 'b', 'c'].flatMap((name) => unfinished(name, 'SIGINT', name === 'a').problems)
  expect(joinUnfinished(['x ran no test', ...problems], 'SIGINT')).toEqual([
    'x ran no test',
    'ended by SIGINT; runs not finished: 1, not started: 2',
  ])
  expect(joinUnfinished(['x ran no test'], 'SIGINT')).toEqual(['x ran no test'])
})

test('the tests that passed before an interruption are counted', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tally-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const path = join(folder, 'report.json')
  expect(countPassed(path)).toBe(0)
  const { default: Reporter } = await import(reporter)
  const one = new Reporter()
  one.onInit({ config: { outputFile: path } })
  for (const state of ['passed', 'failed', 'passed'])
    one.onTestCaseResult({ fullName: 'a test', result: () => ({ state }) })
  expect(countPassed(path)).toBe(2)
})
