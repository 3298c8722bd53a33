import { request } from 'node:http'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { readBundle } from '../bundle/read.ts'
import { type NodeStatus, statusSchema } from '../control/status.ts'
import type { Manifest } from '../manifest/manifest.ts'
import { BirdClient } from '../node/routing/bird/client.ts'
import { daemonLogOf } from './machine/daemons.ts'
import { runIn } from './machine/namespaces.ts'
import { readPrefixes, readSessions } from './machine/tables.ts'
import { tail } from './machine/wait-for-start.ts'
import type { ClientState, LabState, NodeState, RouterState } from './state.ts'

interface Missing {
  /** Such as `BGP fra1-a -- fra1-transit`. */
  readonly what: string
  readonly instead: string
  /** A log that may show the cause. */
  readonly log: string | null
}

/** The lab did not come up in time: each missing item, and the end of its log. */
export class NotReadyError extends Error {
  override readonly name = 'NotReadyError'
  readonly missing: readonly Missing[]
  /** By the log's path. */
  readonly logs: ReadonlyMap<string, string>

  constructor(missing: readonly Missing[], logs: ReadonlyMap<string, string>) {
    super(missing.map(({ what, instead }) => `${what}: ${instead}`).join('\n'))
    this.missing = missing
    this.logs = logs
  }
}

/** A check that is repeated until its result is `null`. */
export type Check = () => Promise<Missing | null>

/** A check may wait for seconds itself. */
const longestPauseMs = 1000

/** Polls all checks until each has passed once. Throws NotReadyError. */
export async function waitUntilReady(
  checks: readonly Check[],
  deadline: number,
  signal?: AbortSignal,
): Promise<void> {
  let open = [...checks]
  for (;;) {
    signal?.throwIfAborted()
    const since = performance.now()
    const results = await Promise.all(open.map(async (check) => ({ check, missing: await check() })))
    open = results.filter(({ missing }) => missing !== null).map(({ check }) => check)
    if (open.length === 0) return
    if (performance.now() > deadline) {
      const missing = results.flatMap((result) => (result.missing === null ? [] : [result.missing]))
      throw new NotReadyError(missing, await tailLogs(missing))
    }
    // A round of many checks uses CPU that the checked processes need.
    const pauseMs = Math.min(Math.max(50, 3 * (performance.now() - since)), longestPauseMs)
    await delay(pauseMs, undefined, { signal })
  }
}

/** The neighbors' BIRDs, one connection each. */
export class Tables {
  readonly #clients = new Map<string, BirdClient>()
  readonly #sessions = new Map<string, Promise<Map<string, string>>>()

  of(router: RouterState): BirdClient {
    let client = this.#clients.get(router.name)
    if (client === undefined) {
      client = new BirdClient({ socketPath: router.controlSocket, deadlineMs: 20_000 })
      this.#clients.set(router.name, client)
    }
    return client
  }

