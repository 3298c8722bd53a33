import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findLeftovers, inspectMachine } from './test-leftovers.mjs'
import { addTallies, readReport } from './test-tally.mjs'

const RUN_LIMIT_MS = 20 * 60_000
const vitestArguments = process.argv.slice(2)
const reports = mkdtempSync(join(tmpdir(), 'anyward-test-'))
const run = { id: randomUUID(), startedAtMs: Date.now(), interrupted: null }
// Every process that a test starts inherits the mark, also a daemon that forks away from its parent.
const environment = { ...process.env, ANYWARD_TEST_RUN: run.id }
if (!process.stdout.isTTY) {
  // Biome and vitest color a log under CI, where nobody sees colors. With both set, Node warns in every process.
  delete environment.FORCE_COLOR
  environment.NO_COLOR = '1'
}

const before = inspectMachine(run.id)
const tallies = []
if (vitestArguments.length > 0) {
  tallies.push(await runVitest('vitest', ['npx', '--no-install', 'vitest', 'run', ...vitestArguments]))
} else {
  tallies.push(await runVitest('npm run check', ['npm', 'run', 'check', '--']))
  if (run.interrupted === null) {
    tallies.push(await runVitest('vitest', ['npx', '--no-install', 'vitest', 'run', '--project', '!unit']))
  }
}
rmSync(reports, { recursive: true, force: true })

const total = addTallies(tallies)
const problems = total.problems
if (run.interrupted !== null) problems.push(`ended by ${run.interrupted}`)
problems.push(...(await findLeftovers(before, run.id)))

let failed = total.failed + problems.length
let skipped = total.skipped
if (skipped > 0 && process.env.CI === 'true') {
  problems.push(`under CI nothing may be skipped, so these count as failed:`, ...total.skippedNames)
  failed += skipped
  skipped = 0
}
for (const problem of problems) console.error(`test: ${problem}`)
console.error(`test: ${Math.round((Date.now() - run.startedAtMs) / 1000)} s on Node ${process.version}`)
process.stdout.write(`${total.passed} passed, ${failed} failed, ${skipped} skipped\n`)
process.exitCode = failed === 0 ? 0 : 1

/**
 * @param {string} name
 * @param {string[]} command takes vitest's own options at its end
 */
async function runVitest(name, command) {
  const report = join(reports, `${name.replaceAll(' ', '-')}.json`)
  const [file, ...options] = [...command, '--reporter=default', '--reporter=json', `--outputFile=${report}`]
  const exit = await runToEnd(file, options)
  return readReport(name, report, exit)
}

/** Resolves with how the process ended, in words, or null after exit code 0. */
function runToEnd(file, options) {
  return new Promise((resolve) => {
    // A process group of its own, so that the time limit also ends what npm and vitest started.
    const child = spawn(file, options, {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: environment,
      detached: true,
    })
    const end = (signal) => {
      try {
        process.kill(-child.pid, signal)
      } catch {
        // The group has just ended by itself.
      }
    }
    const limit = setTimeout(
      () => {
        run.interrupted = `the time limit of ${RUN_LIMIT_MS / 60_000} minutes`
        end('SIGTERM')
        setTimeout(() => end('SIGKILL'), 10_000).unref()
      },
      Math.max(1, run.startedAtMs + RUN_LIMIT_MS - Date.now()),
    )
    const forward = (signal) => {
      run.interrupted = signal
      end(signal)
    }
    process.on('SIGINT', forward).on('SIGTERM', forward)
    const settle = (how) => {
      clearTimeout(limit)
      process.off('SIGINT', forward).off('SIGTERM', forward)
      resolve(how)
    }
    child.once('error', (error) => settle(`did not start: ${error.message}`))
    child.once('exit', (code, signal) =>
      settle(code === 0 ? null : signal === null ? `exit code ${code}` : signal),
    )
  })
}
