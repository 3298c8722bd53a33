import { mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { describeTimes } from './controllers/figures.mjs'
import { startCluster } from './fleet/cluster.mjs'
import { measureFleet, patienceMs } from './fleet/measure.mjs'
import { runLabBench } from './shared/lab-bench.mjs'
import { check } from './shared/report.mjs'

/** From the question for a permit to the grant, on one machine. */
const BOUND = { grantedMs: 10 }

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    inside: { type: 'boolean', default: false },
    sites: { type: 'string', default: '10' },
    seconds: { type: 'string', default: '30' },
    beat: { type: 'string', default: '' },
    permits: { type: 'string', default: '100' },
  },
})
await runLabBench({
  file: fileURLToPath(import.meta.url),
  options: values,
  programs: ['etcd', 'etcdctl', 'openssl', 'ip'],
  validate: () => {
    if (!/^\d{1,4}(,\d{1,4})*$/.test(values.sites)) throw new Error('--sites needs numbers up to 9999')
    for (const name of ['seconds', 'permits']) {
      if (!/^[1-9]\d{0,3}$/.test(values[name])) throw new Error(`--${name} needs a number from 1 to 9999`)
    }
  },
  measure,
  describe,
})

async function measure() {
  const rows = []
  for (const sites of values.sites.split(',').map(Number)) rows.push(await measureOne(sites))
  return {
    checks: rows.map(({ sites, granted }) => {
      const what = `permit asked to granted, ${sites} sites, median`
      return check(what, granted?.medianMs ?? patienceMs, BOUND.grantedMs, 'ms')
    }),
    rows,
  }
}

/** Each size has a cluster of its own: memory and counters are of this size only. */
async function measureOne(sites) {
  const { timesFor } = await import('../../dist/node/service/join-fleet.js')
  const folder = await mkdtemp(join(tmpdir(), 'anyward-bench-'))
  const cluster = await startCluster(folder)
  try {
    // As the planner chooses it.
    const beatMs = Number(values.beat) || 1000 * Math.max(1, Math.ceil(sites / 100))
    const times = timesFor(beatMs)
    const [idleMs, permits] = [Number(values.seconds) * 1000, Number(values.permits)]
    return await measureFleet(cluster, { sites, times, idleMs, permits }, say)
  } finally {
    await cluster.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

function describe(rows) {
  console.log(`      ${availableParallelism()} processors for all of it: members and sites`)
  for (const row of rows) for (const line of linesOf(row)) console.log(`      ${line}`)
}

function linesOf({ sites, problem, beatEveryMs, readBeatsEveryMs, load, idle, known, written, granted }) {
  const how = readBeatsEveryMs === null ? 'watched' : `read every ${readBeatsEveryMs} ms`
  const lines = [
    `${sites} sites, a beat every ${beatEveryMs} ms, ${how}; load of the machine over 1, 5 and 15 min: ${load.join(', ')}`,
  ]
  if (idle !== undefined) lines.push(...linesOfIdle(idle))
  if (known !== undefined)
    lines.push(`  a change has come to all after ${describeTimes(known, patienceMs)} ms`)
  if (written !== undefined) lines.push(`  a compare-and-set takes ${describeTimes(written, patienceMs)} ms`)
  if (granted !== undefined)
    lines.push(`  from a permit asked to granted ${describeTimes(granted, patienceMs)} ms`)
  if (problem !== undefined) lines.push(`  NO MORE COULD BE MEASURED on this machine: ${problem}`)
  return lines
}

function linesOfIdle(idle) {
  const { membersPercent, membersMb, onePercent, oneMb, lightPercent, lightLateMs } = idle
  return [
    `  for ${idle.seconds} s; ${idle.failures} requests failed`,
    `  the three members together ${membersPercent} % of a core, ${membersMb} MB; the client of one site ${onePercent} %, ${oneMb} MB with Node`,
    `  ${idle.writes} writes a second, of which ${idle.changes} changes go to the sites, in ${idle.sent} messages and ${idle.sentKb} KB; ${idle.received} messages come from them`,
    `  that site knows ${idle.knownNodes} nodes, ${idle.staleNodes} of them as stale; the others take ${lightPercent} % of a core, and were late by ${lightLateMs} ms at most`,
  ]
}

function say(text) {
  if (!values.json) console.log(`      ${text}`)
}