  /** The state of each of a router's sessions; concurrent checks share one query. */
  sessionsOf(router: RouterState): Promise<Map<string, string>> {
    let reading = this.#sessions.get(router.name)
    if (reading === undefined) {
      reading = readSessions(this.of(router)).finally(() => this.#sessions.delete(router.name))
      this.#sessions.set(router.name, reading)
    }
    return reading
  }

  close(): void {
    for (const client of this.#clients.values()) client.close()
  }
}

/** BGP is up at each neighbor of those nodes. */
export function sessionChecks(state: LabState, tables: Tables, nodes: readonly NodeState[]): Check[] {
  return state.routers.flatMap((router) =>
    router.sessions
      .filter((session) => nodes.some(({ name }) => name === session.node))
      .map(
        (session): Check =>
          async () => {
            const found = await tables.sessionsOf(router).then(
              (sessions) => sessions.get(session.protocol) ?? 'no such session',
              (error: Error) => error.message,
            )
            if (found === 'Established') return null
            const node = nodes.find(({ name }) => name === session.node)!
            return { what: `BGP ${session.node} -- ${router.name}`, instead: found, log: daemonLogOf(node) }
          },
      ),
  )
}

/** The neighbors' own wires into the core are up. */
export function coreChecks(state: LabState, tables: Tables): Check[] {
  return state.routers.map((router) => async () => {
    const sessions = await tables.sessionsOf(router).catch(() => new Map<string, string>())
    const down = ['lab_core4', 'lab_core6'].filter((name) => sessions.get(name) !== 'Established')
    if (down.length === 0) return null
    return { what: `the core's session with ${router.name}`, instead: down.join(', '), log: null }
  })
}

/** The node's controller announces every service, and each neighbor has its routes. */
export async function announceChecks(state: LabState, tables: Tables, node: NodeState): Promise<Check[]> {
  const manifest = await readBundle(node.bundle)
  return [
    controllerCheck(node),
    ...peerChecks(node),
    ...sessionsOf(state, node.name).map(
      ({ router, session }): Check =>
        async () => {
          const expected = expectedPrefixes(manifest, session.neighbor)
          const found = await readPrefixes(tables.of(router), session.protocol).catch(() => new Set<string>())
          const absent = expected.filter((prefix) => !found.has(prefix))
          if (absent.length === 0) return null
          const what = `${absent.join(', ')} of ${node.name} at ${router.name}`
          const instead = found.size === 0 ? 'no route' : `it has ${[...found].join(', ')}`
          return { what, instead, log: controllerLogOf(node) }
        },
    ),
  ]
}

export function expectedPrefixes(manifest: Manifest, neighbor: string): readonly string[] {
  return manifest.neighbors.find(({ name }) => name === neighbor)?.prefixes ?? []
}

export function sessionsOf(state: LabState, node: string) {
  return state.routers.flatMap((router) =>
    router.sessions.filter((session) => session.node === node).map((session) => ({ router, session })),
  )
}

/** BGP is up with the other nodes of the fleet. */
export function peerChecks(node: NodeState): Check[] {
  return node.peers.map((peer) => async () => {
    const status = await readStatus(node).catch(() => null)
    const found = status?.neighbors.find(({ name }) => name === peer.neighbor)?.session ?? 'unknown'
    if (found === 'up') return null
    return { what: `BGP ${node.name} -- ${peer.node}`, instead: found, log: daemonLogOf(node) }
  })
}

/** The node's controller announces every service. */
export function controllerCheck(node: NodeState): Check {
  const what = `the controller of ${node.name}`
  const log = controllerLogOf(node)
  return async () => {
    const status = await readStatus(node).catch((error: Error) => error)
    if (status instanceof Error) return { what, instead: `does not answer: ${status.message}`, log }
    const others = status.services.filter(({ decision }) => decision !== 'announce')
    if (others.length === 0) return null
    const instead = others
      .map(({ name, decision, reason }) => `${name}: ${decision}, because ${reason}`)
      .join('; ')
    return { what, instead, log }
  }
}

/** The controller's status, over the management network. Rejects without a status. */
export function readStatus(node: NodeState): Promise<NodeStatus> {
  return new Promise((resolve, reject) => {
    const outgoing = request(node.statusUrl, { signal: AbortSignal.timeout(2000), agent: false }, (reply) => {
      let text = ''
      reply.setEncoding('utf8')
      reply.on('data', (chunk: string) => {
        text += chunk
      })
      reply.on('error', reject)
      reply.on('end', () => {
        try {
          if (reply.statusCode !== 200) throw new Error(`code ${reply.statusCode}: ${text.trim()}`)
          resolve(statusSchema.parse(JSON.parse(text)))
        } catch (error) {
          reject(error)
        }
      })
    })
    outgoing.on('error', reject)
    outgoing.end()
  })
}

/** An echo through the client's tunnel is answered. */
export function clientCheck(client: ClientState, signal?: AbortSignal): Check {
  return async () => {
    // One echo a second until the first reply: on a busy machine the first handshake takes longer than one of them.
    const argv = ['ping', '-n', '-c', '1', '-w', '5', client.server.tunnelAddress]
    const answered = await runIn(client.namespace, argv, { signal }).then(
      () => true,
      () => false,
    )
    if (answered) return null
    return {
      what: `${client.name}`,
      instead: `no answer from ${client.server.tunnelAddress} through ${client.server.endpoint}`,
      log: null,
    }
  }
}

export function controllerLogOf(node: NodeState): string {
  return join(node.dir, 'controller.log')
}

async function tailLogs(missing: readonly Missing[]): Promise<Map<string, string>> {
  const logs = new Map<string, string>()
  for (const { log } of missing) {
    if (log !== null && !logs.has(log)) logs.set(log, await tail(log))
  }
  return logs
}
