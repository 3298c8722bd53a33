import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { check, printChecks, round } from './shared/report.mjs'

const ROUNDS = 4
const RUNS = 5
const BOUND_MS = 250
const cli = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const commands = [
  { what: 'node -e 0', args: ['-e', '0'] },
  { what: 'anyward --version', args: [cli, '--version'] },
  { what: 'anyward status --help', args: [cli, 'status', '--help'] },
]

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } })

// In turn, so that a temporary load affects all of them.
const rounds = commands.map(() => [])
for (let round = 0; round < ROUNDS; round += 1) {
  for (const [index, { args }] of commands.entries()) rounds[index].push(measure(args))
}
const rows = commands.map(({ what }, index) => ({
  what,
  processorMs: least(rounds[index].map(({ processorMs }) => processorMs)),
  wallMs: least(rounds[index].map(({ wallMs }) => wallMs)),
}))
const [bare, ...programs] = rows
const checks = programs.map(({ what, processorMs }) => check(what, processorMs, BOUND_MS, 'ms'))
const ok = checks.every((one) => one.ok)
if (values.json) process.stdout.write(`${JSON.stringify({ ok, checks, rows }, null, 2)}\n`)
else {
  printChecks(checks)
  for (const { what, processorMs, wallMs } of rows) {
    const ratio = round(processorMs / bare.processorMs)
    console.log(
      `      ${what}: ${processorMs} ms of processor time (${wallMs} ms by the clock), ${ratio} x ${bare.what}`,
    )
  }
}
process.exitCode = ok ? 0 : 1

/** One run out of several in a row, in processor time of all its threads: the shell adds up the usage of its children. */
function measure(args) {
  const script = 'for run in $RUNS; do "$@" >/dev/null || exit; done; times'
  const env = { ...process.env, RUNS: Array.from({ length: RUNS }, (_, run) => run).join(' ') }
  const start = performance.now()
  const { status, stdout, stderr } = spawnSync('sh', ['-c', script, 'sh', process.execPath, ...args], { env })
  const wallMs = (performance.now() - start) / RUNS
  if (status !== 0) throw new Error(`${args.join(' ')} ended with ${status}: ${stderr}`)
  // The second line of `times`: user and system time of the children, as 0m1.23s.
  const times = String(stdout).trim().split('\n')[1].split(' ')
  const processorMs = times.reduce((sum, text) => {
    const [minutes, seconds] = text.split(/[ms]/)
    return sum + (Number(minutes) * 60 + Number(seconds)) * 1000
  }, 0)
  return { processorMs: processorMs / RUNS, wallMs }
}

/** Slower rounds are caused by other load. */
function least(numbers) {
  return round(Math.min(...numbers))
}
