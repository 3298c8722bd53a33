import { setTimeout as delay } from 'node:timers/promises'
import { Arrivals, startUplink } from '../shared/arrivals.mjs'
import { listenPortOf, until, untilWatched } from '../shared/machine.mjs'
import { summarize } from './figures.mjs'
import { prepareFault } from './lab.mjs'
import { waitUntilBack } from './measure.mjs'

const load = (path) => import(new URL(`../../../dist/${path}`, import.meta.url))
const { signalProcess } = await load('lab/machine/processes.js')
const { waitUntilReady } = await load('lab/readiness.js')
const { renewClients } = await load('lab/scenario/client/renew.js')
const { servingCheck } = await load('lab/scenario/client/serving.js')

/** A client that is dark for longer has no further rounds of that fault. */
export const clientPatienceMs = 30_000
const readyTimeoutMs = 30_000

export const clientFaults = [
  { id: 'wireguard-down', name: 'interface removed' },
  { id: 'node-crash', name: 'host crash' },
]

/** From each fault of the first node until the client's next answer through the tunnel, which is the second node's. */
export async function measureClient(lab, contender, running, rounds) {
  const [client] = lab.state.clients
  const { server, namespace } = client
  const port = server.endpoint.slice(server.endpoint.lastIndexOf(':') + 1)
  const endpoint = server.endpoint
  if (contender.host !== undefined) server.endpoint = `${contender.host}:${port}`
  // The lab's own ping would be more of an uplink.
  await signalProcess(client.traffic, 'SIGSTOP')
  const arrivals = new Arrivals()
  const ping = startUplink(namespace, client.interface, server.tunnelAddress, arrivals)
  const measured = []
  try {
    for (const { id } of clientFaults) {
      const times = []
      let limitMs = null
      while (times.length < rounds && times.at(-1) !== null) {
        const round = await measureRound(lab, { client, arrivals, isRescued: contender.isOurs }, running, id)
        times.push(round.darkMs)
        limitMs = round.limitMs
      }
      measured.push({ fault: id, limitMs, ...summarize(times) })
    }
  } finally {
    ping.kill('SIGKILL')
    server.endpoint = endpoint
  }
  return measured
}

async function measureRound(lab, { client, arrivals, isRescued }, running, id) {
  const { node, intervalMs } = running
  await running.prepare()
  await waitUntilBack(running)
  await beginSession(lab, node, client)
  if (isRescued) await untilWatched(lab.state, node, [await listenPortOf(client)])
  // `wg` prints handshakes in whole seconds, and a client does not change its node twice within one.
  await delay(1000 + Math.random() * intervalMs)
  await until('the client is served', () => arrivals.isServed())
  const { fault, limitMs } = await prepareFault(lab, node, id)
  try {
    const since = Date.now()
    await fault.strike()
    return { darkMs: await arrivals.darkSince(since, clientPatienceMs), limitMs }
  } finally {
    await fault.repair()
    await waitUntilBack(running)
  }
}

/** With new keys, so that neither node has a session of it, and its WireGuard begins one with the first node at once. */
async function beginSession({ state }, node, client) {
  await renewClients(state, [client])
  const check = servingCheck(state, client, node)
  await waitUntilReady([check], performance.now() + readyTimeoutMs)
}
