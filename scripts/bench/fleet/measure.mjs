import { randomUUID } from 'node:crypto'
import { loadavg } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { summarize, tenths } from '../controllers/figures.mjs'
import { memoryMbOf, processorMsOf } from '../controllers/usage.mjs'
import { endpoints } from './cluster.mjs'
import { startGroups } from './groups.mjs'
import { measurePermits } from './permits.mjs'

export const patienceMs = 60_000
const joinWithinMs = 240_000
const rounds = 11

/** Where it does not come to its end, `problem` says why, beside what was measured before. */
export async function measureFleet(cluster, { sites, times, idleMs, permits }, say) {
  const { EtcdStore } = await import('../../../dist/fleet/etcd/etcd-store.js')
  const { beatEveryMs, readBeatsEveryMs } = times
  const watched = `state/bench-${sites}/changes`
  const { credentials } = cluster
  say(`${sites} sites join, a beat each ${beatEveryMs} ms …`)
  const groups = startGroups({ sites, endpoints, credentials, times, watched })
  const store = new EtcdStore(endpoints, credentials)
  const row = { sites, beatEveryMs, readBeatsEveryMs }
  try {
    await untilJoined(groups, joinWithinMs + beatEveryMs)
    // All beats have risen.
    await delay(beatEveryMs * 2)
    say('nothing happens …')
    row.idle = await measureIdle(cluster, groups, idleMs)
    say('one key changes …')
    const known = []
    while (known.length < rounds && known.at(-1) !== null)
      known.push(await measureChange(store, groups, watched))
    row.known = summarize(known)
    say('a key is compared and set …')
    row.written = summarize(await measureWrites(store, `state/bench-${sites}/written`, permits))
    say('a node asks for its permit …')
    row.granted = summarize(await measurePermits(store, times, permits))
  } catch (error) {
    row.problem = error.message
  } finally {
    await store.close()
    for (const { child } of groups.all) child.kill('SIGKILL')
  }
  return { ...row, load: loadavg().map(tenths) }
}

async function untilJoined({ all }, withinMs) {
  const endsAtMs = performance.now() + withinMs
  const total = (of) => all.reduce((sum, group) => sum + group[of], 0)
  while (total('joined') < total('count')) {
    if (performance.now() > endsAtMs) {
      throw new Error(`${total('joined')} of ${total('count')} sites have joined in ${withinMs / 1000} s`)
    }
    await delay(200)
  }
}

async function measureIdle(cluster, { one, light, all }, idleMs) {
  const pidsOf = (groups) => groups.map(({ child }) => child.pid)
  const look = async () => ({
    ...cluster.usage(),
    ...(await cluster.counters()),
    oneMs: processorMsOf(pidsOf([one])),
    lightMs: processorMsOf(pidsOf(light)),
  })
  for (const group of all) group.begin()
  const before = await look()
  const start = performance.now()
  await delay(idleMs)
  const elapsedMs = performance.now() - start
  const after = await look()
  const perMs = (name) => (after[name] - before[name]) / elapsedMs
  const perSecond = (name) => Math.round(perMs(name) * 1000)
  const percent = (name) => Math.round(perMs(name) * 10_000) / 100
  const said = await Promise.all(all.map(({ ask }) => ask()))
  return {
    seconds: Math.round(elapsedMs / 1000),
    ...{ membersPercent: percent('processorMs'), membersMb: tenths(after.memoryMb) },
    ...{ onePercent: percent('oneMs'), oneMb: tenths(memoryMbOf(pidsOf([one])).resident) },
    ...{
      lightPercent: percent('lightMs'),
      lightLateMs: Math.round(Math.max(0, ...said.slice(1).map(({ lateMs }) => lateMs))),
    },
    ...{ writes: perSecond('writes'), changes: perSecond('events') },
    ...{
      sent: perSecond('sent'),
      received: perSecond('received'),
      sentKb: Math.round(perSecond('sentBytes') / 1024),
    },
    ...{ knownNodes: said[0].known, staleNodes: said[0].stale },
    failures: said.reduce((sum, { failures }) => sum + failures, 0),
  }
}

/** Until each site has got it, in ms; `null`: not in time. */
async function measureChange(store, { all }, key) {
  const value = randomUUID()
  const seen = all.map(({ next }) => next((message) => message.value === value))
  const startMs = performance.timeOrigin + performance.now()
  const { outcome } = await store.transact({ compares: [], writes: [{ key, value }] }, 5000)
  if (outcome !== 'committed') return null
  const known = Promise.all(seen).then((messages) => Math.max(...messages.map(({ atMs }) => atMs)) - startMs)
  return Promise.race([known, delay(patienceMs, null, { ref: false })])
}

/** One compare-and-set after the other. */
async function measureWrites(store, key, count) {
  const took = []
  let value = null
  for (let round = 0; round < count; round += 1) {
    const next = randomUUID()
    const start = performance.now()
    const transaction = { compares: [{ key, value }], writes: [{ key, value: next }] }
    const { outcome } = await store.transact(transaction, 5000)
    took.push(outcome === 'committed' ? performance.now() - start : null)
    value = next
  }
  return took
}
