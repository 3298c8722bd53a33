import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { scratch, waitForBfd, watchNode } from './lab.mjs'
import { logListener } from './log.mjs'
import { checkOf, interval } from './settings.mjs'

const load = (path) => import(new URL(`../../../dist/${path}`, import.meta.url))
const { runIn } = await load('lab/machine/namespaces.js')
const { startDetached, signalProcess, waitForEnd } = await load('lab/machine/processes.js')

/** The names of our controller's static protocols, as a pattern for birdc. */
const protocols = '"anyward*"'

/** A loop that checks and calls birdc, with the same BIRD and the same routes as ours. */
export async function startLoop(lab, node, name) {
  const alone = await startPlain(lab, node, name)
  const log = join(scratch, `loop-${node.name}.log`)
  const { seconds, rise, fall } = interval
  const record = await startDetached({
    name,
    namespace: node.namespace,
    argv: [
      fileURLToPath(new URL('loop.sh', import.meta.url)),
      ...[node.controlSocket, protocols, seconds, rise, fall].map(String),
      ...checkOf(node),
    ],
    log,
  })
  return {
    ...alone,
    own: [record.pid],
    listen: () => logListener(log, / (UP|DOWN): /, 'UP'),
    async stop() {
      await signalProcess(record, 'SIGKILL')
      await waitForEnd(record, 5000)
    },
  }
}

/** BIRD with static routes, the same as ours, and without a check: plain anycast. */
export async function startPlain(lab, node, name) {
  const { watch } = await watchNode(lab, node)
  await writeFile(join(node.dir, 'announce.conf'), lab.announcements.get(node.name))
  await runIn(node.namespace, ['birdc', '-s', node.controlSocket, 'configure'])
  return {
    node,
    intervalMs: interval.seconds * 1000,
    rows: [{ name, watch }],
    routing: node.daemons.map(({ pid }) => pid),
    prepare: () => waitForBfd(lab, node, 20_000),
    stop: async () => {},
  }
}
