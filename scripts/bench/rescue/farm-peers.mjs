import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { faultOf, site } from './changes.mjs'
import { serverKey, setPeers } from './clients.mjs'
import { captureInitiations, inNamespace, listen, pause, until, untilRoster, watchRoute } from './machine.mjs'

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
  const { namespace } = lab.clients.find((one) => one.site === site)
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
  const node = lab.nodes.find((one) => one.site === site)
  const others = lab.nodes.filter((one) => one !== node)
  const tor = lab.neighbors.find(({ sessions }) => sessions.some((session) => session.node === node.name))
  const clients = await startFarm(lab, count)
  const routes = watchRoute(tor.namespace)
  const initiations = captureInitiations(lab.clients.find((one) => one.site === site).namespace)
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
    const own = lab.clients.find((one) => one.site === site)
    const { stdout } = await inNamespace(own.namespace, 'wg', 'show', own.interface, 'listen-port')
    const after = initiations.seen.filter(({ atMs, port }) => atMs >= since && port !== Number(stdout))
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
    const node = lab.nodes.find((one) => one.site === site)
    if (isRescued) await untilRoster(lab, node, count)
    await pause(settleMs)
    const before = lab.nodes.map(({ controllerPid }) => usageOf(controllerPid))
    await pause(seconds * 1000)
    return lab.nodes.map(({ name, controllerPid }, at) => {
      const after = usageOf(controllerPid)
      return { name, percent: (after.ticks - before[at].ticks) / seconds, megabytes: after.megabytes }
    })
  } finally {
    clients.stop()
  }
}

/** In ticks of 10 ms, also of children that have ended; memory that only these processes have. */
function usageOf(pid) {
  const family = [pid]
  const parents = new Map()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const stat = readStat(name)
    if (stat !== null) parents.set(Number(name), Number(stat[1]))
  }
  for (const one of family) for (const [child, parent] of parents) if (parent === one) family.push(child)
  let ticks = 0
  let kilobytes = 0
  for (const one of family) {
    const stat = readStat(one)
    if (stat === null) continue
    ticks += Number(stat[11]) + Number(stat[12]) + Number(stat[13]) + Number(stat[14])
    const rollup = read(`/proc/${one}/smaps_rollup`)
    for (const [, size] of rollup.matchAll(/^Private_\w+: +(\d+) kB$/gm)) kilobytes += Number(size)
  }
  return { ticks, megabytes: kilobytes / 1024 }
}

/** From its state on. */
function readStat(pid) {
  const text = read(`/proc/${pid}/stat`)
  return text === '' ? null : text.slice(text.lastIndexOf(')') + 2).split(' ')
}

function read(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
