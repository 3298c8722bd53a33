// What the demo needs to show session rescue: a fleet without it, and the outage of a client.
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startController } from '../dist/lab/bring-up.js'
import { labNodes } from '../dist/lab/local-nodes.js'
import { signalProcess, waitForEnd } from '../dist/lab/machine/processes.js'
import { startPing } from '../dist/lab/machine/traffic.js'
import { controllerCheck, waitUntilReady } from '../dist/lab/readiness.js'
import { findOutage, parsePingLog } from '../dist/lab/scenario/ping-log.js'

const startLimitMs = 60_000
const endLimitMs = 5000

/** Gives the nodes of a lab the bundles of that fleet, and new controllers. Their neighbors keep all routes. */
export async function restartWith(fleet, state, program, signal) {
  const out = await mkdtemp(join(tmpdir(), 'anyward-demo-bundles-'))
  try {
    await labNodes({ state, program, soakMs: null }).plan(fleet, out)
    await Promise.all(
      state.nodes.map(async (node) => {
        await rm(node.bundle, { recursive: true })
        await cp(join(out, node.site, node.name), node.bundle, { recursive: true })
        await signalProcess(node.controller, 'SIGKILL')
        await waitForEnd(node.controller, endLimitMs)
        node.controller = await startController(node, program)
      }),
    )
    await waitUntilReady(state.nodes.map(controllerCheck), performance.now() + startLimitMs, signal)
  } finally {
    await rm(out, { recursive: true, force: true })
  }
}

const log = 'demo.log'

/** Pings from the site's client until `end`, which gives its longest outage, or `null`. */
export async function watchClient({ clients }, site) {
  const client = clients.find((one) => one.site === site)
  const since = performance.timeOrigin + performance.now()
  const ping = await startPing(client, 20, log)
  return {
    async end() {
      await signalProcess(ping, 'SIGKILL')
      return findOutage(parsePingLog(await readFile(join(client.dir, log), 'utf8')), since)
    },
  }
}
