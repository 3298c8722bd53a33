import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { waitForBfd, watchNode } from './lab.mjs'
import { interval } from './settings.mjs'

const load = (path) => import(new URL(`../../../dist/${path}`, import.meta.url))
const { listProcesses, readArgv, readNetNamespace } = await load('linux/proc.js')
const { runIn } = await load('lab/machine/namespaces.js')
const { fenceTable } = await load('node/rescue/fence/fence.js')
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
    own: await findOurs(lab, node),
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
      if (node.daemon === 'bird')
        lab.announcements.set(node.name, await readFile(join(node.dir, 'announce.conf'), 'utf8'))
      await endOurs(lab, node)
      // It outlives the controller, and is in the way of another one.
      await runIn(node.namespace, ['nft', 'delete', 'table', 'inet', fenceTable]).catch(() => '')
    },
  }
}

/** All processes of this program on the node: the controller and those that it has started. */
async function findOurs({ program }, node) {
  const namespace = (await stat(`/run/netns/${node.namespace}`)).ino
  const ours = []
  for (const pid of await listProcesses()) {
    if ((await readNetNamespace(pid).catch(() => null)) !== namespace) continue
    if ((await readArgv(pid)).includes(program[1])) ours.push(pid)
  }
  return ours
}

async function endOurs(lab, node) {
  const deadline = performance.now() + 10_000
  let signal = 'SIGTERM'
  for (;;) {
    const pids = await findOurs(lab, node)
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
