import { Counter, Gauge, type Registry } from 'prom-client'

export const peerMetricNames = {
  handshake: 'anyward_wireguard_peer_handshake_timestamp_seconds',
  received: 'anyward_wireguard_peer_received_bytes_total',
  sent: 'anyward_wireguard_peer_sent_bytes_total',
} as const

/** What the controller measures of its node besides its own work. */
export function createNodeMetrics(registers: Registry[]) {
  return {
    /** The series of single peers, as text by the name of the metric: for `renderMetrics`. */
    peerLines: new Map<string, string>(),
    wireguardPeers: new Gauge({
      name: 'anyward_wireguard_peers',
      help: 'Peers of the WireGuard interface, those of probes included, as last read; absent while it cannot be read',
      labelNames: ['interface'],
      registers,
    }),
    wireguardFreshPeers: new Gauge({
      name: 'anyward_wireguard_fresh_peers',
      help: 'Peers whose last handshake was less than 180 s old when they were read: those that have a session',
      labelNames: ['interface'],
      registers,
    }),
    wireguardReceived: new Counter({
      name: 'anyward_wireguard_received_bytes_total',
      help: 'What the WireGuard interface has received from peers, as the kernel counts it (bytes)',
      labelNames: ['interface'],
      registers,
    }),
    wireguardSent: new Counter({
      name: 'anyward_wireguard_sent_bytes_total',
      help: 'What the WireGuard interface has sent to peers, as the kernel counts it (bytes)',
      labelNames: ['interface'],
      registers,
    }),
    peerHandshake: new Gauge({
      name: peerMetricNames.handshake,
      help: 'Last handshake of a peer; only with `controller.peerMetrics` (seconds since 1970)',
      labelNames: ['interface', 'public_key'],
      registers,
    }),
    peerReceived: new Counter({
      name: peerMetricNames.received,
      help: 'What WireGuard has received from a peer; only with `controller.peerMetrics` (bytes)',
      labelNames: ['interface', 'public_key'],
      registers,
    }),
    peerSent: new Counter({
      name: peerMetricNames.sent,
      help: 'What WireGuard has sent to a peer; only with `controller.peerMetrics` (bytes)',
      labelNames: ['interface', 'public_key'],
      registers,
    }),
    wrongTokens: new Counter({
      name: 'anyward_http_wrong_tokens_total',
      help: 'Requests to the page with a token that is not known; beyond ten a minute, tokens are refused without a look',
      registers,
    }),
    agentWritten: new Gauge({
      name: 'anyward_agent_timestamp_seconds',
      help: 'When the agent of the node last wrote its state, which it does every ten seconds; absent where none has run since the boot (seconds since 1970)',
      registers,
    }),
    agentStoreUp: new Gauge({
      name: 'anyward_agent_store_up',
      help: 'Whether the store has answered the last request of the agent; absent before the first, and when the agent has written nothing for 30 s (1 or 0)',
      registers,
    }),
    agentChange: new Gauge({
      name: 'anyward_agent_change_timestamp_seconds',
      help: 'When the last change of a rollout ended here, by its outcome: `changed` or `failed`; absent before the first since the agent started (seconds since 1970)',
      labelNames: ['outcome'],
      registers,
    }),
    routesReceived: new Gauge({
      name: 'anyward_bgp_received_prefixes',
      help: 'Prefixes that are accepted from the neighbor, of both families',
      labelNames: ['neighbor'],
      registers,
    }),
    routesSent: new Gauge({
      name: 'anyward_bgp_sent_prefixes',
      help: 'Prefixes that are advertised to the neighbor, of both families, ours and others',
      labelNames: ['neighbor'],
      registers,
    }),
    staleBeatAge: new Gauge({
      name: 'anyward_stale_beat_age_seconds',
      help: 'Time since the beat of another node last rose in the store; only for nodes whose beat is stale (seconds)',
      labelNames: ['site', 'node'],
      registers,
    }),
    certificateExpiry: new Gauge({
      name: 'anyward_certificate_expiry_timestamp_seconds',
      help: 'When the first certificate in the file expires: `store`, `store-ca`, `rescue`, `rescue-ca`; absent where it cannot be read (seconds since 1970)',
      labelNames: ['certificate'],
      registers,
    }),
  }
}
