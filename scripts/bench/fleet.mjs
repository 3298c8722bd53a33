import { fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { describeTimes, summarize, tenths } from './controllers/figures.mjs'
import { memoryMbOf, processorMsOf } from './controllers/usage.mjs'
import { endpoints, startCluster } from './fleet/cluster.mjs'
import { runLabBench } from './shared/lab-bench.mjs'
import { check } from './shared/report.mjs'

/** From the question for a permit to the grant, on one machine. */
const BOUND = { grantedMs: 10 }
const patienceMs = 60_000

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
  const folder = await mkdtemp(join(tmpdir(), 'anyward-bench-'))
  try {
    const cluster = await startCluster(folder)
    const rows = []
    for (const count of values.sites.split(',').map(Number)) {
      say(`${count} sites join …`)
      rows.push(await measureFleet(cluster, count))
    }
    return {
      checks: rows.map(({ sites, granted }) =>
        check(
          `permit asked to granted, ${sites} sites, median`,
          granted.medianMs ?? patienceMs,
          BOUND.grantedMs,
          'ms',
        ),
      ),
      rows,
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function measureFleet(cluster, count) {
  const { EtcdStore } = await import('../../dist/fleet/etcd/etcd-store.js')
  const { timesFor } = await import('../../dist/node/service/join-fleet.js')
  const times = timesFor(Number(values.beat) || 1000 * Math.max(1, Math.ceil(count / 100)))
  const watched = `state/bench-${count}/changes`
  const groups = [0, 1].map((part) => {
    const first = Math.floor((count * part) / 2)
    return startSites({ first, count: Math.floor((count * (part + 1)) / 2) - first, times, watched, cluster })
  })
  const store = new EtcdStore(endpoints, cluster.credentials)
  try {
    await Promise.all(groups.map(({ joined }) => joined))
    // All beats have risen, and all connections are there.
    await delay(times.beatEveryMs * 2)
    say('nothing happens …')
    const idle = await measureIdle(cluster, groups, Number(values.seconds) * 1000)
    say('one key changes …')
    const known = []
    for (let round = 0; round < 21; round += 1) known.push(await measureChange(store, groups, watched))
    say('a key is compared and set …')
    const written = await measureWrites(store, `state/bench-${count}/written`)
    say('a node asks for its permit …')
    const granted = await measurePermits(store, times)
    const failures = await Promise.all(groups.map(({ ask }) => ask()))
    return {
      ...{ sites: count, beatEveryMs: times.beatEveryMs, load: loadavg().map(tenths) },
      ...{ idle, known: summarize(known), granted: summarize(granted), written: summarize(written) },
      failures: failures.reduce((sum, one) => sum + one, 0),
    }
  } finally {
    await store.close()
    for (const { child } of groups) child.kill('SIGKILL')
  }
}

function startSites({ first, count, times, watched, cluster }) {
  const settings = { first, count, endpoints, credentials: cluster.credentials, times, watched }
  const child = fork(fileURLToPath(new URL('fleet/sites.mjs', import.meta.url)), [JSON.stringify(settings)])
  const waiting = new Set()
  child.on('message', (message) => {
    for (const one of waiting) {
      if (!one.fits(message)) continue
      waiting.delete(one)
      one.resolve(message)
    }
  })
  const next = (fits) => new Promise((resolve) => waiting.add({ fits, resolve }))
  return {
    child,
    count,
    joined: count === 0 ? Promise.resolve() : next(({ joined }) => joined === count),
    next,
    ask: async () => {
      const reply = next((message) => 'failures' in message)
      child.send('failures')
      return (await reply).failures
    },
  }
}

async function measureIdle(cluster, groups, idleMs) {
  const pids = groups.map(({ child }) => child.pid)
  const before = { ...cluster.usage(), ...(await cluster.counters()), sitesMs: processorMsOf(pids) }
  const start = performance.now()
  await delay(idleMs)
  const elapsedMs = performance.now() - start
  const after = { ...cluster.usage(), ...(await cluster.counters()), sitesMs: processorMsOf(pids) }
  const perSecond = (name) => Math.round(((after[name] - before[name]) / elapsedMs) * 1000)
  return {
    seconds: Math.round(elapsedMs / 1000),
    membersPercent: tenths(((after.processorMs - before.processorMs) / elapsedMs) * 100),
    membersMb: tenths(after.memoryMb),
    sitesPercent: tenths(((after.sitesMs - before.sitesMs) / elapsedMs) * 100),
    sitesMb: tenths(memoryMbOf(pids).resident),
    writesPerSecond: perSecond('writes'),
    eventsPerSecond: perSecond('events'),
    sentKbPerSecond: Math.round(perSecond('sentBytes') / 1024),
  }
}

/** Until each site has seen it, in ms; `null`: not in time. */
async function measureChange(store, groups, key) {
  const value = randomUUID()
  const seen = groups
    .filter(({ count }) => count > 0)
    .map(({ next }) => next((message) => message.value === value))
  const startMs = performance.timeOrigin + performance.now()
  const { outcome, message } = await store.transact({ compares: [], writes: [{ key, value }] }, 5000)
  if (outcome !== 'committed') throw new Error(`a write to the store: ${outcome}: ${message}`)
  const all = Promise.all(seen).then((messages) => Math.max(...messages.map(({ atMs }) => atMs)) - startMs)
  return Promise.race([all, delay(patienceMs, null, { ref: false })])
}

/** One compare-and-set after the other. */
async function measureWrites(store, key) {
  const took = []
  let value = null
  for (let round = 0; round < Number(values.permits); round += 1) {
    const next = randomUUID()
    const start = performance.now()
    const { outcome } = await store.transact(
      { compares: [{ key, value }], writes: [{ key, value: next }] },
      5000,
    )
    took.push(outcome === 'committed' ? performance.now() - start : null)
    value = next
  }
  return took
}

/** One more node, which asks, is granted, and gives the permit back, again and again. */
async function measurePermits(store, times) {
  const { FleetMember } = await import('../../dist/fleet/exchange/fleet-member.js')
  const { systemClock } = await import('../../dist/clock/clock.js')
  const member = new FleetMember({
    ...{ store, clock: systemClock, self: { site: 'asks', node: 'asks-a' }, times },
    services: [{ name: 'vpn', minSites: 2 }],
    createNonce: randomUUID,
    onFailure: () => {},
  })
  const service = member.service('vpn')
  const granted = []
  try {
    // It has to see the beats of others rise.
    await delay(times.beatEveryMs * 2)
    for (let round = 0; round < Number(values.permits); round += 1) {
      service.sayWell()
      await untilReturned(store, member, service)
      const start = performance.now()
      const { phase } = await service.ask('probe')
      granted.push(phase === 'granted' ? performance.now() - start : null)
    }
  } finally {
    service.sayWell()
    await untilReturned(store, member, service)
    await member.close()
  }
  return granted
}

/** Also as the node has watched it: before it is well again for a while it is not asked. */
async function untilReturned(store, member, service) {
  const endsAtMs = performance.now() + patienceMs
  for (;;) {
    const key = 'permit/vpn'
    const read = await store.read([{ key }], 5000)
    const register = read.outcome === 'read' ? JSON.parse(read.values.get(key) ?? '[]') : null
    if (register?.length === 0 && service.entry?.well === true && !member.holds('vpn')) return
    if (performance.now() > endsAtMs)
      throw new Error(`the permit is not returned: ${JSON.stringify(register)}`)
    await delay(5)
  }
}

function describe(rows) {
  for (const { sites, beatEveryMs, load, idle, known, written, granted, failures } of rows) {
    for (const line of [
      `${sites} sites, a beat every ${beatEveryMs} ms, for ${idle.seconds} s; ${failures} requests failed:`,
      `  the three members ${idle.membersPercent} % of a core, ${idle.membersMb} MB; the sites ${idle.sitesPercent} %, ${idle.sitesMb} MB;`,
      `  ${idle.writesPerSecond} writes, ${idle.eventsPerSecond} events and ${idle.sentKbPerSecond} KB a second to the sites;`,
      `  a change is known to all after ${describeTimes(known, patienceMs)} ms;`,
      `  from a permit asked to granted ${describeTimes(granted, patienceMs)} ms, where a compare-and-set alone takes ${describeTimes(written, patienceMs)} ms.`,
      `  Load of the machine over 1, 5 and 15 min: ${load.join(', ')}.`,
    ]) {
      console.log(`      ${line}`)
    }
  }
}

function say(text) {
  if (!values.json) console.log(`      ${text}`)
}
