import { readFileSync } from 'node:fs'
import { relative } from 'node:path'

/**
 * @typedef {{ passed: number, failed: number, skipped: number, skippedNames: string[], problems: string[],
 *   failures: { file: string, name: string, message: string }[] }} Tally
 *   `problems`: what went wrong beside the failed tests, one entry for each problem.
 */

/**
 * A run that did not end by itself: one problem, whatever part of it is missing.
 *
 * @param {string} name of the run
 * @param {string} interruption what ended it, in words
 * @param {boolean} begun
 * @returns {Tally}
 */
export function unfinished(name, interruption, begun) {
  return emptyTally([`${name}: ${begun ? 'not finished' : 'not started'}: ${interruption}`])
}

/**
 * Of a run without a report: the tests that had passed, as passed-reporter.mjs wrote them.
 *
 * @param {string} path of the report
 */
export function countPassed(path) {
  try {
    return readFileSync(`${path}.passed`, 'utf8').split('\n').length - 1
  } catch {
    return 0
  }
}

/**
 * After Ctrl-C the files that did not run are one failure together. After the time limit each is one, with its name.
 *
 * @param {string[]} problems
 * @param {string} signal
 */
export function joinUnfinished(problems, signal) {
  const [begun, waiting] = ['finished', 'started'].map((word) => `: not ${word}: ${signal}`)
  const rest = problems.filter((problem) => !problem.endsWith(begun) && !problem.endsWith(waiting))
  const count = (end) => problems.filter((problem) => problem.endsWith(end)).length
  if (rest.length === problems.length) return problems
  return [...rest, `ended by ${signal}; runs not finished: ${count(begun)}, not started: ${count(waiting)}`]
}

/**
 * Counts the tests of one vitest run from its JSON report. A run without a report is a failure.
 *
 * @param {string} name of the run, for the problems
 * @param {string} path of the report
 * @param {string | null} exit how the process ended, null for exit code 0
 * @returns {Tally}
 */
export function readReport(name, path, exit) {
  let text
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    return emptyTally([`${name} ended (${exit ?? 'exit code 0'}) without a report of its tests`])
  }
  return tallyReport(name, text, exit)
}

/**
 * @param {string} name
 * @param {string} text
 * @param {string | null} exit
 * @returns {Tally}
 */
export function tallyReport(name, text, exit) {
  let report
  try {
    report = JSON.parse(text)
  } catch {
    report = null
  }
  if (!Array.isArray(report?.testResults))
    return emptyTally([`${name} left an unreadable report of its tests`])
  const tally = emptyTally([])
  for (const file of report.testResults) {
    const failedBefore = tally.failed
    const skipped = []
    for (const test of file.assertionResults) {
      if (test.status === 'passed') tally.passed += 1
      else if (test.status === 'failed') {
        tally.failed += 1
        const message = test.failureMessages?.join('\n') ?? ''
        tally.failures.push({ file: relative('', file.name), name: test.fullName, message })
      } else {
        skipped.push(`${file.name}: ${test.fullName}`)
      }
    }
    tally.skipped += skipped.length
    // A file that does not even load, or a hook that fails, has no failed test of its own.
    if (file.status === 'failed' && tally.failed === failedBefore)
      tally.problems.push(`${file.name} failed as a whole${file.message ? `: ${file.message}` : ''}`)
    else tally.skippedNames.push(...skipped)
  }
  if (tally.passed + tally.failed + tally.skipped === 0) tally.problems.push(`${name} ran no test`)
  if (exit !== null && tally.failed === 0 && tally.problems.length === 0) {
    tally.problems.push(`${name} ended with ${exit} although no test failed`)
  }
  return tally
}

/**
 * @param {Tally[]} tallies
 * @returns {Tally}
 */
export function addTallies(tallies) {
  const total = emptyTally([])
  for (const tally of tallies) {
    total.passed += tally.passed
    total.failed += tally.failed
    total.skipped += tally.skipped
    total.skippedNames.push(...tally.skippedNames)
    total.problems.push(...tally.problems)
    total.failures.push(...tally.failures)
  }
  return total
}

/**
 * @param {string[]} problems
 * @returns {Tally}
 */
function emptyTally(problems) {
  return { passed: 0, failed: 0, skipped: 0, skippedNames: [], problems, failures: [] }
}
