import { execFile, spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'

const cli = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url))

/**
 * Runs a bench that measures each of its rows in a process of its own, so that none benefits from what another has compiled and
 * allocated. `prepare(folder)` returns the rows and what to measure for each; `measure(what)` runs in that process.
 */
export async function runBench({ file, prepare, measure, judge, describe }) {
  const { values } = parseArgs({
    options: { json: { type: 'boolean', default: false }, measure: { type: 'string' } },
  })
  try {
    if (values.measure !== undefined) {
      process.stdout.write(JSON.stringify(await measure(values.measure)))
      return
    }
    const folder = await mkdtemp(join(tmpdir(), 'anyward-bench-'))
    try {
      const rows = []
      for await (const { what, ...row } of prepare(folder)) {
        const { stdout } = await promisify(execFile)(process.execPath, [file, '--measure', what])
        rows.push({ ...row, ...JSON.parse(stdout) })
      }
      const checks = judge(rows)
      const ok = checks.every((one) => one.ok)
      if (values.json) process.stdout.write(`${JSON.stringify({ ok, checks, rows }, null, 2)}\n`)
      else {
        printChecks(checks)
        for (const row of rows) console.log(`      ${describe(row)}`)
      }
      process.exitCode = ok ? 0 : 1
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  } catch (error) {
    console.error(`bench: ${error.message}`)
    process.exitCode = 2
  }
}

export function check(what, value, bound, unit) {
  return { what, value, bound, unit, ok: value <= bound }
}

export function printChecks(checks) {
  for (const { what, value, bound, unit, ok } of checks) {
    const figure = `${value} ${unit}`
    console.log(
      `${ok ? 'ok  ' : 'MISS'}  ${what.padEnd(44)} ${figure.padStart(12)}   at most ${bound} ${unit}`,
    )
  }
}

export function round(value) {
  return Math.round(value * 10) / 10
}

/** The processor time, which does not depend on other load. */
export function processorMs() {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** Loaded before the command; writes the resource usage of the process to descriptor 3 at its end. */
const usageReport = `data:text/javascript,${encodeURIComponent(`
import { writeSync } from 'node:fs'
process.on('exit', () => writeSync(3, JSON.stringify({ cpu: process.cpuUsage(), rss: process.resourceUsage().maxRSS })))
`)}`

/** Runs `anyward` with these arguments, as a user does. */
export function runCommand(args) {
  const start = performance.now()
  const { status, output } = spawnSync(process.execPath, ['--import', usageReport, cli, ...args], {
    stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
  })
  const wallMs = round(performance.now() - start)
  const { cpu, rss } = JSON.parse(output[3].toString())
  return {
    status,
    processorMs: round((cpu.user + cpu.system) / 1000),
    wallMs,
    peakMb: round((rss * 1024) / 1e6),
  }
}
