import { runIn } from '../../machine/namespaces.ts'
import { together } from '../../machine/together.ts'
import { type Check, readStatus } from '../../readiness.ts'
import type { ClientState, LabState, NodeState } from '../../state.ts'

/** `wg` prints whole seconds, and the clocks of a roster's streams are read to within the delay of a message. */
const toleranceMs = 500

/** The node with the client's newest handshake; `null`: there is none. Of two in one second it is not `other`. */
export async function findServing(
  state: LabState,
  client: ClientState,
  other: string | null = null,
): Promise<NodeState | null> {
  const times = await together(state.nodes.map((node) => readHandshake(node, client)))
  const newest = Math.max(...times)
  const found = newest === 0 ? [] : state.nodes.filter((_, at) => times[at] === newest)
  return found.find(({ name }) => name !== other) ?? found[0] ?? null
}

/** In seconds since 1970; 0: none. */
async function readHandshake(node: NodeState, client: ClientState): Promise<number> {
  const wireguard = node.wireguard.find(({ service }) => service === client.service)
  if (wireguard === undefined) return 0
  const argv = ['wg', 'show', wireguard.interface, 'latest-handshakes']
  // The fault may have removed the interface, or stopped its process.
  const text = await runIn(node.namespace, argv, { timeoutMs: 1000 }).catch(() => '')
  return parseHandshake(text, client.publicKey)
}

/** Of the output of `wg show INTERFACE latest-handshakes`. */
export function parseHandshake(text: string, publicKey: string): number {
  const line = text.split('\n').find((one) => one.startsWith(`${publicKey}\t`))
  return Number(line?.split('\t')[1] ?? 0)
}

/** The node serves the client. */
export function servingCheck(state: LabState, client: ClientState, node: NodeState): Check {
  return async () => {
    const serving = await findServing(state, client)
    if (serving?.name === node.name) return null
    const instead = serving === null ? 'it has no session' : `it is served by ${serving.name}`
    return { what: `${client.name} served by ${node.name}`, instead, log: null }
  }
}

/** Each other node has the client's last handshake with this node in its roster. */
export function rosterChecks(state: LabState, client: ClientState, node: NodeState): Check[] {
  const others = state.nodes.filter(({ name }) => name !== node.name)
  return others.map((other) => async () => {
    const [handshakeS, status] = await Promise.all([
      readHandshake(node, client),
      readStatus(other).catch((error: Error) => error),
    ])
    const what = `${client.name} in the roster of ${other.name}`
    if (status instanceof Error) return { what, instead: `no status: ${status.message}`, log: null }
    const { rescue } = status
    const entry = rescue?.nodes.find((one) => one.node === node.name)
    const isKnown =
      entry !== undefined &&
      entry.entries > 0 &&
      entry.ageMs !== null &&
      handshakeS > 0 &&
      Date.parse(status.time) - entry.ageMs >= handshakeS * 1000 - toleranceMs
    if (isKnown) return null
    return { what, instead: rescue?.problem ?? entry?.problem ?? 'no entry of its last handshake', log: null }
  })
}
