import { join } from 'node:path'
import { runIn } from '../../machine/namespaces.ts'
import { signalProcess, startDetached } from '../../machine/processes.ts'
import { together } from '../../machine/together.ts'
import type { ClientState, LabState, NodeState, ProcessRecord } from '../../state.ts'

const table = 'anyward_lab_downlink'
/** Discard. */
const port = 9

/** Writes a line for each packet, as `ping -D` does. */
const receive = `
const [, family, port] = process.argv
require('node:dgram').createSocket(family).on('message', (data) => {
  const at = (performance.timeOrigin + performance.now()) / 1000
  console.log('[' + at.toFixed(6) + '] ' + data.length + ' bytes from server: icmp_seq=' + data.readUInt16BE(0) + ' time=0 ms')
}).bind(Number(port))`

/** All senders count by the clock, so that the client sees one series. */
const send = `
const [, family, port, address, everyMs] = process.argv
const socket = require('node:dgram').createSocket(family)
setInterval(() => {
  const data = Buffer.alloc(64)
  data.writeUInt16BE(Math.floor(Date.now() / everyMs) % 65536)
  socket.send(data, Number(port), address, () => {})
}, Number(everyMs))`

/**
 * Each node sends to the client, which sends nothing. Other nodes than the first begin when a handshake that they have begun
 * is answered: as in a network that sends a client's packets to the site that serves it.
 * @param log a file's name in the client's folder
 * @returns the end of it
 */
export async function startDownlink(
  state: LabState,
  {
    client,
    first,
    intervalMs,
    log,
  }: { client: ClientState; first: NodeState; intervalMs: number; log: string },
): Promise<() => Promise<void>> {
  const target = client.allowedIp.slice(0, client.allowedIp.indexOf('/'))
  const family = target.includes(':') ? 'udp6' : 'udp4'
  const nodes = state.nodes.filter(({ wireguard }) =>
    wireguard.some(({ service }) => service === client.service),
  )
  const others = nodes.filter(({ name }) => name !== first.name)
  const started: ProcessRecord[] = []
  const start = async (namespace: string, file: string, script: string, ...args: string[]) => {
    const argv = [process.execPath, '-e', script, family, String(port), ...args]
    started.push(await startDetached({ name: 'downlink', namespace, argv, log: file }))
  }
  // The lab's own ping would be an uplink.
  if (client.traffic !== null) await signalProcess(client.traffic, 'SIGSTOP')
  await together(
    others.map((node) =>
      runIn(node.namespace, ['nft', '-f', '-'], { input: renderGate(gateOf(node, client)) }),
    ),
  )
  await start(client.namespace, join(client.dir, log), receive)
  for (const node of nodes)
    await start(node.namespace, join(node.dir, 'downlink.log'), send, target, String(intervalMs))
  return async () => {
    await together(started.map((record) => signalProcess(record, 'SIGKILL')))
    await together(
      others.map((node) => runIn(node.namespace, ['nft', 'delete', 'table', 'inet', table]).catch(() => '')),
    )
    if (client.traffic !== null) await signalProcess(client.traffic, 'SIGCONT')
  }
}

function gateOf(node: NodeState, client: ClientState) {
  return node.wireguard.find(({ service }) => service === client.service)!
}

/** Type 2 is the answer to an initiation (WireGuard paper, section 5.4.3). */
export function renderGate(wireguard: { readonly interface: string; readonly port: number }): string {
  return `table inet ${table} {
  set answered { type inet_proto; flags dynamic; size 2; }
  chain answers {
    type filter hook input priority filter; policy accept;
    udp dport ${wireguard.port} @th,64,32 0x02000000 update @answered { meta l4proto }
  }
  chain data {
    type filter hook output priority filter; policy accept;
    oifname "${wireguard.interface}" udp dport ${port} meta l4proto != @answered drop
  }
}
`
}
