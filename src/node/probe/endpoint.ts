import type { ManifestService } from '../../manifest/manifest.ts'
import type { CheckName } from '../../manifest/words.ts'
import { parseAddress } from '../../net/prefix.ts'
import { WireguardClient } from '../wireguard/client.ts'
import { Deadline } from '../wireguard/deadline.ts'
import { type Endpoint, formatEndpoint } from '../wireguard/endpoint-socket.ts'
import type { ExchangeFailure, ExchangeOutcome } from '../wireguard/exchange.ts'
import { initiationSpacingMs } from '../wireguard/handshakes.ts'
import type { InnerOutcome } from '../wireguard/inner/conversations.ts'
import { type IpRoute, ipRoute } from '../wireguard/inner/ip.ts'
import { parsePublicKey } from '../wireguard/key.ts'
import { rekeyAfterMs } from '../wireguard/session.ts'
import type { TimestampSource } from '../wireguard/timestamp.ts'
import { diagnose, isServedByProcess, wordsOfDiagnosis } from './diagnose.ts'
import type { DiagnosisQueue } from './diagnosis-queue.ts'
import { type DiagnosisShare, DiagnosisWatch, type DiagnosisWatchOptions } from './diagnosis-watch.ts'
import type { ProbeResult } from './result.ts'

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
  readonly timestamps?: TimestampSource
  readonly hopLimit?: number
  readonly diagnosis?: DiagnosisWatchOptions
}

/** A handshake costs ten times as much as an echo, and rarely detects more. */
const cyclesPerHandshake = 5

/** Probes a WireGuard endpoint in cycles, which may overlap. */
export class EndpointProbe {
  readonly #options: EndpointProbeOptions
  readonly #client: WireguardClient
  readonly #routes: readonly IpRoute[]
  readonly #diagnosis: DiagnosisWatch | null
  #cyclesBegun = 0
  #cyclesWaiting = 0
  #nextEndpoint = 0
  #lastWasGood = true

  /** Throws TypeError if a ping is configured, and the probe and the server share no address family. */
  constructor(options: EndpointProbeOptions) {
    this.#options = options
    this.#routes = options.checks.includes('ping') ? echoRoutes(options) : []
    this.#client = new WireguardClient(options)
    this.#diagnosis = options.diagnosis === undefined ? null : new DiagnosisWatch(options.diagnosis)
  }

  /** The public key of the probe, base64. */
  get publicKey(): string {
    return this.#client.publicKey.toString('base64')
  }

  /** One cycle, which ends within the timeout. Never rejects because of the other side. */
  async runCycle(): Promise<ProbeResult> {
    const { timeoutMs } = this.#options
    const deadline = new Deadline(timeoutMs)
    const diagnosis = this.#diagnosis?.watch(timeoutMs / 3) ?? null
    const needsHandshake = this.#needsHandshake()
    this.#cyclesBegun += 1
    this.#cyclesWaiting += 1
    try {
      const result = await this.#ask(needsHandshake, deadline, diagnosis)
      // An inconclusive cycle is no reason for more handshakes with a loaded server.
      if (result.outcome !== 'inconclusive') this.#lastWasGood = result.outcome === 'good'
      if (result.outcome === 'good') this.#diagnosis?.forget()
      return result
    } finally {
      this.#cyclesWaiting -= 1
      diagnosis?.end()
      deadline.cancel()
    }
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
    deadline: Deadline,
    diagnosis: DiagnosisShare | null,
  ): Promise<ProbeResult> {
    let handshakeMs: number | null = null
    let pingMs: number | null = null
    for (const endpoint of needsHandshake ? this.#handshakeEndpoints() : []) {
      const outcome = await this.#client.handshake(endpoint, deadline)
      if (!outcome.ok) return judge('handshake', endpoint, outcome, diagnosis)
      handshakeMs = Math.max(handshakeMs ?? 0, outcome.ms)
    }
    const pings = await this.#pingAll(deadline)
    for (const { endpoint, outcome } of pings) {
      if (!outcome.ok) return judge('ping', endpoint, outcome, diagnosis)
      pingMs = Math.max(pingMs ?? 0, outcome.ms)
    }
    return { outcome: 'good', handshakeMs, pingMs }
  }

