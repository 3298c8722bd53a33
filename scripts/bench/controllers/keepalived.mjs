import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pairWire, scratch, watchAddress } from './lab.mjs'
import { logListener } from './log.mjs'
import { checkOf } from './settings.mjs'

const load = (path) => import(new URL(`../../../dist/${path}`, import.meta.url))
const { startDetached, signalProcess, waitForEnd } = await load('lab/machine/processes.js')

/** `man keepalived.conf`: whole seconds only; two failures, as in its samples, where others need three. */
const track = { seconds: 1, rise: 2, fall: 2 }

/** The skew time of the backup is (256 - priority) / 256 of an advertisement (RFC 9568, section 6.1), so the priority is the highest. */
const priorities = [254, 253]

/**
 * A pair with a virtual address each; nodes[0] is the master. The advertisements of the two addresses are independent.
 * @param instances `[{name, id, advertSeconds}]`
 */
export async function startKeepalived(lab, nodes, instances) {
  const pair = []
  for (const [at, node] of nodes.entries()) pair.push(await start(node, at, instances))
  const [{ record, log }] = pair
  return {
    node: nodes[0],
    intervalMs: track.seconds * 1000,
    rows: instances.map(({ name, id }) => ({ name, watch: watchAddress(lab, addressOf(id)) })),
    own: [record.pid],
    routing: [],
    prepare: async () => {},
    listen: () => logListener(log, /Entering (\w+) STATE/, ''),
    async stop() {
      for (const one of pair) await signalProcess(one.record, 'SIGTERM')
      for (const one of pair) await waitForEnd(one.record, 5000)
    },
  }
}

async function start(node, at, instances) {
  const prefix = join(scratch, `keepalived-${at}`)
  const config = `${prefix}.conf`
  const log = `${prefix}.log`
  await writeFile(config, render(node, at, instances), { mode: 0o600 })
  const argv = ['keepalived', '--dont-fork', '--log-console', '--vrrp', '--use-file', config]
  const pids = ['--pid', `${prefix}.pid`, '--vrrp_pid', `${prefix}-vrrp.pid`]
  const name = 'keepalived'
  const record = await startDetached({ name, namespace: node.namespace, argv: [...argv, ...pids], log })
  return { record, log }
}

function render(node, at, instances) {
  return `global_defs {
  dynamic_interfaces allow_if_changes
  script_user root
  vrrp_version 3
}
vrrp_script endpoint {
  script "${checkOf(node).join(' ')}"
  interval ${track.seconds}
  timeout ${track.seconds}
  rise ${track.rise}
  fall ${track.fall}
}
${instances
  .map(
    ({ id, advertSeconds }) => `vrrp_instance vip${id} {
  state ${at === 0 ? 'MASTER' : 'BACKUP'}
  interface ${pairWire.interface}
  virtual_router_id ${id}
  priority ${priorities[at]}
  advert_int ${advertSeconds}
  virtual_ipaddress {
    ${addressOf(id)}/24 dev ${pairWire.interface}
  }
  track_interface {
    ${node.wireguard[0].interface}
  }
  track_script {
    endpoint
  }
}
`,
  )
  .join('')}`
}

/** The virtual address of an instance. */
export function addressOf(id) {
  return `10.99.0.${id}`
}
