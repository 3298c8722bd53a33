import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { availableParallelism, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { isInstalled } from './controllers/contenders.mjs'
import { writeFleet } from './lab/fleet.mjs'
import { runInside } from './shared/namespaces.mjs'
import { check, printChecks, round } from './shared/report.mjs'

/** For 40 sites on two processors; another number of sites has its share, but the base. */
const BOUND = { upSeconds: 120, downSeconds: 30, sites: 40 }
const PROGRAMS = ['bird', 'vtysh', 'wg', 'ip', 'nft', 'ping', 'nsenter']
const cli = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    inside: { type: 'boolean', default: false },
    sites: { type: 'string', default: String(BOUND.sites) },
  },
})
try {
  if (!/^[1-9]\d{0,2}$/.test(values.sites) || values.sites > 250) {
    throw new Error('--sites wants a number from 1 to 250')
  }
  const missing = PROGRAMS.filter((program) => !isInstalled(program))
  if (process.getuid?.() !== 0) skip('it makes network namespaces, which needs root')
  else if (missing.length > 0) skip(`${missing.join(', ')} missing; scripts/install brings it`)
  else if (values.inside) await measure(Number(values.sites))
  else process.exitCode = await runInside(fileURLToPath(import.meta.url), process.argv.slice(2))
} catch (error) {
  console.error(`bench: ${error.message}`)
  process.exitCode = 2
}

async function measure(sites) {
  const dir = await mkdtemp(join(tmpdir(), 'anyward-bench-'))
  try {
    await writeFleet(dir, sites)
    const load = loadavg().map(round)
    const upSeconds = await time(['lab', 'up', '--sites', dir])
    const downSeconds = await time(['lab', 'down'])
    const left = await readdir('/run/netns')
    const share = Math.max(sites / BOUND.sites, 0.25)
    const checks = [
      check(`${sites} sites come up`, upSeconds, round(BOUND.upSeconds * share), 's'),
      check('and go down', downSeconds, round(BOUND.downSeconds * share), 's'),
      check('namespaces left', left.length, 0, ''),
    ]
    const row = { sites, processors: availableParallelism(), load, upSeconds, downSeconds }
    report({ ok: checks.every(({ ok }) => ok), skipped: [], checks, rows: [row] })
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

/** In seconds. */
async function time(args) {
  const startMs = performance.now()
  const child = spawn(process.execPath, [cli, ...args], {
    stdio: ['ignore', 'ignore', values.json ? 'ignore' : 'inherit'],
  })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`anyward ${args.join(' ')} ended with exit code ${code}`)
  return round((performance.now() - startMs) / 1000)
}

function skip(why) {
  report({ ok: true, skipped: [`all of it: ${why}`], checks: [], rows: [] })
}

function report({ ok, skipped, checks, rows }) {
  process.exitCode = ok ? 0 : 1
  if (values.json) {
    process.stdout.write(`${JSON.stringify({ ok, skipped, checks, rows }, null, 2)}\n`)
    return
  }
  for (const line of skipped) console.log(`skip  ${line}`)
  printChecks(checks)
  for (const { processors, load } of rows) {
    console.log(`      ${processors} processors; load before, over 1, 5 and 15 min: ${load.join(', ')}`)
  }
}
