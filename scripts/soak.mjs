import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { fieldsOfStat } from '../dist/linux/proc.js'
import { BirdClient } from '../dist/node/routing/bird/client.js'

const MAX_CPU_PERCENT = 3
const MAX_RSS_MB = 90
// USER_HZ: 100 on every architecture of Debian, whatever the kernel's HZ.
const TICKS_PER_SECOND = 100

try {
  process.exitCode = await main()
} catch (error) {
  console.error(`soak: ${error.message}`)
  process.exitCode = 2
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      minutes: { type: 'string', default: '60' },
      'interval-ms': { type: 'string', default: '500' },
      json: { type: 'boolean', default: false },
    },
  })
  const durationMs = positive('--minutes', values.minutes) * 60_000
  const intervalMs = positive('--interval-ms', values['interval-ms'])
  const lab = readLab(positionals[0] ?? '/run/anyward-lab/state.json')
  const neighbors = lab.neighbors.map((neighbor) => ({
    ...neighbor,
    client: new BirdClient({ socketPath: neighbor.controlSocket, deadlineMs: 5000 }),
  }))

  try {
    return report(values.json, await watch(lab, neighbors, durationMs, intervalMs))
  } finally {
    for (const { client } of neighbors) client.close()
  }
}

async function watch(lab, neighbors, durationMs, intervalMs) {
  let ended = false
  process.once('SIGINT', () => {
    ended = true
  })
  const startedMs = performance.now()
  const first = await observe(neighbors)
  requireAnnounced(lab, neighbors, first)
  const usageBefore = new Map(lab.controllers.map((one) => [one.node, readUsage(one)]))
  console.error(`soak: watching ${first.size} sessions and ${lab.controllers.length} controllers`)
  const flaps = new Set()
  let previous = first
  let samples = 1
  let nextReportMs = 60_000

  while (!ended && performance.now() - startedMs < durationMs) {
    await delay(intervalMs)
    const now = await observe(neighbors)
    samples += 1
    for (const flap of compare(first, previous, now)) flaps.add(flap)
    previous = now
    const elapsedMs = performance.now() - startedMs
    if (elapsedMs >= nextReportMs) {
      nextReportMs += 60_000
      console.error(`soak: ${Math.round(elapsedMs / 60_000)} min, ${samples} samples, ${flaps.size} flaps`)
    }
  }

  const seconds = (performance.now() - startedMs) / 1000
  const controllers = lab.controllers.map((one) => {
    const before = usageBefore.get(one.node)
    const after = readUsage(one)
    if (after === null || before === null) return { node: one.node, cpuPercent: null, peakRssMb: null }
    const cpuPercent = ((after.ticks - before.ticks) / TICKS_PER_SECOND / seconds) * 100
    return { node: one.node, cpuPercent: round(cpuPercent), peakRssMb: round((after.peakKiB * 1.024) / 1000) }
  })
  return { seconds: round(seconds), samples, flaps: [...flaps], controllers }
}

/** Reads the output of `anyward lab up --json`, or the lab's own state. */
function readLab(path) {
  let lab
  try {
    lab = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    if (error.code === 'ENOENT') {
      throw new Error(`${path} is missing: bring the lab up first (npx anyward lab up)`, { cause: error })
    }
    throw new Error(`${path} cannot be read: ${error.message}`, { cause: error })
  }
  const neighbors = lab.neighbors ?? lab.routers
  if (!Array.isArray(neighbors) || !Array.isArray(lab.nodes))
    throw new Error(`${path} does not describe a lab`)
  return {
    neighbors: neighbors.map(({ name, controlSocket, sessions }) => ({ name, controlSocket, sessions })),
    controllers: lab.nodes.flatMap((node) => {
      const pid = node.controllerPid ?? node.controller?.pid ?? null
      return pid === null ? [] : [{ node: node.name, pid }]
    }),
    nodes: lab.nodes.map(({ name }) => name),
  }
}

/**
 * The routes of each node at each neighbor: the prefixes, and the number of withdrawals so far. The counter
 * detects a flap between two samples.
 */
async function observe(neighbors) {
  const seen = new Map()
  await Promise.all(
    neighbors.map(async ({ name, client, sessions }) => {
      for (const { node, protocol } of sessions) {
        const routes = await client.send(`show route protocol ${protocol}`)
        const details = await client.send(`show protocols all ${protocol}`)
        const text = details.lines.map((line) => line.text).join('\n')
        seen.set(`${name} of ${node} (${protocol})`, {
          node,
          prefixes: new Set(
            routes.lines.flatMap((line) => /^([0-9a-f.:]+\/\d+)\s/.exec(line.text)?.[1] ?? []),
          ),
          withdrawals: [...text.matchAll(/Import withdraws:\s+(\d+)/g)].reduce(
            (sum, match) => sum + Number(match[1]),
            0,
          ),
        })
      }
    }),
  )
  return seen
}

function requireAnnounced(lab, neighbors, seen) {
  for (const node of lab.nodes) {
    const known = [...seen.values()].some((one) => one.node === node && one.prefixes.size > 0)
    if (!known) throw new Error(`no neighbor has a route from ${node}: the soak needs a healthy lab`)
  }
  if (neighbors.length === 0) throw new Error('the lab has no neighbors')
}

function compare(first, previous, now) {
  const flaps = []
  for (const [session, { prefixes }] of first) {
    const current = now.get(session)
    for (const prefix of prefixes) {
      if (!current.prefixes.has(prefix)) flaps.push(`${session} misses ${prefix}`)
    }
    if (current.withdrawals > previous.get(session).withdrawals) flaps.push(`${session} saw a withdrawal`)
  }
  return flaps
}

/** CPU time of all threads and peak resident memory; null if the process has ended. */
function readUsage({ pid }) {
  try {
    const fields = fieldsOfStat(readFileSync(`/proc/${pid}/stat`, 'utf8'))
    const peakKiB = Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
    return { ticks: Number(fields[11]) + Number(fields[12]), peakKiB }
  } catch {
    return null
  }
}

function report(json, result) {
  const problems = [...result.flaps]
  for (const { node, cpuPercent, peakRssMb } of result.controllers) {
    if (cpuPercent === null) problems.push(`the controller of ${node} has ended`)
    else if (cpuPercent > MAX_CPU_PERCENT)
      problems.push(`the controller of ${node} used more than ${MAX_CPU_PERCENT} % of a core`)
    if (peakRssMb !== null && peakRssMb > MAX_RSS_MB)
      problems.push(`the controller of ${node} used more than ${MAX_RSS_MB} MB`)
  }
  if (result.controllers.length === 0) problems.push('the lab has no controllers')
  if (json) {
    process.stdout.write(`${JSON.stringify({ ...result, problems })}\n`)
  } else {
    console.log(`${result.samples} samples in ${result.seconds} s, ${result.flaps.length} flaps`)
    for (const { node, cpuPercent, peakRssMb } of result.controllers) {
      console.log(`  ${node}: ${cpuPercent ?? '?'} % of a core, peak ${peakRssMb ?? '?'} MB`)
    }
    for (const problem of problems) console.log(`  PROBLEM: ${problem}`)
  }
  return problems.length === 0 ? 0 : 1
}

function positive(option, text) {
  const value = Number(text)
  if (!(value > 0)) throw new Error(`${option}: expected a number above 0, got "${text}"`)
  return value
}

function round(value) {
  return Math.round(value * 100) / 100
}
