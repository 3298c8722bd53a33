import { readdirSync, readFileSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { waitForBfd, watchNode } from './lab.mjs'
import { interval } from './settings.mjs'

const load = (path) => import(new URL(`../../../dist/${path}`, import.meta.url))
const { controllerLogOf, readStatus } = await load('lab/readiness.js')
const { parseDecisions, readFrom, sizeOf } = await load('lab/scenario/controller-log.js')

/** The controller that the lab has started on that node. */
export async function takeAnyward(lab, node, name) {
  const { watch } = await watchNode(lab, node)
  const log = controllerLogOf(node)
  return {
    node,
    intervalMs: interval.seconds * 1000,
    rows: [{ name, watch }],
    own: findOurs(lab, node),
    routing: node.daemons.map(({ pid }) => pid),
    prepare: () => waitForBfd(lab, node, 20_000),
    async listen() {
      const offset = await sizeOf(log)
      return async () => {
        const { services } = await readStatus(node)
        const withdrawn = parseDecisions(await readFrom(log, offset)).find(
          ({ decision }) => decision === 'withdraw',
        )
        return {
          lines: withdrawn === undefined ? [] : [withdrawn.message],
          state: `${services[0].decision}, ${services[0].reason}`,
        }
      }
    },
    /** The next contender on this node has only BIRD, and starts with the routes that Anyward announced. */
    async stop() {
      if (node.daemon === 'bird') lab.announcements = await readFile(join(node.dir, 'announce.conf'), 'utf8')
      await endOurs(lab, node)
    },
  }
}

/** All processes of this program on the node: the controller and those that it has started. */
function findOurs({ program }, node) {
  const namespace = statSync(`/run/netns/${node.namespace}`).ino
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => {
      try {
        const isThere = statSync(`/proc/${pid}/ns/net`).ino === namespace
        return isThere && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(program[1])
      } catch {
        return false
      }
    })
}

async function endOurs(lab, node) {
  const deadline = performance.now() + 10_000
  let signal = 'SIGTERM'
  for (;;) {
    const pids = findOurs(lab, node)
    if (pids.length === 0) return
    // The controller's guard may still run after it.
    if (performance.now() > deadline - 5000) signal = 'SIGKILL'
    if (performance.now() > deadline) throw new Error('our controller does not end')
    for (const pid of pids) endProcess(pid, signal)
    await delay(100)
  }
}

function endProcess(pid, signal) {
  try {
    process.kill(pid, signal)
  } catch {
    // It has ended meanwhile.
  }
}
