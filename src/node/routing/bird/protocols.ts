import { BirdClient } from './client.ts'
import { checkReply } from './reply.ts'

/** A protocol that BIRD runs. */
export interface BirdProtocol {
  readonly name: string
  /** As BIRD prints it: `BGP`, `OSPF`, `Static`. */
  readonly type: string
  /** `up`, `start`, `down`, `flush`. */
  readonly state: string
  /** `Established`; for other protocols `Running`, or empty. */
  readonly info: string
  readonly neighbor: string | null
  readonly neighborAsn: string | null
  /** The routes that all its channels have imported. */
  readonly imported: number
  /** The routes that they have exported. */
  readonly exported: number
}

/** Everything that BIRD runs, whatever file it came from. Throws DaemonError. */
export async function listBirdProtocols(socketPath: string, deadlineMs: number): Promise<BirdProtocol[]> {
  const client = new BirdClient({ socketPath, deadlineMs })
  try {
    const command = 'show protocols all'
    return parseProtocols(checkReply(command, await client.send(command)).lines)
  } finally {
    client.close()
  }
}

/** The states of an OSPF instance's neighbors, such as `Full/PtP`. Throws DaemonError. */
export async function listOspfNeighbors(
  socketPath: string,
  protocol: string,
  deadlineMs: number,
): Promise<string[]> {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(protocol)) return []
  const client = new BirdClient({ socketPath, deadlineMs })
  try {
    const { lines } = await client.send(`show ospf neighbors ${protocol}`)
    return lines.flatMap(({ text }) => /^\s*[\d.]+\s+\d+\s+(\w+\/\S+)/.exec(text)?.[1] ?? [])
  } finally {
    client.close()
  }
}

export function parseProtocols(
  lines: readonly { readonly code: number; readonly text: string }[],
): BirdProtocol[] {
  const found: BirdProtocol[] = []
  for (const { code, text } of lines) {
    const head =
      code === 1002 &&
      /^(\S+)\s+(\S+)\s+\S+\s+(\S+)\s+(?:\d{4}-\d\d-\d\d(?: [\d:.]+)?|[\d:.]+)\s*(.*)$/.exec(text)
    if (head) {
      const [, name, type, state, info] = head
      const facts = { neighbor: null, neighborAsn: null, imported: 0, exported: 0 }
      found.push({ name: name!, type: type!, state: state!, info: info!.trim(), ...facts })
      continue
    }
    const last = found.at(-1)
    const detail = code === 1006 && /^\s+(Neighbor address|Neighbor AS|Routes):\s+(\S+)/.exec(text)
    if (!detail || last === undefined) continue
    const [, key, value] = detail
    if (key === 'Neighbor address') found[found.length - 1] = { ...last, neighbor: value! }
    else if (key === 'Neighbor AS') found[found.length - 1] = { ...last, neighborAsn: value! }
    else {
      const exported = Number(/(\d+) exported/.exec(text)?.[1] ?? 0)
      found[found.length - 1] = {
        ...last,
        imported: last.imported + Number(value),
        exported: last.exported + exported,
      }
    }
  }
  return found
}
