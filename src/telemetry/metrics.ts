import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

export type Metrics = ReturnType<typeof createMetrics>

/** Every metric of the controller, in a registry of its own. Names and labels are part of the interface. */
export function createMetrics() {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 100 })
  // Gauges with names of counters, which `promtool check metrics` rejects; the same numbers come by type without `_total`.
  for (const kind of ['handles', 'requests', 'resources'])
    registry.removeSingleMetric(`nodejs_active_${kind}_total`)
  return {
    registry,
    health: new Gauge({
      name: 'anyward_health',
      help: 'Whether the check passes: 1 if it does, else 0',
      labelNames: ['service', 'check'],
      registers,
    }),
    announced: new Gauge({
      name: 'anyward_announced',
      help: 'Whether the prefix is advertised to the neighbor, as last observed at the routing daemon',
      labelNames: ['service', 'neighbor', 'prefix'],
      registers,
    }),
    decision: new Gauge({
      name: 'anyward_decision',
      help: 'The present decision of the service and its reason: 1',
      labelNames: ['service', 'decision', 'reason'],
      registers,
    }),
    probeDuration: new Histogram({
      name: 'anyward_probe_duration_seconds',
      help: 'Duration of the checks that passed',
      labelNames: ['service', 'check'],
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1],
      registers,
    }),
    probeFailures: new Counter({
      name: 'anyward_probe_failures_total',
      help: 'Probes and checks that failed, by cause',
      labelNames: ['service', 'check', 'cause'],
      registers,
    }),
    transition: new Histogram({
      name: 'anyward_transition_seconds',
      help: 'Time from the first failed probe (to withdraw) or from the decision (to announce) until the change was observed at the routing daemon',
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
    bfdUp: new Gauge({
      name: 'anyward_bfd_session_up',
      help: 'Whether the BFD session is up; only for neighbors with BFD',
      labelNames: ['neighbor'],
      registers,
    }),
    reconcileFailures: new Counter({
      name: 'anyward_reconcile_failures_total',
      help: 'Failed attempts to change or to observe the routing daemon, by cause',
      labelNames: ['cause'],
      registers,
    }),
    rpkiCacheUp: new Gauge({
      name: 'anyward_rpki_cache_up',
      help: 'FRR: whether bgpd is connected to an RTR cache that has sent its VRPs',
      registers,
    }),
    rpkiReevaluations: new Counter({
      name: 'anyward_rpki_reevaluations_total',
      help: 'FRR: times that the routes received from neighbors were validated again, by reason',
      labelNames: ['reason'],
      registers,
    }),
    rpkiReconnects: new Counter({
      name: 'anyward_rpki_reconnects_total',
      help: 'FRR: times that bgpd was ordered to reset its connections to the RTR caches',
      registers,
    }),
    rpkiFailures: new Counter({
      name: 'anyward_rpki_failures_total',
      help: 'FRR: failed attempts to read the state of origin validation or to validate again, by cause',
      labelNames: ['cause'],
      registers,
    }),
    storeUp: new Gauge({
      name: 'anyward_store_up',
      help: 'Whether the store of the fleet carries out what this node asks; absent without a store',
      registers,
    }),
    permitHeld: new Gauge({
      name: 'anyward_permit_held',
      help: 'Whether the register of the service has this node: it is withdrawn, or may withdraw',
      labelNames: ['service'],
      registers,
    }),
    permitRefusals: new Counter({
      name: 'anyward_permit_refusals_total',
      help: 'Requests for the permit to withdraw that were refused: too few other sites were well',
      labelNames: ['service'],
      registers,
    }),
    permitWait: new Histogram({
      name: 'anyward_permit_wait_seconds',
      help: 'Time from the first request for the permit to withdraw until it was granted',
      labelNames: ['service'],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 120, 600],
      registers,
    }),
    remoteUnreachable: new Gauge({
      name: 'anyward_remote_unreachable',
      help: 'Whether most sites that probe this endpoint do not reach it, although its own probe is good; absent where none does',
      labelNames: ['service'],
      registers,
    }),
    fenced: new Gauge({
      name: 'anyward_fenced',
      help: "Whether the initiations of the service's WireGuard are dropped, because the service is not announced here",
      labelNames: ['service'],
      registers,
    }),
    rescues: new Counter({
      name: 'anyward_rescues_total',
      help: 'Peers of another node that this one has taken over, or tried to, by what began it and how it ended',
      labelNames: ['service', 'trigger', 'outcome'],
      registers,
    }),
    rescueDuration: new Histogram({
      name: 'anyward_rescue_seconds',
      help: 'Time from the trigger until the peer had a session here',
      labelNames: ['service', 'trigger'],
      buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    }),
    strayPackets: new Counter({
      name: 'anyward_stray_packets_total',
      help: 'Packets of sessions that this node does not have, from endpoints in the roster; at most one a second for each endpoint',
      labelNames: ['service'],
      registers,
    }),
    replayedHandshakes: new Counter({
      name: 'anyward_replayed_handshakes_total',
      help: 'Peers whose endpoint a replayed handshake initiation had moved, and was put back',
      labelNames: ['service'],
      registers,
    }),
    strayWatchUp: new Gauge({
      name: 'anyward_stray_watch_up',
      help: 'Whether packets of sessions that this node does not have are seen; absent without a roster',
      registers,
    }),
    rosterEntries: new Gauge({
      name: 'anyward_roster_entries',
      help: 'Peers in the roster of this node, by the node that says it serves them',
      labelNames: ['node'],
      registers,
    }),
    rosterAge: new Gauge({
      name: 'anyward_roster_age_seconds',
      help: 'Time since the newest handshake that the node has said; absent while it has said none',
      labelNames: ['node'],
      registers,
    }),
    rosterStreamUp: new Gauge({
      name: 'anyward_roster_stream_up',
      help: 'Whether the roster of the other node arrives here',
      labelNames: ['node'],
      registers,
    }),
    rosterRefused: new Counter({
      name: 'anyward_roster_refused_total',
      help: 'Entries of other nodes that were refused, by the reason',
      labelNames: ['node', 'reason'],
      registers,
    }),
    clockSkew: new Gauge({
      name: 'anyward_clock_skew_seconds',
      help: "How far the other node's clock is ahead of this one's; absent while it is not known",
      labelNames: ['node'],
      registers,
    }),
    remoteReached: new Gauge({
      name: 'anyward_remote_reached',
      help: 'Whether this node reaches the endpoint of another site by its unicast address',
      labelNames: ['service', 'site', 'node'],
      registers,
    }),
    degraded: new Gauge({
      name: 'anyward_degraded',
      help: 'Whether the prefix is advertised to the neighbor degraded, as last observed at the routing daemon',
      labelNames: ['service', 'neighbor', 'prefix'],
      registers,
    }),
    probeLoss: new Gauge({
      name: 'anyward_probe_loss_ratio',
      help: 'Share of failed probes in the window, from 0 to 1',
      labelNames: ['service'],
      registers,
    }),
    lateProbes: new Counter({
      name: 'anyward_late_probes_total',
      help: 'Probes without a result, because this machine was too late to run them',
      labelNames: ['service'],
      registers,
    }),
    flaps: new Gauge({
      name: 'anyward_flaps',
      help: 'Flaps that still count for the hold-down',
      labelNames: ['service'],
      registers,
    }),
    holdDown: new Gauge({
      name: 'anyward_hold_down_seconds',
      help: 'Time until the hold-down ends, if no probe fails; 0 without a hold-down',
      labelNames: ['service'],
      registers,
    }),
    drain: new Gauge({
      name: 'anyward_drain_stage',
      help: 'Stage of the drain: 1 for the present stage, 0 for the others',
      labelNames: ['service', 'stage'],
      registers,
    }),
    maintenance: new Gauge({
      name: 'anyward_maintenance_active',
      help: 'Whether a maintenance window is open',
      registers,
    }),
    maintenanceNext: new Gauge({
      name: 'anyward_maintenance_next_start_timestamp_seconds',
      help: 'Start of the next maintenance window; absent if there is none',
      registers,
    }),
    guard: new Gauge({
      name: 'anyward_guard_holding',
      help: 'Whether the guard process has a deadline for the services and withdraws if the controller fails',
      registers,
    }),
    heldAddresses: new Gauge({
      name: 'anyward_held_addresses',
      help: 'Anycast addresses that were removed from the node because the routing daemon does not withdraw a dead service',
      registers,
    }),
    sourceRepairs: new Counter({
      name: 'anyward_source_repairs_total',
      help: 'How often the policy route for what WireGuard sends was restored, after another program had removed it',
      labelNames: ['family'],
      registers,
    }),
    savedAnnouncements: new Gauge({
      name: 'anyward_saved_announcements',
      help: 'FRR: announcements that `write memory` saved in the files of FRR, which FRR advertises at its next start',
      registers,
    }),
    verified: new Gauge({
      name: 'anyward_verified',
      help: 'Whether the advertised routes are those that were decided, as last observed',
      registers,
    }),
    observed: new Gauge({
      name: 'anyward_observed_timestamp_seconds',
      help: 'Time of the last observation of the routing daemon',
      registers,
    }),
    bundle: new Gauge({
      name: 'anyward_bundle_info',
      help: 'The bundle that the controller runs: 1; the serial of an unsigned one is the start of the SHA-256 of the manifest',
      labelNames: ['serial'],
      registers,
    }),
  }
}
