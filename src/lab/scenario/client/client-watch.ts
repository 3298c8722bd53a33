import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { signalProcess } from '../../machine/processes.ts'
import { startPing } from '../../machine/traffic.ts'
import { type Check, clientCheck, NotReadyError, waitUntilReady } from '../../readiness.ts'
import type { ClientState, LabState, NodeState } from '../../state.ts'
import { findOutage, type Outage, type PingReply, parsePingLog } from '../ping-log.ts'
import type { Scenario, Stage } from '../scenario.ts'
import { startDownlink } from './downlink.ts'
import { putBehindNat, requireTranslated } from './nat.ts'
import { renewClients } from './renew.ts'
import { findServing, rosterChecks, servingCheck } from './serving.ts'

const packetIntervalMs = 20
const packetLog = 'scenario.log'
const readyTimeoutMs = 30_000
const connectTimeoutMs = 5000
const pauseMs = 50
/** A WireGuard client tries a new handshake after some 15 s. */
export const clientPatienceMs = 20_000

/** `stays`: it has replies, but not from where it was to move. `dark`: it has none. */
export type Arrival =
  | { readonly kind: 'back'; readonly outage: Outage | null }
  | { readonly kind: 'stays' }
  | { readonly kind: 'dark' }

/** Packets of one client, and which node serves it. */
export class ClientWatch {
  readonly client: ClientState
  readonly #state: LabState
  readonly #node: NodeState
  readonly #undo: (() => Promise<unknown>)[] = []

  private constructor({ state, node }: Stage, client: ClientState) {
    this.client = client
    this.#state = state
    this.#node = node
  }

  /** Returns after the client's first packet. Throws NotReadyError. */
  static async start(stage: Stage, client: ClientState, scenario: Scenario, signal: AbortSignal) {
    const watch = new ClientWatch(stage, client)
    try {
      await watch.#prepare(stage, scenario, signal)
      await watch.#startPackets(scenario, signal)
    } catch (error) {
      await watch.stop()
      throw error
    }
    return watch
  }

  async stop(): Promise<void> {
    for (const undo of this.#undo.splice(0).reverse()) await undo()
  }

  /** The longest one since then, in milliseconds since the epoch. */
  async outageSince(sinceMs: number): Promise<Outage | null> {
    return findOutage(await this.#read(), sinceMs)
  }

  /** Waits until the client is served by another node (`elsewhere`), or by its own (`here`), and has replies. */
  async until(where: 'elsewhere' | 'here', sinceMs: number, signal: AbortSignal): Promise<Arrival> {
    const startedAt = epochMs()
    let arrivedAt: number | null = null
    for (;;) {
      arrivedAt ??= (await this.#isServed(where)) ? epochMs() : null
      const replies = await this.#read()
      const lastAt = replies.at(-1)?.atMs ?? 0
      if (arrivedAt !== null && lastAt > arrivedAt)
        return { kind: 'back', outage: findOutage(replies, sinceMs) }
      if (epochMs() - startedAt > clientPatienceMs)
        return { kind: epochMs() - lastAt < 1000 ? 'stays' : 'dark' }
      await delay(pauseMs, undefined, { signal })
    }
  }

  async #isServed(where: 'elsewhere' | 'here'): Promise<boolean> {
    const own = this.#node.name
    if (where === 'here') return (await findServing(this.#state, this.client))?.name === own
    const serving = await findServing(this.#state, this.client, own)
    return serving !== null && serving.name !== own
  }

  /** A scenario about the client has its surroundings; with session rescue, the other nodes have the client in their rosters. */
  async #prepare({ state, node, manifest }: Stage, { client: setting }: Scenario, signal: AbortSignal) {
    const { client } = this
    const deadline = performance.now() + readyTimeoutMs
    const wait = (checks: readonly Check[]) => waitUntilReady(checks, deadline, signal)
    if (setting?.behind === 'nat') this.#undo.push(await putBehindNat(state, client))
    await this.#connect(deadline, signal)
    if (setting !== undefined) await wait([servingCheck(state, client, node)])
    if (setting?.behind === 'nat') await requireTranslated(node, client)
    const serving = manifest.rescue === null ? null : await findServing(state, client)
    if (serving !== null) await wait(rosterChecks(state, client, serving))
  }

  /**
   * A new client, once the node announces again. Without session rescue, a client of before has its session where its
   * packets went meanwhile, and would be without replies for 15 s and more. The way from the neighbors to the client may
   * be late, so a client without replies is replaced once more.
   */
  async #connect(deadline: number, signal: AbortSignal): Promise<void> {
    for (;;) {
      await renewClients(this.#state, [this.client])
      const checkedUntil = Math.min(deadline, performance.now() + connectTimeoutMs)
      try {
        return await waitUntilReady([clientCheck(this.client, signal)], checkedUntil, signal)
      } catch (error) {
        if (!(error instanceof NotReadyError) || performance.now() > deadline) throw error
      }
    }
  }

  async #startPackets({ client: setting }: Scenario, signal: AbortSignal): Promise<void> {
    const { client } = this
    await rm(join(client.dir, packetLog), { force: true })
    if (setting?.sends === false) {
      const options = { client, first: this.#node, intervalMs: packetIntervalMs, log: packetLog }
      this.#undo.push(await startDownlink(this.#state, options))
    } else {
      const ping = await startPing(client, packetIntervalMs, packetLog)
      this.#undo.push(() => signalProcess(ping, 'SIGKILL'))
    }
    const deadline = performance.now() + 10_000
    while ((await this.#read()).length === 0 && performance.now() < deadline) {
      await delay(20, undefined, { signal })
    }
  }

  async #read(): Promise<PingReply[]> {
    return parsePingLog(await readFile(join(this.client.dir, packetLog), 'utf8').catch(() => ''))
  }
}

function epochMs(): number {
  return performance.timeOrigin + performance.now()
}
