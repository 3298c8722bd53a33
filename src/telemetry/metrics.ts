import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

export type Metrics = ReturnType<typeof createMetrics>

/** Every metric of the controller, in a registry of its own. Names and labels are part of the interface. */
export function createMetrics() {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 100 })
  return {
    registry,
    health: new Gauge({
      name: 'anyward_health',
      help: 'Whether the last look of this check was good',
      labelNames: ['service', 'check'],
      registers,
    }),
    announced: new Gauge({
      name: 'anyward_announced',
      help: 'Whether the neighbor was told the prefix, as last observed in the routing daemon',
      labelNames: ['service', 'neighbor', 'prefix'],
      registers,
    }),
    decision: new Gauge({
      name: 'anyward_decision',
      help: '1 for the decision that holds, with its reason',
      labelNames: ['service', 'decision', 'reason'],
      registers,
    }),
    probeDuration: new Histogram({
      name: 'anyward_probe_duration_seconds',
      help: 'How long a good check took',
      labelNames: ['service', 'check'],
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1],
      registers,
    }),
    probeFailures: new Counter({
      name: 'anyward_probe_failures_total',
      help: 'Bad probes by cause',
      labelNames: ['service', 'check', 'cause'],
      registers,
    }),
    transition: new Histogram({
      name: 'anyward_transition_seconds',
      help: 'From the first bad probe (withdraw) or from the decision (announce) until verified at the daemon',
      labelNames: ['service', 'to'],
      buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
      registers,
    }),
    sessionUp: new Gauge({
      name: 'anyward_bgp_session_up',
      help: 'Whether the BGP session is established',
      labelNames: ['neighbor'],
      registers,
    }),
    reconcileFailures: new Counter({
      name: 'anyward_reconcile_failures_total',
      help: 'Attempts to bring the daemon to what is wanted, or to look at it, that failed',
      labelNames: ['cause'],
      registers,
    }),
    rpkiCacheUp: new Gauge({
      name: 'anyward_rpki_cache_up',
      help: 'FRR: whether an RTR cache is connected, so that origins are validated by present data',
      registers,
    }),
    rpkiReevaluations: new Counter({
      name: 'anyward_rpki_reevaluations_total',
      help: 'FRR: how often what the neighbors told was judged anew',
      labelNames: ['reason'],
      registers,
    }),
    rpkiReconnects: new Counter({
      name: 'anyward_rpki_reconnects_total',
      help: 'FRR: how often bgpd was told to begin anew with its RTR caches',
      registers,
    }),
    rpkiFailures: new Counter({
      name: 'anyward_rpki_failures_total',
      help: 'FRR: looks at its origin validation, or orders to judge anew, that failed',
      labelNames: ['cause'],
      registers,
    }),
    degraded: new Gauge({
      name: 'anyward_degraded',
      help: 'Whether the neighbor was told the prefix degraded, as observed',
      labelNames: ['service', 'neighbor', 'prefix'],
      registers,
    }),
    probeLoss: new Gauge({
      name: 'anyward_probe_loss_ratio',
      help: 'Share of the last probes that were bad, 0 to 1',
      labelNames: ['service'],
      registers,
    }),
    lateProbes: new Gauge({
      name: 'anyward_late_probes',
      help: 'Probes since the start that said nothing because this machine was late',
      labelNames: ['service'],
      registers,
    }),
    flaps: new Gauge({
      name: 'anyward_flaps',
      help: 'Flaps that are not forgiven yet',
      labelNames: ['service'],
      registers,
    }),
    holdDown: new Gauge({
      name: 'anyward_hold_down_seconds',
      help: 'How long the service is still held down, if nothing bad comes; 0: it is not',
      labelNames: ['service'],
      registers,
    }),
    drain: new Gauge({
      name: 'anyward_drain_stage',
      help: 'How far the drain of a service has got: 1 for the present stage',
      labelNames: ['service', 'stage'],
      registers,
    }),
    maintenance: new Gauge({
      name: 'anyward_maintenance_active',
      help: 'Whether a window of the calendar is open',
      registers,
    }),
    maintenanceNext: new Gauge({
      name: 'anyward_maintenance_next_start_timestamp_seconds',
      help: 'When the next window of the calendar begins; missing where there is none',
      registers,
    }),
    guard: new Gauge({
      name: 'anyward_guard_holding',
      help: "Whether the dead man's guard holds the lease, so that it withdraws if the controller dies",
      registers,
    }),
    heldAddresses: new Gauge({
      name: 'anyward_held_addresses',
      help: 'Anycast addresses taken off the node because the daemon does not withdraw what is dead',
      registers,
    }),
    savedAnnouncements: new Gauge({
      name: 'anyward_saved_announcements',
      help: "FRR: announcements that `write memory` has saved in FRR's files, which FRR announces at its next start",
      registers,
    }),
    verified: new Gauge({
      name: 'anyward_verified',
      help: 'Whether what the neighbors were told is what was wanted, as last observed',
      registers,
    }),
    observed: new Gauge({
      name: 'anyward_observed_timestamp_seconds',
      help: 'When the routing daemon was last observed',
      registers,
    }),
    bundle: new Gauge({
      name: 'anyward_bundle_info',
      help: 'Always 1; the serial is the start of the SHA-256 of the manifest',
      labelNames: ['serial'],
      registers,
    }),
  }
}
