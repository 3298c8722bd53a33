import { execa } from 'execa'
import { readPrefixes } from '../../../src/lab/machine/tables.ts'
import { BirdClient } from '../../../src/node/routing/bird/client.ts'
import { patience } from '../../patience.ts'

export const cli = 'dist/cli/main.js'

/** The output of `anyward lab up --json`: the fields that these tests use. */
export interface Lab {
  nodes: LabNode[]
  neighbors: {
    name: string
    namespace: string
    controlSocket: string
    sessions: { node: string; protocol: string }[]
  }[]
}

export interface LabNode {
  name: string
  namespace: string
  daemon: 'bird' | 'frr'
  controlSocket: string
  wireguardInterface: string
  daemonPids: number[]
  controllerPid: number
  statusUrl: string
  bundle: string
  /** Its neighbors that are nodes of the fleet. */
  peers: { neighbor: string; node: string }[]
}

export async function labUp(sites: string): Promise<Lab> {
  await labDown()
  const { stdout } = await execa(process.execPath, [cli, 'lab', 'up', '--json', '--sites', sites])
  return JSON.parse(stdout) as Lab
}

export async function labDown(): Promise<void> {
  await execa(process.execPath, [cli, 'lab', 'down'])
}

/** Runs a program in a node's namespace. */
export function inside(node: LabNode, program: string, args: readonly string[]) {
  return execa('ip', ['netns', 'exec', node.namespace, program, ...args])
}

/** The tables of all neighbors of a node: the routes received from it, by neighbor. */
export class NeighborTables {
  readonly #sessions: { name: string; protocol: string; client: BirdClient }[]

  constructor(lab: Lab, node: LabNode) {
    this.#sessions = lab.neighbors.flatMap((neighbor) =>
      neighbor.sessions
        .filter((session) => session.node === node.name)
        .map(({ protocol }) => ({
          name: neighbor.name,
          protocol,
          client: new BirdClient({ socketPath: neighbor.controlSocket, deadlineMs: patience(5000) }),
        })),
    )
  }

  /** `neighbor prefix`, sorted. */
  async read(): Promise<string[]> {
    const rows: string[] = []
    for (const { name, protocol, client } of this.#sessions) {
      for (const prefix of await readPrefixes(client, protocol)) rows.push(`${name} ${prefix}`)
    }
    return rows.sort()
  }

  close(): void {
    for (const { client } of this.#sessions) client.close()
  }
}

/** Polls until the condition holds. At the deadline the error has the last value. */
export async function until<T>(
  what: string,
  look: () => Promise<T>,
  isSo: (value: T) => boolean,
  timeoutMs = 60_000,
) {
  const limitMs = patience(timeoutMs)
  const deadline = performance.now() + limitMs
  for (;;) {
    const value = await look().catch((error: unknown) => error as T)
    if (!(value instanceof Error) && isSo(value)) return value
    if (performance.now() > deadline) {
      const found = value instanceof Error ? String(value) : JSON.stringify(value, null, 1)
      throw new Error(`not within ${limitMs} ms: ${what}; instead: ${found}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
