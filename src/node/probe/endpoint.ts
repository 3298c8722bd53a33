import { type Clock, systemClock } from '../../clock/clock.ts'
import type { CheckName } from '../../manifest/words.ts'
import { parseAddress } from '../../net/prefix.ts'
import { WireguardClient } from '../wireguard/client.ts'
import { Deadline } from '../wireguard/deadline.ts'
import type { Endpoint } from '../wireguard/endpoint-socket.ts'
import type { Asked, AskOptions, ExchangeOutcome } from '../wireguard/exchange.ts'
import { initiationSpacingMs } from '../wireguard/handshakes.ts'
import type { InnerOutcome } from '../wireguard/inner/conversations.ts'
import { type IpRoute, ipRoute } from '../wireguard/inner/ip.ts'
import { rekeyAfterMs } from '../wireguard/session.ts'
import type { TimestampSource } from '../wireguard/timestamp.ts'
import { type DiagnosisShare, DiagnosisWatch, type DiagnosisWatchOptions } from './diagnosis-watch.ts'
import { judge } from './judge.ts'
import type { ProbeResult } from './result.ts'
import { SharedHandshakes } from './shared-handshakes.ts'
import { CloseCycle, type OnRound } from './suspicion/close-cycle.ts'
import { CloseCycles } from './suspicion/close-cycles.ts'
import type { ClosePace, PatienceRules } from './suspicion/patience.ts'
import { Suspicion } from './suspicion/suspicion.ts'

export interface EndpointProbeOptions {
  /** Every anycast address of one server, with its port. */
  readonly endpoints: readonly Endpoint[]
  /** 32 bytes, as are the others. */
  readonly serverPublicKey: Uint8Array
  readonly privateKey: Uint8Array
  readonly presharedKey: Uint8Array | null
  /** The probe's own address inside the tunnel. */
  readonly address: string
  /** The server's addresses inside the tunnel; those of the probe's own family are pinged. */
  readonly tunnelAddresses: readonly string[]
  readonly timeoutMs: number
  /** `interface` and `address` are checked elsewhere, and ignored here. */
  readonly checks: readonly CheckName[]
  /** `null`, or missing: each cycle waits for its turn and for the whole timeout. */
  readonly suspicion?: Omit<PatienceRules, 'timeoutMs'> | null
  readonly closeCycles?: CloseCycles
  readonly timestamps?: TimestampSource
  readonly hopLimit?: number
  readonly diagnosis?: DiagnosisWatchOptions
  readonly clock?: Clock
  /** Instead of one that these options make. */
  readonly client?: ProbeClient
}

type ProbeClient = Pick<
  WireguardClient,
  'handshake' | 'ping' | 'exchange' | 'tell' | 'close' | 'sessionAgeMs' | 'publicKey'
>

/** What a cycle has asked, and how long this process was not scheduled meanwhile. */
interface Course {
  readonly asked: Asked[]
  stalledMs: number
}

/** A handshake costs ten times as much as an echo, and rarely detects more. */
const cyclesPerHandshake = 5

/** Probes a WireGuard endpoint in cycles, which may overlap. */
export class EndpointProbe {
  readonly #options: EndpointProbeOptions
  readonly #clock: Clock
  readonly #client: ProbeClient
  readonly #routes: readonly IpRoute[]
  readonly #diagnosis: DiagnosisWatch | null
  readonly #suspicion: Suspicion | null
  readonly #closeCycles: CloseCycles
  readonly #handshakes: SharedHandshakes
  #closeCycle: CloseCycle | null = null
  #cyclesBegun = 0
  #cyclesWaiting = 0
  #nextEndpoint = 0
  #lastWasGood = true

  /** Throws TypeError if a ping is configured, and the probe and the server share no address family. */
  constructor(options: EndpointProbeOptions) {
    const { suspicion = null, timeoutMs, diagnosis } = options
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#routes = options.checks.includes('ping') ? echoRoutes(options) : []
    this.#client = options.client ?? new WireguardClient(options)
    this.#diagnosis = diagnosis === undefined ? null : new DiagnosisWatch(diagnosis)
    this.#suspicion = suspicion && new Suspicion({ ...suspicion, timeoutMs })
    this.#closeCycles = options.closeCycles ?? new CloseCycles()
    this.#handshakes = new SharedHandshakes(this.#client, this.#clock)
  }

  /** The public key of the probe, base64. */
  get publicKey(): string {
    return this.#client.publicKey.toString('base64')
  }

  /** Whether a cycle has missed an answer and asks closely by itself, so that the next one need not begin. */
  get isAskingClosely(): boolean {
    return this.#closeCycle?.isClose ?? false
  }

