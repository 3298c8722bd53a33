import { spawnSync } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { summarize, tenths } from './figures.mjs'
import { prepareFault } from './lab.mjs'
import { checkOf } from './settings.mjs'
import { memoryMbOf, processorMsOf } from './usage.mjs'

/** After this time a fault counts as not detected. */
export const patienceMs = 20_000
const restoreTimeoutMs = 60_000
const idleMs = 8000
/** The pause before a fault, plus up to one check interval, so that a round begins at a random moment of it. */
const settleMs = 500
/** A fault lasts at least so long: a shorter one is a pause of the endpoint, and our probe waits for such pauses afterwards. */
const lastsMs = 1000

export const faults = [
  { id: 'wireguard-down', name: 'interface removed' },
  { id: 'wireguard-hung', name: 'process hung' },
  { id: 'wrong-key', name: 'wrong key' },
  { id: 'node-crash', name: 'host crash' },
]

/** Injects each fault that many times. After a fault that is not detected there are no more rounds of it. */
export async function measureFaults(lab, running, rounds) {
  await waitUntilBack(running)
  const measured = []
  for (const { id } of faults) {
    const times = running.rows.map(() => [])
    let limitMs = null
    let says = null
    for (let round = 0; round < rounds; round += 1) {
      const result = await measureRound(lab, running, id)
      for (const [at, ms] of result.afterMs.entries()) times[at].push(ms)
      limitMs = result.limitMs
      if (round === 0) says = result.says
      if (result.afterMs.every((ms) => ms === null)) break
    }
    measured.push({ fault: id, limitMs, says, rows: times.map(summarize) })
  }
  return measured
}

async function measureRound(lab, running, id) {
  await running.prepare()
  await delay(settleMs + Math.random() * running.intervalMs)
  // On a busy machine a contender may withdraw without a fault, which is not measured here.
  await waitUntilBack(running)
  const { fault, limitMs } = await prepareFault(lab, running.node, id)
  const hear = await running.listen()
  try {
    const since = performance.now()
    const struck = fault.strike()
    const afterMs = await Promise.all(
      running.rows.map(({ watch }) => watch('gone', since, since + patienceMs)),
    )
    await struck
    await delay(Math.max(0, since + lastsMs - performance.now()))
    return { afterMs, limitMs, says: await listenWell(hear, running) }
  } finally {
    await fault.repair()
    await waitUntilBack(running)
  }
}

/** The log may be later than the neighbor's table. */
async function listenWell(hear, running) {
  await delay(100)
  const check = checkOf(running.node)
  const argv = ['netns', 'exec', running.node.namespace, ...check]
  return { ...(await hear()), checkExit: spawnSync('ip', argv, { stdio: 'ignore' }).status }
}

export async function waitUntilBack({ rows }) {
  const since = performance.now()
  for (const { name, watch } of rows) {
    const afterMs = await watch('back', since, since + restoreTimeoutMs)
    if (afterMs === null) throw new Error(`${name} does not announce again after a repair`)
  }
}

/** The processor time and memory of each contender without a fault. */
export async function measureIdle(running) {
  await waitUntilBack(running)
  await delay(1000)
  const wireguard = running.node.wireguard.flatMap(({ process }) => process?.pid ?? [])
  const groups = { own: running.own, routing: running.routing, wireguard }
  const before = processorTimes(groups)
  const start = performance.now()
  const memory = { residentMb: 0, proportionalMb: 0, routingMb: 0 }
  while (performance.now() - start < idleMs) {
    await delay(idleMs / 5)
    // The maximum, because the processes of its checks are short.
    const own = memoryMbOf(running.own)
    const routing = memoryMbOf(running.routing)
    memory.residentMb = Math.max(memory.residentMb, tenths(own.resident))
    memory.proportionalMb = Math.max(memory.proportionalMb, tenths(own.proportional))
    memory.routingMb = Math.max(memory.routingMb, tenths(routing.proportional))
  }
  const after = processorTimes(groups)
  const elapsedMs = performance.now() - start
  const percentOf = (group) => tenths(((after[group] - before[group]) / elapsedMs) * 100)
  return {
    processorPercent: percentOf('own'),
    routingPercent: percentOf('routing'),
    wireguardPercent: percentOf('wireguard'),
    ...memory,
  }
}

function processorTimes(groups) {
  return Object.fromEntries(Object.entries(groups).map(([name, pids]) => [name, processorMsOf(pids)]))
}
