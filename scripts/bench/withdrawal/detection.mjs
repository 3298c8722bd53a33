import { setTimeout as delay } from 'node:timers/promises'

const load = (path) => import(new URL(`../../../dist/${path}`, import.meta.url))
const { readBundle } = await load('bundle/read.js')
const { sessionsOf } = await load('lab/readiness.js')
const { scenarios } = await load('lab/scenario/scenarios.js')
const { watchRoutes } = await load('lab/scenario/watch.js')

const goneWithinMs = 20_000
const backWithinMs = 60_000
const settleMs = 500
/** A repair at once would look like an endpoint that recovers by itself, to a reader of the log. */
const lastsMs = 1000
const never = new AbortController().signal

/**
 * Milliseconds from a fault of an endpoint to the withdrawal in its neighbor's table, for each service of each node, with the
 * faults in turn: what slows the machine down for a while slows down all of them. `null`: not withdrawn.
 */
export async function measureDetection(lab, nodes, faults, rounds, say) {
  const subjects = await Promise.all(
    nodes.flatMap((node) => node.wireguard.map((wireguard) => prepare(lab, node, wireguard, faults))),
  )
  const rows = subjects.flatMap(({ node, service, kinds }) =>
    kinds.map(({ name }) => ({
      daemon: node.daemon,
      fault: name,
      suspicion: service.probe.suspicion,
      times: [],
    })),
  )
  for (let round = 0; round < rounds; round += 1) {
    say(`round ${round + 1} of ${rounds}`)
    let row = 0
    for (const { service, held, kinds } of subjects) {
      for (const { fault } of kinds) {
        await untilAnnounced(lab, held)
        await delay(settleMs + Math.random() * service.probe.intervalMs)
        rows[row].times.push(await measureOnce(lab, held, fault))
        row += 1
      }
    }
  }
  return rows
}

async function prepare(lab, node, wireguard, faults) {
  const manifest = await readBundle(node.bundle)
  const service = manifest.services.find(({ name }) => name === wireguard.service)
  const [{ router, session }] = sessionsOf(lab.state, node.name)
  const stage = { state: lab.state, node, manifest, wireguard, program: lab.program }
  const kinds = []
  for (const name of faults) {
    kinds.push({ name, fault: await scenarios.find((one) => one.name === name).prepare(stage) })
  }
  return {
    node,
    service,
    kinds,
    held: { router, protocol: session.protocol, prefixes: service.prefixes },
  }
}

async function measureOnce(lab, held, fault) {
  const since = performance.now()
  try {
    await fault.strike()
    return (await watchRoutes(lab.tables, held, 'gone', since, since + goneWithinMs, never)).afterMs
  } finally {
    await delay(Math.max(0, since + lastsMs - performance.now()))
    await fault.repair()
  }
}

async function untilAnnounced(lab, held) {
  const since = performance.now()
  const { afterMs } = await watchRoutes(lab.tables, held, 'back', since, since + backWithinMs, never)
  if (afterMs === null) throw new Error(`${held.router.name} does not get the routes back after a repair`)
}
