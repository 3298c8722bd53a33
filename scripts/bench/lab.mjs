import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { availableParallelism, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { writeFleet } from './lab/fleet.mjs'
import { runLabBench } from './shared/lab-bench.mjs'
import { check, round } from './shared/report.mjs'

/** For 40 sites on two processors; for another number of sites in proportion, plus the base. */
const BOUND = { upSeconds: 120, downSeconds: 30, sites: 40 }
const cli = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    inside: { type: 'boolean', default: false },
    sites: { type: 'string', default: String(BOUND.sites) },
  },
})
await runLabBench({
  file: fileURLToPath(import.meta.url),
  options: values,
  programs: ['bird', 'vtysh', 'wg', 'ip', 'nft', 'ping', 'nsenter', 'xargs'],
  validate: () => {
    if (!/^[1-9]\d{0,2}$/.test(values.sites) || values.sites > 250) {
      throw new Error('--sites needs a number from 1 to 250')
    }
  },
  measure: () => measure(Number(values.sites)),
  describe,
})

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
    return { checks, rows: [row] }
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

function describe(rows) {
  for (const { processors, load } of rows) {
    console.log(`      ${processors} processors; load before, over 1, 5 and 15 min: ${load.join(', ')}`)
  }
}
