import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { memoryMbOf, processorMsOf } from '../controllers/usage.mjs'
import {
  captureInitiations,
  firstSite,
  listen,
  listenPortOf,
  until,
  untilRoster,
  watchRoute,
} from '../shared/machine.mjs'
import { faultOf } from './changes.mjs'
import { serverKey, setPeers } from './clients.mjs'

const { keyPairOf } = await import(new URL('../../../dist/node/wireguard/key.js', import.meta.url))
const farm = fileURLToPath(new URL('farm.mjs', import.meta.url))
const settleMs = 10_000
const watchMs = 6000

/** Gives each node `count` peers, which begin sessions at the first site and then are idle. */
export async function startFarm(lab, count) {
  const keys = Array.from({ length: count }, () => randomBytes(32))
  const peers = keys.map((key, at) => ({
    publicKey: keyPairOf(key).publicKey.toString('base64'),
    inner: `10.80.${16 + (at >> 8)}.${at & 255}`,
  }))
  for (const node of lab.nodes) await setPeers(node, peers)
  const { namespace } = firstSite(lab).client
  const argv = ['netns', 'exec', namespace, process.execPath, farm, await serverKey(lab)]
  const child = spawn('ip', argv, { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.end(keys.map((key) => key.toString('base64')).join('\n'))
  let isReady = false
  listen(child.stdout, (line) => {
    if (line === 'ready') isReady = true
  })
  await until(`${count} clients have sessions`, () => {
    if (child.exitCode !== null) throw new Error('the clients of the bench have ended')
    return isReady
  })
  return { stop: () => child.kill('SIGKILL') }
}

/**
 * The first site dies with `count` peers, which do not answer the initiations of those that take over.
 *
 * @returns when the last of the first initiations to each peer came, since the route moved; the initiations for each peer in six seconds;
 *   and the nodes that did not announce all the time
 */
export async function measureSweep(lab, count) {
  const { node, tor, client } = firstSite(lab)
  const others = lab.nodes.filter((one) => one !== node)
  const clients = await startFarm(lab, count)
  const routes = watchRoute(tor.namespace)
  const initiations = captureInitiations(client.namespace)
  try {
    await initiations.started
    await untilRoster(lab, node, count)
    const withdrawn = new Set()
    let isOver = false
    const watching = Promise.all(
      others.map(async ({ name, statusUrl }) => {
        while (!isOver) {
          const { services } = await (await fetch(statusUrl)).json()
          if (services.some(({ announced }) => announced.length === 0)) withdrawn.add(name)
          await pause(100)
        }
      }),
    )
    const since = Date.now()
    await faultOf('dead', node, tor).strike()
    await routes.untilMoved(since)
    const { movedAt } = routes
    await pause(watchMs)
    isOver = true
    await watching
    const first = new Map()
    const own = await listenPortOf(client)
    const after = initiations.seen.filter(({ atMs, port }) => atMs >= since && port !== own)
    for (const { atMs, port } of after) if (!first.has(port)) first.set(port, atMs - movedAt)
    return {
      reached: first.size,
      lastMs: Math.max(...first.values()),
      perPeer: after.length / count,
      withdrawn: [...withdrawn],
    }
  } finally {
    routes.stop()
    initiations.stop()
    clients.stop()
  }
}

/**
 * What each node's controller and its children take while `count` peers of the first site are idle.
 *
 * @returns by node, percent of a core and megabytes
 */
export async function measureIdle(lab, count, seconds, isRescued) {
  const clients = await startFarm(lab, count)
  try {
    if (isRescued) await untilRoster(lab, firstSite(lab).node, count)
    await pause(settleMs)
    const before = lab.nodes.map(({ controllerPid }) => processorMsOf([controllerPid]))
    await pause(seconds * 1000)
    return lab.nodes.map(({ name, controllerPid }, at) => ({
      name,
      percent: (processorMsOf([controllerPid]) - before[at]) / (10 * seconds),
      megabytes: memoryMbOf([controllerPid]).proportional,
    }))
  } finally {
    clients.stop()
  }
}
