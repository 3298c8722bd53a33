import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { prepareFault, watchNode } from '../controllers/lab.mjs'

const load = (path) => import(new URL(`../../../dist/${path}`, import.meta.url))
const { readBundle } = await load('bundle/read.js')
const { Tables } = await load('lab/readiness.js')
const { readState } = await load('lab/state.js')

const cli = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url))
const goneWithinMs = 20_000
const backWithinMs = 60_000
const settleMs = 500

export async function openLab() {
  return { state: await readState(), tables: new Tables(), program: [process.execPath, cli] }
}

/**
 * Breaks the endpoint and repairs it, again and again; ms from the end of the last failed probe to the withdrawal as the controller has
 * observed it, which the neighbor's table confirms; `null`: not withdrawn.
 */
export async function measureNode(lab, node, store, rounds) {
  const { watch } = await watchNode(lab, node)
  const { services } = await readBundle(node.bundle)
  const { intervalMs, timeoutMs, fall } = services[0].probe
  // The time of a withdrawal begins when the first of the failed probes does.
  const provenMs = (fall - 1) * intervalMs + timeoutMs
  const times = []
  for (let round = 0; round < rounds; round += 1) {
    await untilAllAnnounce(lab, store !== 'none')
    await delay(settleMs + Math.random() * intervalMs)
    const before = await withdrawalsOf(node)
    const { fault } = await prepareFault(lab, node, 'peer-missing')
    const members = lab.state.storeMembers.map(({ process: { pid } }) => pid)
    if (store === 'hangs') for (const pid of members) process.kill(pid, 'SIGSTOP')
    try {
      const since = performance.now()
      await fault.strike()
      const isGone = (await watch('gone', since, since + goneWithinMs)) !== null
      times.push(isGone ? (await nextWithdrawal(node, before)) - provenMs : null)
    } finally {
      for (const pid of members) process.kill(pid, 'SIGCONT')
      await fault.repair()
      await watch('back', performance.now(), performance.now() + backWithinMs)
    }
  }
  return times
}

/** Each service, at its neighbors; and with a store every node has seen it there, and no permit is given. */
async function untilAllAnnounce({ state: { nodes } }, hasStore) {
  const endsAtMs = performance.now() + backWithinMs
  for (;;) {
    const looks = await Promise.all(
      nodes.map((node) => (hasStore ? isFleetWell(node, nodes) : announces(node))),
    )
    if (looks.every(Boolean)) return
    if (performance.now() > endsAtMs) throw new Error('the sites do not announce again after a repair')
    await delay(50)
  }
}

async function announces({ statusUrl }) {
  const { services } = await (await fetch(statusUrl)).json()
  return services.every(({ decision }) => decision === 'announce')
}

async function isFleetWell({ statusUrl }, nodes) {
  const seen = await (await fetch(statusUrl.replace(/status$/, 'fleet'))).json()
  const well = seen.nodes.filter(({ stale, decision }) => !stale && decision === 'announce')
  return seen.store.ok === true && seen.permits.length === 0 && well.length === nodes.length
}

/** How many there were, and how long they took together. */
async function withdrawalsOf({ statusUrl }) {
  const text = await (await fetch(statusUrl.replace(/status$/, 'metrics'))).text()
  const read = (name) =>
    Number(
      new RegExp(`^anyward_transition_seconds_${name}\\{.*to="withdraw".*\\} (\\S+)$`, 'm').exec(text)?.[1] ??
        0,
    )
  return { count: read('count'), ms: read('sum') * 1000 }
}

/** The metric follows the neighbor's table. */
async function nextWithdrawal(node, before) {
  const endsAtMs = performance.now() + goneWithinMs
  for (;;) {
    const now = await withdrawalsOf(node)
    if (now.count > before.count) return now.ms - before.ms
    if (performance.now() > endsAtMs) throw new Error(`${node.name} does not observe its withdrawal`)
    await delay(20)
  }
}
