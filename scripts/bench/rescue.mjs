import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { describeTimes, summarize, tenths } from './controllers/figures.mjs'
import { runLabBench } from './shared/lab-bench.mjs'
import { check } from './shared/report.mjs'

/**
 * How long a client is without service when its site changes, in milliseconds: the median of the rounds. Its uplink is 20 packets
 * a second, so that 50 ms are the resolution.
 */
const BOUND = { dead: 100, drain: 150, silent: 200, back: 150, 'without rescue, dead': 16_000 }
const words = {
  dead: 'A dead, from the moment that the route moved',
  drain: 'A drained, in all',
  silent: 'an upstream moves the route',
  back: 'back to A, from the moment that the route moved',
  'without rescue, dead': 'without rescue: A dead',
}
const fleet = fileURLToPath(new URL('rescue/fleet', import.meta.url))
const cli = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    inside: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '24' },
    rows: { type: 'string', default: 'dead,drain,silent' },
    without: { type: 'string', default: '3' },
  },
})
await runLabBench({
  file: fileURLToPath(import.meta.url),
  options: values,
  programs: ['bird', 'vtysh', 'wg', 'ip', 'nft', 'ping', 'openssl'],
  validate: () => {
    for (const name of ['rounds', 'without'])
      if (!/^\d{1,3}$/.test(values[name])) throw new Error(`--${name} needs a number from 0 to 999`)
  },
  measure,
  describe,
})

async function measure() {
  const { measureChanges } = await import('./rescue/changes.mjs')
  // Fault injection and measurement get the same priority as the lab's daemons.
  writeFileSync('/proc/self/autogroup', '-5')
  const rows = []
  const add = (what, times) => rows.push({ what, load: loadavg().map(tenths), ...summarize(times) })
  await inLab(fleet, async (lab) => {
    for (const what of values.rows.split(',')) {
      if (!values.json) console.log(`      ${words[what]} …`)
      const { gone, back } = await measureChanges(lab, what, Number(values.rounds))
      add(what, gone)
      add('back', back)
    }
  })
  const rounds = Number(values.without)
  if (rounds > 0) {
    const folder = withoutRescue()
    try {
      await inLab(folder, async (lab) => {
        if (!values.json) console.log(`      ${words['without rescue, dead']} …`)
        add('without rescue, dead', (await measureChanges(lab, 'dead', rounds)).gone)
      })
    } finally {
      rmSync(folder, { recursive: true })
    }
  }
  const checks = rows.map(({ what, medianMs }) =>
    check(words[what], medianMs ?? Number.POSITIVE_INFINITY, BOUND[what], 'ms'),
  )
  return { checks, rows }
}

async function inLab(sites, use) {
  const { stdout } = await anyward('--sites', sites, 'lab', 'up', '--json')
  try {
    await use(JSON.parse(stdout))
  } finally {
    await anyward('lab', 'down')
  }
}

function withoutRescue() {
  const folder = mkdtempSync(join(tmpdir(), 'anyward-bench-'))
  cpSync(fleet, folder, { recursive: true })
  const file = join(folder, 'fleet.yaml')
  writeFileSync(file, readFileSync(file, 'utf8').replace(/^rescue:.*\n/m, ''))
  return folder
}

function anyward(...args) {
  return promisify(execFile)(process.execPath, [cli, ...args], { maxBuffer: 2 ** 26 })
}

function describe(rows) {
  console.log('      client dark, median (least-most), milliseconds; and what the load was')
  for (const row of rows)
    console.log(
      `      ${words[row.what].padEnd(50)} ${describeTimes(row, 60_000).padStart(22)}   ${row.load.join(' ')}`,
    )
}
