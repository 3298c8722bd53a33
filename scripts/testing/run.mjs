import { randomUUID } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readFeatures, recordRun, reduceReports } from '../versions/versions.mjs'
import { countLanes, findObstacle, inLane, laneFolders, listJobs, shareOut } from './lanes.mjs'
import { endMarked, findLeftovers, inspectMachine, listNamespaces } from './leftovers.mjs'
import { limitMinutes, measureSlowness } from './limit.mjs'
import { createProcesses } from './processes.mjs'
import { addTallies, countPassed, joinUnfinished, readReport, unfinished } from './tally.mjs'

const startedAtMs = Date.now()
const options = process.argv.slice(2)
// Only what the routing daemons' version can change; the rest is the same on every machine.
const onlyDaemons = takeOption('--daemons')
const isRecorded = takeOption('--record')
const vitestArguments = options
const reports = mkdtempSync(join(tmpdir(), 'anyward-test-'))
const runId = randomUUID()
// Every process that a test starts inherits the mark, also a daemon that forks away from its parent.
const env = { ...process.env, ANYWARD_TEST_RUN: runId, ANYWARD_REPORTS: reports }
if (!process.stdout.isTTY) {
  // Biome and vitest color a log under CI. With both variables set, Node warns in every process.
  delete env.FORCE_COLOR
  env.NO_COLOR = '1'
}
// Without a cache: vitests that run at once would overwrite each other's.
const vitest = [process.execPath, 'node_modules/vitest/vitest.mjs', 'run', '--no-cache']

const before = inspectMachine(runId)
const namespacesBefore = listNamespaces()
// The guest of `scripts/test --kernel` is given its slowness, which the start of a program there would overstate.
const slowness = Number(process.env.ANYWARD_TEST_SLOWNESS) || measureSlowness()
// The tests' own limits grow by the same factor.
env.ANYWARD_TEST_SLOWNESS = slowness.toFixed(1)
const minutes = limitMinutes({ ci: process.env.CI === 'true', slowness })
say(`time limit ${minutes} minutes; this machine is ${slowness.toFixed(1)} times slower than an idle one`)
const processes = createProcesses({ limitMs: minutes * 60_000, env })
const tallies = []
/** The reports of vitest, by the BIRD of Debian 13 that they are of; `null`: this machine's. */
const kept = new Map()
if (vitestArguments.length > 0) {
  await runHere('vitest', [...vitest, ...vitestArguments])
} else {
  if (!onlyDaemons) await runHere('npm run check', ['npm', 'run', 'check', '--'])
  const projects = onlyDaemons ? ['--project', 'golden'] : ['--project', '!unit']
  const obstacle = findObstacle()
  if (obstacle === null) {
    await runHere('vitest', [
      ...vitest,
      ...projects,
      ...laneFolders.flatMap((folder) => ['--exclude', `${folder}/**`]),
    ])
    await runLanes()
  } else {
    say(`one file after another, because this machine cannot make lanes: ${obstacle}`)
    const folders = onlyDaemons ? ['--project', 'e2e', '--project', 'proof'] : []
    await runHere('vitest', [...vitest, ...projects, ...folders])
  }
}
rmSync(reports, { recursive: true, force: true })

const total = addTallies(tallies)
const interruption = processes.interruption()
const isSignal = interruption === 'SIGINT' || interruption === 'SIGTERM'
const problems = isSignal ? joinUnfinished(total.problems, interruption) : total.problems
const features = readFeatures()
for (const [bird, of] of kept) {
  const { reduced, unmatched } = reduceReports(features, of)
  for (const proof of unmatched) problems.push(`no test matches, of scripts/versions/features.json: ${proof}`)
  if (isRecorded) recordRun(features, reduced, bird === null ? [] : ['scripts/testing/in-debian', bird])
}
if (interruption === null) problems.push(...(await findLeftovers(before, runId)))
else if (problems.length === 0) problems.push(`ended by ${interruption}`)
// Processes left by an interrupted test are not a failure of their own, and must end.
await endMarked(runId, interruption === null ? null : namespacesBefore)

let failed = total.failed + problems.length
let skipped = total.skipped
if (skipped > 0 && process.env.CI === 'true') {
  problems.push(`under CI no test may be skipped; these count as failed:`, ...total.skippedNames)
  failed += skipped
  skipped = 0
}
for (const { file, name, message } of total.failures) say(`FAILED ${file}: ${name}\n${message}\n`)
for (const problem of problems) say(problem)
say(`${secondsSince(startedAtMs)} s on Node ${process.version}`)
process.stdout.write(`${total.passed} passed, ${failed} failed, ${skipped} skipped\n`)
process.exitCode = failed === 0 ? 0 : 1