  /** The pauses of the endpoint, for the next controller: as JSON. */
  saveSilences(): unknown {
    return this.#suspicion?.save(this.#clock.now()) ?? []
  }

  /** @param saved unchecked, `awayMs` ago */
  restoreSilences(saved: unknown, awayMs: number): void {
    this.#suspicion?.restore(saved, awayMs, this.#clock.now())
  }

  /**
   * One cycle, which ends within the timeout. With `onRound`, for an endpoint that serves, it may report bad probes before its
   * end, and ends once they are `fall` in a row, the result included. Never rejects because of the other side.
   */
  async runCycle(onRound?: OnRound): Promise<ProbeResult> {
    const { timeoutMs } = this.#options
    const beganAtMs = this.#clock.now()
    const mayAskClosely = this.#lastWasGood && this.#cyclesWaiting === 0
    const pace = mayAskClosely ? (this.#suspicion?.paceAt(beganAtMs) ?? null) : null
    const diagnosis = this.#diagnosis?.watch(pace?.roundMs ?? timeoutMs / 3) ?? null
    const needsHandshake = this.#needsHandshake()
    this.#cyclesBegun += 1
    this.#cyclesWaiting += 1
    const course: Course = { asked: [], stalledMs: 0 }
    try {
      const result =
        pace !== null && onRound !== undefined
          ? await this.#askClosely(needsHandshake, pace, diagnosis, course, onRound)
          : await this.#ask(needsHandshake, diagnosis, course, onRound !== undefined)
      // An inconclusive cycle is no reason for more handshakes with a loaded server.
      if (result.outcome !== 'inconclusive') this.#lastWasGood = result.outcome === 'good'
      if (result.outcome === 'good') this.#diagnosis?.forget()
      return this.#learn(result, course, beganAtMs)
    } finally {
      this.#cyclesWaiting -= 1
      diagnosis?.end()
    }
  }

  #learn(result: ProbeResult, { asked, stalledMs }: Course, beganAtMs: number): ProbeResult {
    const suspicion = this.#suspicion
    if (suspicion === null) return result
    const nowMs = this.#clock.now()
    if (result.outcome === 'inconclusive') suspicion.takeInconclusive(result.cause, nowMs)
    if (result.outcome === 'bad') suspicion.takeBad(beganAtMs)
    if (result.outcome !== 'good') return result
    suspicion.takeGood(asked, beganAtMs, nowMs, stalledMs)
    return suspicion.findLoss(nowMs)
      ? { ...result, lost: this.#routes.length === 0 ? 'handshake' : 'ping' }
      : result
  }

  /** As `WireguardClient.exchange` and `tell`: in the session that the cycles keep alive. */
  exchange<Reply>(
    packet: Buffer,
    read: (inner: Buffer) => Reply | null,
    deadline: Deadline,
  ): Promise<InnerOutcome<Reply>> {
    return this.#client.exchange(packet, read, deadline)
  }

  tell(packet: Buffer): void {
    this.#client.tell(packet)
  }

  /** Pending cycles and exchanges end as inconclusive. */
  close(): Promise<void> {
    this.#diagnosis?.forget()
    return this.#client.close()
  }

  #needsHandshake(): boolean {
    const ageMs = this.#client.sessionAgeMs
    return (
      this.#routes.length === 0 ||
      !this.#lastWasGood ||
      // A running cycle without a reply: the session may be the cause.
      this.#cyclesWaiting > 0 ||
      ageMs === null ||
      ageMs >= rekeyAfterMs ||
      this.#cyclesBegun % cyclesPerHandshake === 0
    )
  }

