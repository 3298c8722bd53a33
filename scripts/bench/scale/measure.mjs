import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { tenths } from '../controllers/figures.mjs'
import { memoryMbOf, processorMsOf } from '../controllers/usage.mjs'
import { probe } from './fleet.mjs'
import { findRoutes, prepareFault, waitUntilAnnounced } from './lab.mjs'

/** After this time a route counts as not withdrawn. */
export const patienceMs = 20_000
const restoreTimeoutMs = 60_000
const settleMs = 2000

/** The processor time of each process with its descendants, without a fault. */
export async function measureIdle({ node }, idleMs) {
  await delay(settleMs)
  const controller = [node.controller.pid]
  const groups = {
    controller,
    routing: node.daemons.map(({ pid }) => pid),
    wireguard: node.wireguard.flatMap(({ process }) => process?.pid ?? []),
  }
  const before = processorTimes(groups)
  const switchesBefore = switchesOf(controller[0])
  const start = performance.now()
  await delay(idleMs)
  const elapsedMs = performance.now() - start
  const after = processorTimes(groups)
  const percentOf = (name) => tenths(((after[name] - before[name]) / elapsedMs) * 100)
  const { resident } = memoryMbOf(controller)
  return {
    seconds: Math.round(elapsedMs / 1000),
    controllerPercent: percentOf('controller'),
    routingPercent: percentOf('routing'),
    wireguardPercent: percentOf('wireguard'),
    residentMb: tenths(resident),
    switchesPerSecond: Math.round(((switchesOf(controller[0]) - switchesBefore) / elapsedMs) * 1000),
  }
}

/**
 * Breaks one service after another, and measures the time until the neighbors have lost all of its own routes; shared
 * routes must stay.
 */
export async function measureWithdrawals(lab, fault, rounds) {
  const times = []
  let limitMs = null
  for (let round = 0; round < rounds; round += 1) {
    // Far apart, and at a random moment of the services' intervals.
    const at = (round * 7) % lab.node.wireguard.length
    const result = await measureRound(lab, lab.node.wireguard[at], fault)
    times.push(result.afterMs)
    limitMs = result.limitMs
  }
  // The last repair must be complete before the next measurement.
  await waitUntilAnnounced(lab)
  return { times, limitMs }
}

async function measureRound(lab, wireguard, name) {
  const routes = findRoutes(lab, wireguard.service)
  await delay(settleMs + Math.random() * probe.intervalMs)
  await waitUntilBack(routes, wireguard.service)
  const { fault, limitMs } = await prepareFault(lab, wireguard, name)
  try {
    const since = performance.now()
    const struck = fault.strike()
    const afterMs = await watchRoutes(routes, 'gone', since, patienceMs)
    await struck
    return { afterMs, limitMs }
  } finally {
    await fault.repair()
  }
}

async function waitUntilBack(routes, service) {
  const afterMs = await watchRoutes(routes, 'back', performance.now(), restoreTimeoutMs)
  if (afterMs === null) throw new Error(`${service} is not announced`)
}

/** `null` at the deadline. */
async function watchRoutes(routes, wanted, since, timeoutMs) {
  const own = routes.filter(({ isShared }) => !isShared)
  const shared = routes.filter(({ isShared }) => isShared)
  for (;;) {
    const found = await Promise.all(own.map(({ isThere }) => isThere()))
    const now = performance.now()
    if (found.every((isThere) => isThere === (wanted === 'back'))) {
      const held = await Promise.all(shared.map(({ isThere }) => isThere()))
      if (held.includes(false)) throw new Error('a prefix that other services share was withdrawn too')
      return now - since
    }
    if (now - since > timeoutMs) return null
    await delay(1)
  }
}

function processorTimes(groups) {
  return Object.fromEntries(Object.entries(groups).map(([name, pids]) => [name, processorMsOf(pids)]))
}

/** The number of context switches of its threads, voluntary and not. */
function switchesOf(pid) {
  let switches = 0
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const status = readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8')
    for (const [, count] of status.matchAll(/voluntary_ctxt_switches:\s+(\d+)/g)) switches += Number(count)
  }
  return switches
}
