import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { describeTimes, summarize, tenths } from './controllers/figures.mjs'
import { runLabBench } from './shared/lab-bench.mjs'
import { shapeClientLink } from './shared/machine.mjs'
import { check } from './shared/report.mjs'

/**
 * How long clients are dark when their site changes, in milliseconds: the median over the clients and rounds. An uplink of 20 packets
 * a second makes 50 ms the resolution. `kinds`: how many clients; `bounds`: of the way away and back, by kind, with perfect wires. With
 * `--netem 'delay 20ms loss 1%'` the clients' link has that in each direction.
 */
const uplinks = { ping: 2, nat: 2 }
const idle = { 'idle 25': 2, idle: 2 }
const ways = { away: { ping: 100, nat: 100, 'idle 25': 200, idle: 200 }, back: { ping: 150, nat: 150 } }
const changes = {
  dead: { what: 'dead', kinds: { ...uplinks, ...idle }, rounds: 12, stayMs: 2000, bounds: ways },
  drain: {
    ...{ what: 'drain', kinds: { ...uplinks, ...idle }, rounds: 12, stayMs: 2000 },
    bounds: { ...ways, away: { ping: 150, nat: 150, 'idle 25': 200, idle: 200 } },
    most: 500,
  },
  silent: { ...flap(2), kinds: uplinks, rounds: 12 },
  'flap 5': flap(5),
  'flap 20': flap(20),
  'flap 125': flap(125),
  'no rescue': {
    ...{ what: 'dead', kinds: { ping: 8 }, rounds: 3, stayMs: 2000, isRescued: false },
    bounds: { away: { ping: 16_000 }, back: { ping: 16_000 } },
    most: 16_000,
  },
}
const others = ['sweep', 'cost']
const sweptPeers = 2000
const sweptWithinMs = 1000
const idlePeers = 1000
const idleSeconds = 60
const bound = { corePercent: 1, megabytes: 20 }
const patienceMs = 60_000
const fleet = fileURLToPath(new URL('rescue/fleet', import.meta.url))
const cli = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const rows = [...Object.keys(changes), ...others]

/** Away and back by an upstream that changes its path twice. */
function flap(seconds) {
  const bounds = { ...ways, away: { ping: 200, nat: 200 } }
  return { what: 'silent', kinds: { ping: 4, nat: 4 }, rounds: 6, stayMs: seconds * 1000, bounds }
}

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    inside: { type: 'boolean', default: false },
    netem: { type: 'string' },
    rounds: { type: 'string' },
    rows: { type: 'string', default: rows.join() },
  },
})
await runLabBench({
  file: fileURLToPath(import.meta.url),
  options: values,
  programs: ['bird', 'vtysh', 'wg', 'ip', 'nft', 'ping', 'openssl'],
  validate: () => {
    if (values.rounds !== undefined && !/^\d{1,3}$/.test(values.rounds))
      throw new Error('--rounds needs a number from 1 to 999')
    const unknown = values.rows.split(',').find((row) => !rows.includes(row))
    if (unknown !== undefined) throw new Error(`--rows: ${unknown} is none of ${rows.join(', ')}`)
  },
  measure,
  describe,
})

async function measure() {
  const { measureChanges } = await import('./rescue/changes.mjs')
  const { measureIdle, measureSweep } = await import('./rescue/farm-peers.mjs')
  // Fault injection and measurement get the same priority as the lab's daemons.
  // A kernel without groups, as the guest's, has no such file.
  if (existsSync('/proc/self/autogroup')) writeFileSync('/proc/self/autogroup', '-5')
  const folder = mkdtempSync(join(tmpdir(), 'anyward-bench-'))
  const found = []
  const checks = []
  const begin = (what) => {
    if (!values.json) console.log(`      ${what} …`)
  }
  try {
    for (const what of values.rows.split(',')) {
      begin(what)
      if (what === 'sweep') {
        const swept = await inLab(true, (lab) => measureSweep(lab, sweptPeers))
        found.push({ what, ...swept })
        const lost = sweptPeers - swept.reached + swept.withdrawn.length
        checks.push(
          check(`${sweptPeers} peers swept: the last initiation`, swept.lastMs, sweptWithinMs, 'ms'),
        )
        checks.push(check('sweep: peers not reached, and nodes that did not announce', lost, 0, ''))
      } else if (what === 'cost') {
        const without = await inLab(false, (lab) => measureIdle(lab, idlePeers, idleSeconds, false))
        const rescued = await inLab(true, (lab) => measureIdle(lab, idlePeers, idleSeconds, true))
        found.push({ what, without, with: rescued })
        const most = (unit) => Math.max(...rescued.map((one, at) => tenths(one[unit] - without[at][unit])))
        checks.push(check('rescue on, nothing happens', most('percent'), bound.corePercent, '% of a core'))
        checks.push(check('rescue on, nothing happens', most('megabytes'), bound.megabytes, 'MB'))
      } else {
        const row = { isRescued: true, ...changes[what], limitMs: patienceMs }
        if (values.rounds !== undefined) row.rounds = Number(values.rounds)
        const { rows: times, initiations } = await inLab(row.isRescued, (lab) =>
          measureChanges(lab, row, join(folder, 'keys')),
        )
        for (const [key, all] of times) {
          const [direction, kind] = [key.slice(0, key.indexOf(' ')), key.slice(key.indexOf(' ') + 1)]
          const summary = summarize(all)
          found.push({ what, direction, kind, load: loadavg().map(tenths), ...summary })
          const limit = row.bounds[direction][kind]
          if (limit === undefined || values.netem !== undefined) continue
          const name = `${what}, ${direction}, ${kind}`
          checks.push(check(`${name}: median`, summary.medianMs ?? Number.POSITIVE_INFINITY, limit, 'ms'))
          if (row.most !== undefined && direction === 'away')
            checks.push(check(`${name}: most`, summary.maxMs ?? Number.POSITIVE_INFINITY, row.most, 'ms'))
        }
        const each = initiations.reduce((sum, one) => sum + one, 0) / initiations.length
        found.push({ what, initiationsPerClient: tenths(each) })
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return { checks, rows: found }
}

async function inLab(isRescued, use) {
  const folder = isRescued ? fleet : withoutRescue()
  const { stdout } = await anyward('--sites', folder, 'lab', 'up', '--json')
  try {
    const lab = JSON.parse(stdout)
    if (values.netem !== undefined) await shapeClientLink(lab, values.netem.split(' '))
    return await use(lab)
  } finally {
    await anyward('lab', 'down')
    if (!isRescued) rmSync(folder, { recursive: true })
  }
}

function withoutRescue() {
  const folder = mkdtempSync(join(tmpdir(), 'anyward-bench-'))
  cpSync(fleet, folder, { recursive: true })
  const file = join(folder, 'fleet.yaml')
  writeFileSync(file, readFileSync(file, 'utf8').replace(/^rescue:\n(?: +.*\n)*/m, ''))
  return folder
}

function anyward(...args) {
  return promisify(execFile)(process.execPath, [cli, ...args], { maxBuffer: 2 ** 26 })
}

function describe(all) {
  console.log('      client dark, median (least-most), milliseconds; and what the load was')
  for (const { what, direction, kind, load, ...row } of all) {
    const name = `      ${[what, direction, kind].filter((part) => part !== undefined).join(', ')}`.padEnd(36)
    if (kind !== undefined)
      console.log(`${name} ${describeTimes(row, patienceMs).padStart(24)}   ${load.join(' ')}`)
    else console.log(`${name} ${JSON.stringify(row)}`)
  }
}