  /** Each endpoint on each route at once, which wakes both sides less often. One failure is enough. */
  #pingAll(deadline: Deadline): Promise<readonly { endpoint: Endpoint; outcome: ExchangeOutcome }[]> {
    return new Promise((resolve) => {
      const pings = this.#options.endpoints.flatMap((endpoint) =>
        this.#routes.map(async (route) => {
          const outcome = await this.#client.ping(endpoint, route, deadline)
          if (!outcome.ok) resolve([{ endpoint, outcome }])
          return { endpoint, outcome }
        }),
      )
      void Promise.all(pings).then(resolve)
    })
  }

  /** One in turn. After a failure all of them, because any may have failed, if the timeout is long enough. */
  #handshakeEndpoints(): readonly Endpoint[] {
    const { endpoints, timeoutMs } = this.#options
    const hasRoomForAll = timeoutMs >= 2 * initiationSpacingMs * endpoints.length
    if (!this.#lastWasGood && hasRoomForAll) return endpoints
    const endpoint = endpoints[this.#nextEndpoint % endpoints.length]
    this.#nextEndpoint += 1
    return endpoint === undefined ? [] : [endpoint]
  }
}

interface ProbeSecrets {
  /** 32 bytes each. */
  readonly privateKey: Uint8Array
  readonly presharedKey: Uint8Array | null
}

interface EndpointProbeHooks {
  readonly timestamps?: TimestampSource
  /** A program that the diagnosis needs is not installed; reported once. */
  readonly onMissingProgram?: (program: string) => void
  /** One for all the services of a node. */
  readonly diagnoses?: DiagnosisQueue
}

/** The probe of a service on this node. Throws TypeError if the manifest's public key is invalid. */
export function createEndpointProbe(
  service: ManifestService,
  secrets: ProbeSecrets,
  hooks: EndpointProbeHooks = {},
): EndpointProbe {
  const { wireguard, probe } = service
  const serverPublicKey = parsePublicKey(wireguard.publicKey)
  if (!serverPublicKey.ok) {
    throw new TypeError(`the public key of service ${service.name} ${serverPublicKey.problem}`)
  }
  const target = {
    interface: wireguard.interface,
    port: wireguard.port,
    publicKey: wireguard.publicKey,
    probeAddress: probe.address,
  }
  const created: EndpointProbe = new EndpointProbe({
    endpoints: service.anycast.map((address) => ({ address, port: wireguard.port })),
    serverPublicKey: serverPublicKey.value,
    ...secrets,
    address: probe.address,
    tunnelAddresses: wireguard.addresses,
    timeoutMs: probe.timeoutMs,
    checks: probe.checks,
    // If the anycast address is not on this node, the first router must drop the packets: another site must not
    // answer them.
    hopLimit: 1,
    ...(hooks.timestamps === undefined ? {} : { timestamps: hooks.timestamps }),
    diagnosis: {
      diagnose: (signal) => diagnose({ ...target, probePublicKey: created.publicKey }, signal),
      mayHang: () => isServedByProcess(target.interface),
      onMissingProgram: hooks.onMissingProgram ?? (() => {}),
      ...(hooks.diagnoses === undefined ? {} : { queue: hooks.diagnoses }),
    },
  })
  return created
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

function judge(
  check: 'handshake' | 'ping',
  endpoint: Endpoint,
  outcome: ExchangeFailure,
  diagnosis: DiagnosisShare | null,
): ProbeResult {
  const detail = `${formatEndpoint(endpoint)} ${outcome.detail}`
  const { cause } = outcome
  if (cause === 'under-load' || cause === 'starved' || cause === 'closed') {
    return { outcome: 'inconclusive', cause, detail }
  }
  const diagnosed = cause === 'no-reply' ? (diagnosis?.cause() ?? null) : null
  if (diagnosed === null) return { outcome: 'bad', check, cause, detail }
  return { outcome: 'bad', check, cause: diagnosed, detail: `${detail}: ${wordsOfDiagnosis[diagnosed]}` }
}