  async #ask(
    needsHandshake: boolean,
    diagnosis: DiagnosisShare | null,
    course: Course,
    isServing: boolean,
  ): Promise<ProbeResult> {
    const deadline = new Deadline(this.#options.timeoutMs, this.#clock)
    try {
      const options = this.#askOptions(course.asked, isServing)
      return await this.#askInTurn(needsHandshake, deadline, diagnosis, options)
    } finally {
      course.stalledMs = deadline.stalledMs - (diagnosis?.blockedMs() ?? 0)
      deadline.cancel()
    }
  }

  /** The handshakes first, and then the echoes, each until the deadline. */
  async #askInTurn(
    needsHandshake: boolean,
    deadline: Deadline,
    diagnosis: DiagnosisShare | null,
    options: AskOptions,
  ): Promise<ProbeResult> {
    let handshakeMs: number | null = null
    let pingMs: number | null = null
    if (needsHandshake) {
      // An answer that takes longer still counts, if no later initiation takes its session from it.
      const usualMs = this.#suspicion?.usualMs ?? 0
      const everyMs = options.everyMs ?? Math.max(this.#options.timeoutMs / 3, 1.25 * usualMs)
      const shaken = await this.#handshakes.run(() => this.#handshakeEndpoints(), deadline, {
        ...options,
        everyMs,
      })
      if (!shaken.outcome.ok) return judge('handshake', shaken.endpoint, shaken.outcome, diagnosis)
      handshakeMs = shaken.outcome.ms
      this.#suspicion?.takeAnswer('handshake', handshakeMs)
    }
    const pings = await this.#pingAll(deadline, options)
    for (const { endpoint, outcome } of pings) {
      if (!outcome.ok) return judge('ping', endpoint, outcome, diagnosis)
      this.#suspicion?.takeAnswer('ping', outcome.ms)
      pingMs = Math.max(pingMs ?? 0, outcome.ms)
    }
    return { outcome: 'good', handshakeMs, pingMs }
  }

  /** A dead endpoint is asked less closely than one that may only have lost a packet. */
  #askOptions(asked: Asked[], isServing: boolean): AskOptions {
    const everyMs = isServing || this.#lastWasGood ? (this.#suspicion?.repeatMs ?? null) : null
    const onAsked = (question: Asked) => asked.push(question)
    return everyMs === null || everyMs > this.#options.timeoutMs / 4 ? { onAsked } : { onAsked, everyMs }
  }

  async #askClosely(
    isNeeded: boolean,
    pace: ClosePace,
    diagnosis: DiagnosisShare | null,
    course: Course,
    onRound: OnRound,
  ): Promise<ProbeResult> {
    const { endpoints, timeoutMs, suspicion } = this.#options
    const beganAtMs = this.#clock.now()
    const cycle = new CloseCycle({
      client: this.#client,
      clock: this.#clock,
      endpoints,
      routes: this.#routes,
      handshake: { endpoint: endpoints[this.#nextEndpoint % endpoints.length]!, isNeeded },
      pace,
      fall: suspicion?.fall ?? 1,
      timeoutMs,
      diagnosis,
      running: this.#closeCycles,
      onAnswer: (check, ms) => this.#suspicion?.takeAnswer(check, ms),
      onRound: (result, lateMs) => {
        this.#suspicion?.takeBad(beganAtMs)
        onRound(result, lateMs)
      },
    })
    if (isNeeded) this.#nextEndpoint += 1
    this.#closeCycle = cycle
    const result = await cycle.run()
    course.asked.push(...cycle.asked)
    course.stalledMs = cycle.stalledMs
    return result
  }

  /** Each endpoint on each route at once, which wakes both sides less often. One failure is enough. */
  #pingAll(
    deadline: Deadline,
    options: AskOptions,
  ): Promise<readonly { endpoint: Endpoint; outcome: ExchangeOutcome }[]> {
    return new Promise((resolve) => {
      const pings = this.#options.endpoints.flatMap((endpoint) =>
        this.#routes.map(async (route) => {
          const outcome = await this.#client.ping(endpoint, route, deadline, options)
          if (!outcome.ok) resolve([{ endpoint, outcome }])
          return { endpoint, outcome }
        }),
      )
      void Promise.all(pings).then(resolve)
    })
  }

  /** One in turn. After a failure all of them, because any may have failed, if the timeout is long enough. */
  #handshakeEndpoints(): readonly [Endpoint, ...Endpoint[]] {
    const { endpoints, timeoutMs } = this.#options
    const [first, ...others] = endpoints
    const hasRoomForAll = timeoutMs >= 2 * initiationSpacingMs * endpoints.length
    if (!this.#lastWasGood && hasRoomForAll) return [first!, ...others]
    const endpoint = endpoints[this.#nextEndpoint % endpoints.length]!
    this.#nextEndpoint += 1
    return [endpoint]
  }
}

function echoRoutes(options: EndpointProbeOptions): IpRoute[] {
  const familyOf = (text: string) => {
    const parsed = parseAddress(text)
    return parsed.ok ? parsed.value.family : null
  }
  const family = familyOf(options.address)
  const targets = options.tunnelAddresses.filter((address) => family !== null && familyOf(address) === family)
  if (targets.length === 0) {
    throw new TypeError(
      `the probe's address ${options.address} shares no family with the server's tunnel addresses ${options.tunnelAddresses.join(', ')}`,
    )
  }
  return targets.map((target) => ipRoute({ source: options.address, target }))
}