/**
 * @param {string} name
 * @param {string[]} command takes vitest's own options at its end
 */
async function runHere(name, command) {
  if (processes.interruption() !== null) {
    tallies.push(unfinished(name, processes.interruption(), false))
    return
  }
  const report = join(reports, `${name.replaceAll(' ', '-')}.json`)
  const begunAtMs = Date.now()
  const exit = await processes.run([...command, ...reporters(report)])
  tallies.push(tallyOf(name, report, exit))
  say(`${name}: ${secondsSince(begunAtMs)} s`)
}

async function runLanes() {
  let jobs = listJobs(onlyDaemons)
  if (jobs.some(({ bird }) => bird !== null)) {
    // Not skipped: a run without it would look like a whole one.
    const failure = await processes.run(['scripts/testing/debian-root'], join(reports, 'debian-root'))
    if (failure !== null && processes.interruption() === null) {
      process.stdout.write(readFileSync(join(reports, 'debian-root'), 'utf8'))
      const why = `scripts/testing/debian-root: ${failure}; its output is above`
      tallies.push(unfinished("the part with Debian 13's daemons", why, false))
      jobs = jobs.filter(({ bird }) => bird === null)
    }
  }
  const lanes = countLanes()
  say(`${jobs.length} files with real daemons in ${lanes} lanes; a file's output comes when it has ended`)
  await shareOut(jobs, lanes, runInLane)
}

/** @param {import('./lanes.mjs').Job} job */
async function runInLane({ file, bird }) {
  const name = bird === null ? file : `${file} on Debian 13 with BIRD ${bird}`
  if (processes.interruption() !== null) {
    tallies.push(unfinished(name, processes.interruption(), false))
    return
  }
  const folder = mkdtempSync(join(reports, 'lane-'))
  const [report, leftovers, log] = ['report.json', 'leftovers.json', 'log'].map((one) => join(folder, one))
  const begunAtMs = Date.now()
  const projects = ['e2e', 'proof', 'golden'].flatMap((project) => ['--project', project])
  const [, ...words] = vitest
  const argv = [bird === null ? process.execPath : 'node', ...words, ...projects, file, ...reporters(report)]
  const exit = await processes.run(inLane(leftovers, argv, bird), log)
  const tally = tallyOf(name, report, exit, bird)
  if (processes.interruption() === null) tally.problems.push(...readLeftovers(name, leftovers))
  tallies.push(tally)
  const { passed, failed, skipped, problems } = tally
  // In one write, because other lanes write too.
  process.stdout.write(
    `\n=== ${name}: ${passed} passed, ${failed + problems.length} failed, ${skipped} skipped in ${secondsSince(begunAtMs)} s\n${readFileSync(log, 'utf8')}`,
  )
}

/** A run that ended before an interruption has a report, which counts. */
function tallyOf(name, report, exit, bird = null) {
  const interruption = processes.interruption()
  if (interruption !== null && exit !== null && !existsSync(report))
    return { ...unfinished(name, interruption, true), passed: countPassed(report) }
  keepReport(report, bird)
  return readReport(name, report, exit)
}

/** What is not readable is a problem of the tally. */
function keepReport(report, bird) {
  try {
    kept.set(bird, [...(kept.get(bird) ?? []), JSON.parse(readFileSync(report, 'utf8'))])
  } catch {}
}

/** @param {string} name */
function takeOption(name) {
  if (options[0] !== name) return false
  options.shift()
  return true
}

/** @returns {string[]} */
function readLeftovers(file, path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).map((leftover) => `${file} ${leftover}`)
  } catch {
    return [`${file} ended without a list of what it left behind`]
  }
}

/** @param {string} report */
function reporters(report) {
  // A file takes minutes in the guest: each test is printed when it ends.
  const shown = process.env.ANYWARD_TEST_KERNEL === '1' ? 'verbose' : 'default'
  return [
    `--reporter=${shown}`,
    '--reporter=json',
    '--reporter=./scripts/testing/passed-reporter.mjs',
    `--outputFile=${report}`,
  ]
}

/** @param {number} startMs */
function secondsSince(startMs) {
  return Math.round((Date.now() - startMs) / 1000)
}

/** @param {string} text */
function say(text) {
  console.error(`test: ${text}`)
}
