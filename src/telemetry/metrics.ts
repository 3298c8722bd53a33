import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { createNodeMetrics } from './node-metrics.ts'

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
    ...createNodeMetrics(registers),
    serviceHealth: new Gauge({
      name: 'anyward_service_health',
      help: '1 for the present state of the endpoint, else 0: `unknown`, `healthy`, `impaired`, `unhealthy`',
      labelNames: ['service', 'state'],
      registers,
    }),
    probeTimeout: new Gauge({
      name: 'anyward_probe_timeout_seconds',
      help: 'How long a probe may take: an answer after it counts as none (seconds)',
      labelNames: ['service'],
      registers,
    }),
    health: new Gauge({
      name: 'anyward_health',
      help: 'Whether the check passes, for each of `checks` (1 or 0)',
      labelNames: ['service', 'check'],
      registers,
    }),
    announced: new Gauge({
      name: 'anyward_announced',
      help: 'Whether the neighbor has the prefix, degraded or not, as last observed (1 or 0)',
      labelNames: ['service', 'neighbor', 'prefix'],
      registers,
    }),
    decision: new Gauge({
      name: 'anyward_decision',
      help: 'The present decision and its reason: 1, one series for each service',
      labelNames: ['service', 'decision', 'reason'],
      registers,
    }),
    probeDuration: new Histogram({
      name: 'anyward_probe_duration_seconds',
      help: 'Duration of the checks that passed: `handshake`, `ping`, the side checks (seconds)',
      labelNames: ['service', 'check'],
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1],
      registers,
    }),
    probeFailures: new Counter({
      name: 'anyward_probe_failures_total',
      help: 'Probes and side checks that were bad or without a result, by reason code',
      labelNames: ['service', 'check', 'cause'],
      registers,
    }),
    transition: new Histogram({
      name: 'anyward_transition_seconds',
      help: 'Time of a change: from the first bad probe or event, or from the decision if there was none, until the change was observed (seconds)',
      labelNames: ['service', 'to'],
      buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
      registers,
    }),
    sessionUp: new Gauge({
      name: 'anyward_bgp_session_up',
      help: 'Whether the session is established; absent while the daemon does not answer (1 or 0)',
      labelNames: ['neighbor'],
      registers,
    }),
    bfdUp: new Gauge({
      name: 'anyward_bfd_session_up',
      help: 'Whether the BFD session with the neighbor is up; only for neighbors with `bfd`, and NaN while the daemon does not answer (1 or 0)',
      labelNames: ['neighbor'],
      registers,
    }),
    reconcileFailures: new Counter({
      name: 'anyward_reconcile_failures_total',
      help: 'Errors of the routing daemon; counted when an error begins, not at each retry',
      labelNames: ['cause'],
      registers,
    }),
    rpkiCacheUp: new Gauge({
      name: 'anyward_rpki_cache_up',
      help: 'Whether the daemon is connected to an RTR cache; on FRR one that has sent its VRPs. NaN while it cannot be read, absent without RPKI (1 or 0)',
      registers,
    }),
    rpkiReevaluations: new Counter({
      name: 'anyward_rpki_reevaluations_total',
      help: 'FRR: validations of the received routes: `first`, `changed`, `periodic`',
      labelNames: ['reason'],
      registers,
    }),
    rpkiReconnects: new Counter({
      name: 'anyward_rpki_reconnects_total',
      help: "FRR: resets of bgpd's connections to the RTR caches",
      registers,
    }),
    rpkiFailures: new Counter({
      name: 'anyward_rpki_failures_total',
      help: 'FRR: failed attempts to read the state of origin validation, or to validate again',
      labelNames: ['cause'],
      registers,
    }),
    storeUp: new Gauge({
      name: 'anyward_store_up',
      help: 'Whether the store carries out what this node asks; absent without a store, and before its first answer (1 or 0)',
      registers,
    }),
    permitHeld: new Gauge({
      name: 'anyward_permit_held',
      help: 'Whether the register of withdrawals has this node, as last seen: it is withdrawn, or may withdraw (1 or 0)',
      labelNames: ['service'],
      registers,
    }),
    permitRefusals: new Counter({
      name: 'anyward_permit_refusals_total',
      help: 'Requests for the permit to withdraw that were refused, one each second while it is refused',
      labelNames: ['service'],
      registers,
    }),
    permitWait: new Histogram({
      name: 'anyward_permit_wait_seconds',
      help: 'Time from the first request for the permit to withdraw until it was granted (seconds)',
      labelNames: ['service'],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 120, 600],
      registers,
    }),
    remoteUnreachable: new Gauge({
      name: 'anyward_remote_unreachable',
      help: 'Whether most sites that probe this endpoint do not reach it, although its own probe is good; absent where no site probes it (1 or 0)',
      labelNames: ['service'],
      registers,
    }),
    fenced: new Gauge({
      name: 'anyward_fenced',
      help: 'Whether the node drops its own handshake initiations and keepalives of the service, because it does not announce it; absent while that is not known (1 or 0)',
      labelNames: ['service'],
      registers,
    }),
    rescues: new Counter({
      name: 'anyward_rescues_total',
      help: 'Peers of other nodes that this one has taken over, or has tried to take over',
      labelNames: ['service', 'trigger', 'outcome'],
      registers,
    }),
    rescueDuration: new Histogram({
      name: 'anyward_rescue_seconds',
      help: 'Time of a rescue: from its trigger until the peer had a session here (seconds)',
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
      help: 'Peers served here whose endpoint a replayed handshake moved, and this node restored',
      labelNames: ['service'],
      registers,
    }),
    strayWatchUp: new Gauge({
      name: 'anyward_stray_watch_up',
      help: 'Whether packets of sessions that this node does not have are seen. If not, `rescue.strays.problem` in the status says why, as the event `stray-packets` does; absent without `rescue` (1 or 0)',
      registers,
    }),
    rescueUp: new Gauge({
      name: 'anyward_rescue_up',
      help: 'Whether this node takes part in session rescue. If not, `rescue.problem` in the status says why; absent without `rescue` (1 or 0)',
      registers,
    }),
    rosterEntries: new Gauge({
      name: 'anyward_roster_entries',
      help: 'Peers in the roster of this node, by the node that serves them; absent without `rescue`',
      labelNames: ['node'],
      registers,
    }),
    rosterAge: new Gauge({
      name: 'anyward_roster_age_seconds',
      help: 'Time since the newest handshake in the entries of the node, by its own clock; absent while it has sent none (seconds)',
      labelNames: ['node'],
      registers,
    }),
    rosterStreamUp: new Gauge({
      name: 'anyward_roster_stream_up',
      help: 'Whether the stream of the other node arrives; absent where a relay passes it on (1 or 0)',
      labelNames: ['node'],
      registers,
    }),
    rosterRefused: new Counter({
      name: 'anyward_roster_refused_total',
      help: 'Roster entries of the other node that were refused, by reason: `future`, `expired`, `invalid-endpoint`, `invalid-key`, `unknown-service`, `unknown-node`, `unknown-clock`',
      labelNames: ['node', 'reason'],
      registers,
    }),
    clockSkew: new Gauge({
      name: 'anyward_clock_skew_seconds',
      help: "How far the other node's clock is ahead of this one's, too small by the delay of a message; absent while it is not known. By the streams of `rescue`; without it, by what up to 16 nodes say in the store (seconds)",
      labelNames: ['node'],
      registers,
    }),
    remoteReached: new Gauge({
      name: 'anyward_remote_reached',
      help: 'Whether this node reaches the endpoint of another site by its unicast address (1 or 0)',
      labelNames: ['service', 'site', 'node'],
      registers,
    }),
    degraded: new Gauge({
      name: 'anyward_degraded',
      help: 'Whether the neighbor has the prefix degraded, as last observed (1 or 0)',
      labelNames: ['service', 'neighbor', 'prefix'],
      registers,
    }),
    probeLoss: new Gauge({
      name: 'anyward_probe_loss_ratio',
      help: 'Share of bad probes in the window (0 to 1)',
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
      help: 'Time until the hold-down ends, if no probe fails; 0 without one (seconds)',
      labelNames: ['service'],
      registers,
    }),
    drain: new Gauge({
      name: 'anyward_drain_stage',
      help: '1 for the present stage of the drain, `none` included, else 0',
      labelNames: ['service', 'stage'],
      registers,
    }),
    maintenance: new Gauge({
      name: 'anyward_maintenance_active',
      help: 'Whether a maintenance window is open (1 or 0)',
      registers,
    }),
    maintenanceNext: new Gauge({
      name: 'anyward_maintenance_next_start_timestamp_seconds',
      help: 'Start of the next maintenance window; absent if there is none (seconds since 1970)',
      registers,
    }),
    guard: new Gauge({
      name: 'anyward_guard_holding',
      help: 'Whether the guard has a deadline for the services; absent where no service has a `deadMan` time (1 or 0)',
      registers,
    }),
    heldAddresses: new Gauge({
      name: 'anyward_held_addresses',
      help: 'Anycast addresses that were removed from the node as a last resort',
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
      help: "FRR: announcements that `write memory` saved in FRR's files; NaN while one cannot be read",
      registers,
    }),
    daemonUp: new Gauge({
      name: 'anyward_routing_daemon_up',
      help: 'Whether the routing daemon answers the controller, as of its last question (1 or 0)',
      registers,
    }),
    verified: new Gauge({
      name: 'anyward_verified',
      help: 'Whether the neighbors have what was decided, as last observed; 0 during a change (1 or 0)',
      registers,
    }),
    observed: new Gauge({
      name: 'anyward_observed_timestamp_seconds',
      help: 'Time of the last observation of the routing daemon; that it does not run is one too; 0 before the first (seconds since 1970)',
      registers,
    }),
    bundle: new Gauge({
      name: 'anyward_bundle_info',
      help: 'The bundle that the controller runs: the serial of a signed one, otherwise the start of the SHA-256 of its manifest, which is `digest`',
      labelNames: ['serial', 'digest'],
      registers,
    }),
  }
}
