import { execFile } from 'node:child_process'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import {
  anycast,
  captureInitiations,
  firstSite,
  inNamespace,
  until,
  untilWatched,
  watchRoute,
} from '../shared/machine.mjs'
import { startClients } from './clients.mjs'

const cli = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url))
const run = promisify(execFile)
/** After this many changes a client counts as one that flaps, and is rescued later: then new clients take over. */
const roundsOfClients = 3

/**
 * Moves clients of the first site away and back, again and again.
 *
 * @param plan `what` breaks or moves; `stayMs`: at the other site; `kinds`: how many clients of each; `rounds`; `limitMs`: until a
 *   client counts as dark for good
 * @returns for each kind how long each client was dark on the way away and back, from the moment that its route moved, and for a drain
 *   from the order; and the initiations for each client and change
 */
export async function measureChanges(lab, plan, folder) {
  const { node, tor, client } = firstSite(lab)
  const routes = watchRoute(tor.namespace)
  const initiations = captureInitiations(client.namespace)
  await initiations.started
  const rows = new Map()
  const note = (direction, kind, ms) => {
    const key = `${direction} ${kind}`
    rows.set(key, [...(rows.get(key) ?? []), ms])
  }
  const counts = []
  try {
    let group = null
    for (let round = 0; round < plan.rounds; round += 1) {
      if (round % roundsOfClients === 0) {
        await group?.stop()
        group = await startClients(lab, client.namespace, plan.kinds, folder)
      }
      const { clients } = group
      await group.forgetExcept(node.name)
      if (plan.isRescued)
        await untilWatched(
          lab,
          node,
          clients.map((client) => client.port),
        )
      // `wg` prints handshakes in whole seconds, and a client does not change its site twice within one. And each round strikes at
      // another moment between two packets.
      await pause(1000 + Math.random() * 100)
      const { strike, repair } = faultOf(plan.what, node, tor)
      const change = async (direction, order) => {
        const since = Date.now()
        await order()
        await routes.untilMoved(since)
        const from = plan.what === 'drain' && direction === 'away' ? since : routes.movedAt
        const dark = await Promise.all(
          clients.map(async (client) => [client, await client.darkSince(from, plan.limitMs)]),
        )
        for (const [{ kind }, ms] of dark) note(direction, kind, ms)
        const ports = new Set(clients.map((client) => client.port))
        const count = initiations.seen.filter(({ atMs, port }) => atMs >= since && ports.has(port)).length
        counts.push(count / clients.length)
      }
      await change('away', strike)
      await pause(plan.stayMs)
      await change('back', repair)
      await until('all clients are served', () => clients.every((client) => client.isServed()), plan.limitMs)
      // What an idle client receives still comes from the other site.
      await Promise.all(clients.map((client) => client.returnTo(node, routes.movedAt)))
    }
    await group?.stop()
  } finally {
    routes.stop()
    initiations.stop()
  }
  return { rows, initiations: counts }
}

export function faultOf(what, node, tor) {
  const order = (word) => run(process.execPath, [cli, word, '--node', node.name])
  const link = (state) => inNamespace(node.namespace, 'ip', 'link', 'set', node.wireguardInterface, state)
  const route = async (verb) => {
    const { stdout } = await run('ip', ['-n', tor.namespace, '-o', '-4', 'addr', 'show', 'dev', 'core0'])
    const [, core] = / peer ([\d.]+)/.exec(stdout)
    const words = [`${anycast}/32`, 'via', core, 'dev', 'core0', 'metric', '1']
    await run('ip', ['-n', tor.namespace, 'route', verb, ...words])
  }
  switch (what) {
    case 'dead':
      return { strike: () => link('down'), repair: () => link('up') }
    case 'drain':
      return { strike: () => order('drain'), repair: () => order('undrain') }
    case 'silent':
      return { strike: () => route('add'), repair: () => route('delete') }
    default:
      throw new Error(`unknown change: ${what}`)
  }
}
