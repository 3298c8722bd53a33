import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { writeFleet } from './fleet.mjs'

const load = (path) => import(new URL(`../../../dist/${path}`, import.meta.url))
const { readBundle } = await load('bundle/read.js')
const { startController } = await load('lab/bring-up.js')
const { signalProcess, waitForEnd } = await load('lab/machine/processes.js')
const { readStatus, sessionsOf, Tables } = await load('lab/readiness.js')
const { scenarios } = await load('lab/scenario/scenarios.js')
const { readState } = await load('lab/state.js')

/** On the bench's own tmpfs. */
const scratch = '/run/anyward-bench'
const script = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url))
const endTimeoutMs = 10_000
const announceTimeoutMs = 120_000

/** One node, its neighbors, and that many WireGuard interfaces; it ends with the namespaces of this process. */
export async function bringUp(count) {
  await mkdir(scratch, { recursive: true })
  await writeFleet(scratch, count)
  const argv = [script, '--sites', scratch, 'lab', 'up', '--timeout', '300s', '--json']
  await promisify(execFile)(process.execPath, argv, { maxBuffer: 2 ** 26 })
  const state = await readState()
  const [node] = state.nodes
  // Its packets would count as the server's.
  for (const { traffic } of state.clients) if (traffic !== null) await signalProcess(traffic, 'SIGKILL')
  const lab = { state, node, manifest: await readBundle(node.bundle), tables: new Tables() }
  await detachKernels(lab)
  putWireguardsLast(lab)
  return lab
}

/**
 * The kernel holds one global lock while it removes an interface. A neighbor that writes routes to this kernel would wait
 * for it; on its own machine it would not.
 */
async function detachKernels({ state, tables }) {
  for (const router of state.routers) await tables.of(router).send('disable "lab_kernel*"')
}

/**
 * The kernel's WireGuard has no process. The hundred wireguard-go in its place have one each, and each wakes up at every
 * change of an interface: this takes two cores for about 50 ms, in which nothing else would run.
 */
function putWireguardsLast({ node }) {
  for (const { process: wireguard } of node.wireguard) {
    if (wireguard !== null) writeFileSync(`/proc/${wireguard.pid}/autogroup`, '19')
  }
}

/** Replaces the controller by one with these options of Node; the announcements stay. */
export async function replaceController(lab, nodeOptions) {
  await endController(lab)
  lab.node.controller = await startController(lab.node, [process.execPath, ...nodeOptions, script])
  await waitUntilAnnounced(lab)
}

export async function endController({ node }) {
  await signalProcess(node.controller, 'SIGHUP')
  if (!(await waitForEnd(node.controller, endTimeoutMs))) throw new Error('the controller does not end')
}

export async function waitUntilAnnounced({ node }) {
  const deadline = performance.now() + announceTimeoutMs
  for (;;) {
    const status = await readStatus(node).catch(() => null)
    const others = status?.services.filter(({ decision }) => decision !== 'announce') ?? []
    if (status !== null && others.length === 0) return
    if (performance.now() > deadline) {
      throw new Error(
        status === null ? 'no controller answers' : `${others.length} services are not announced`,
      )
    }
    await delay(200)
  }
}

/** Injects faults and repairs them with the code of `anyward lab run`. */
export async function prepareFault({ state, node, manifest }, wireguard, name) {
  const scenario = scenarios.find((one) => one.name === name)
  const stage = { state, node, manifest, wireguard, program: [process.execPath, script] }
  return { fault: await scenario.prepare(stage), limitMs: scenario.boundOf(stage).limitMs }
}

/** For each neighbor, a query whether it has the prefixes of a service that may be advertised to it. */
export function findRoutes({ state, node, manifest, tables }, service) {
  const { prefixes } = manifest.services.find(({ name }) => name === service)
  return sessionsOf(state, node.name).flatMap(({ router, session }) => {
    const { family } = manifest.neighbors.find(({ name }) => name === session.neighbor)
    return prefixes
      .filter((prefix) => prefix.includes(':') === (family === 'ipv6'))
      .map((prefix) => ({
        isShared: !/\/(32|128)$/.test(prefix),
        isThere: async () => {
          const reply = await tables.of(router).send(`show route ${prefix} protocol ${session.protocol}`)
          return reply.lines.some(({ text }) => text.startsWith(`${prefix} `))
        },
      }))
  })
}
