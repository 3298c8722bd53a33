import { type Clock, systemClock } from '../../clock/clock.ts'
import { WireguardClient, type WireguardClientOptions } from '../wireguard/client.ts'
import { Deadline } from '../wireguard/deadline.ts'
import type { Endpoint } from '../wireguard/endpoint-socket.ts'
import type { ExchangeFailure } from '../wireguard/exchange.ts'
import { ipRoute, type RouteEnds } from '../wireguard/inner/ip.ts'

interface ProbeEndpointOptions
  extends Pick<WireguardClientOptions, 'privateKey' | 'presharedKey' | 'serverPublicKey'> {
  readonly endpoint: Endpoint
  /** What is pinged in the tunnel after each handshake. */
  readonly echoes: readonly RouteEnds[]
  readonly count: number
  readonly intervalMs: number
  /** Time limit of one attempt: its handshake and its pings. */
  readonly timeoutMs: number
  readonly clock?: Clock
}

export interface ProbeAttempt {
  readonly handshakeMs: number | null
  /** One for each requested ping, in that order. */
  readonly rttsMs: readonly (number | null)[]
  readonly failure: (ExchangeFailure & { readonly check: 'handshake' | 'ping' }) | null
}

/** Handshakes with an endpoint, and pings through the tunnel, one attempt after the other. */
export async function probeEndpoint(options: ProbeEndpointOptions): Promise<ProbeAttempt[]> {
  const { endpoint, count, intervalMs, clock = systemClock } = options
  const client = new WireguardClient({ ...options, endpoints: [endpoint], clock })
  const attempts: ProbeAttempt[] = []
  try {
    while (attempts.length < count) {
      if (attempts.length > 0) await clock.sleep(intervalMs)
      attempts.push(await attempt(client, options, clock))
    }
  } finally {
    await client.close()
  }
  return attempts
}

async function attempt(
  client: WireguardClient,
  { endpoint, echoes, timeoutMs }: ProbeEndpointOptions,
  clock: Clock,
): Promise<ProbeAttempt> {
  const deadline = new Deadline(timeoutMs, clock)
  try {
    const handshake = await client.handshake(endpoint, deadline)
    if (!handshake.ok) {
      return {
        handshakeMs: null,
        rttsMs: echoes.map(() => null),
        failure: { check: 'handshake', ...handshake },
      }
    }
    const pings = await Promise.all(echoes.map((echo) => client.ping(endpoint, ipRoute(echo), deadline)))
    const failed = pings.find((ping) => !ping.ok)
    return {
      handshakeMs: handshake.ms,
      rttsMs: pings.map((ping) => (ping.ok ? ping.ms : null)),
      failure: failed === undefined ? null : { check: 'ping', ...failed },
    }
  } finally {
    deadline.cancel()
  }
}
