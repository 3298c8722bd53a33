import { type Labels, nodes, ofNode, ofPlanner, plannerTarget, type Series, targetOf } from './series.ts'

/** The value at a time, in seconds; `null`: the series is absent. `sinceS`: of the fault, `null` without one. */
type Value = (atS: number, sinceS: number | null) => number | null

export interface Course {
  readonly series: Series
  readonly value: Value
}

export interface Fault {
  readonly alert: string
  readonly courses: readonly Course[]
  /** Of the alert; those of its target and of what it is about. */
  readonly labels: Labels
  /** What `$value` prints; missing: the texts do not have it. */
  readonly value?: string
  /** From the fault until the expression is true. */
  readonly delayS?: number
  /** From the end of the fault until it is false. */
  readonly clearS?: number
  /** When it begins; missing: when rules that look back over minutes have enough of them. */
  readonly faultS?: number
}

const vpn = { service: 'vpn' }
const tor = { neighbor: 'tor' }
const here = targetOf('fra1-a')
const dayS = 86_400

const steady =
  (value: number): Value =>
  () =>
    value
const changed =
  (well: number | null, faulty: number | null): Value =>
  (_at, since) =>
    since === null ? well : faulty
/** A counter: a step each quarter of a minute while there is a fault. */
const counting =
  (start: number, step: number): Value =>
  (_at, since) =>
    start + (since === null ? 0 : step * (1 + Math.floor(since / 15)))

const decided = (decision: string, reason: string) =>
  ({
    series: ofNode('fra1-a', 'anyward_decision', { ...vpn, decision, reason }),
    value: changed(null, 1),
  }) as const
const notHealthy: Course = {
  series: ofNode('fra1-a', 'anyward_decision', { ...vpn, decision: 'announce', reason: 'healthy' }),
  value: changed(1, null),
}
const unhealthy: readonly Course[] = [
  { series: ofNode('fra1-a', 'anyward_service_health', { ...vpn, state: 'healthy' }), value: changed(1, 0) },
  {
    series: ofNode('fra1-a', 'anyward_service_health', { ...vpn, state: 'unhealthy' }),
    value: changed(0, 1),
  },
]
const announcedBy = (node: string): Series =>
  ofNode(node, 'anyward_announced', { ...vpn, ...tor, prefix: '192.0.2.0/24' })
const other = (node: string) => ({ node })
/** A service that one node alone serves, on purpose. */
const admin = { service: 'admin' }
const adminAnnounced = ofNode('lon1-a', 'anyward_announced', { ...admin, ...tor, prefix: '198.51.100.0/24' })

/** A fleet in which all is well, as three controllers and a planner export it. */
export const healthy: readonly Course[] = [
  ...nodes.flatMap((node): Course[] => {
    const at = (name: string, value: number | Value, labels: Labels = {}): Course => ({
      series: ofNode(node, name, labels),
      value: typeof value === 'number' ? steady(value) : value,
    })
    const others = nodes.filter((name) => name !== node)
    return [
      at('up', 1),
      at('anyward_decision', 1, { ...vpn, decision: 'announce', reason: 'healthy' }),
      at('anyward_service_health', 1, { ...vpn, state: 'healthy' }),
      at('anyward_service_health', 0, { ...vpn, state: 'unhealthy' }),
      { series: announcedBy(node), value: steady(1) },
      at('anyward_flaps', 0, vpn),
      at('anyward_probe_timeout_seconds', 0.3, vpn),
      at('anyward_probe_duration_seconds_sum', (atS) => 0.002 * atS, { ...vpn, check: 'handshake' }),
      at('anyward_probe_duration_seconds_count', (atS) => atS, { ...vpn, check: 'handshake' }),
      at('anyward_late_probes_total', 7, vpn),
      at('anyward_remote_unreachable', 0, vpn),
      at('anyward_routing_daemon_up', 1),
      at('anyward_verified', 1),
      at('anyward_bgp_session_up', 1, tor),
      at('anyward_bfd_session_up', 1, tor),
      at('anyward_reconcile_failures_total', 0, { cause: 'drift' }),
      at('anyward_reconcile_failures_total', 3, { cause: 'timeout' }),
      at('anyward_rpki_cache_up', 1),
      at('anyward_held_addresses', 0),
      at('anyward_saved_announcements', 0),
      at('anyward_guard_holding', 1),
      at('anyward_rescue_up', 1),
      at('anyward_stray_watch_up', 1),
      at('anyward_rescues_total', 40, { ...vpn, trigger: 'packet', outcome: 'handshake' }),
      at('anyward_rescues_total', 2, { ...vpn, trigger: 'packet', outcome: 'unanswered' }),
      at('anyward_replayed_handshakes_total', 0, vpn),
      at('anyward_certificate_expiry_timestamp_seconds', (atS) => atS + 90 * dayS, { certificate: 'store' }),
      at('anyward_store_up', 1),
      at('anyward_agent_timestamp_seconds', (atS) => atS - 4),
      ...others.flatMap((name) => [
        at('anyward_clock_skew_seconds', 0.01, other(name)),
        at('anyward_roster_stream_up', 1, other(name)),
      ]),
      at('anyward_bundle_info', 1, { serial: '20261129143000', digest: `of ${node}` }),
    ]
  }),
  { series: ofPlanner('up'), value: steady(1) },
  { series: ofPlanner('anyward_plan_due_timestamp_seconds'), value: (atS) => atS + 600 },
  // Its schedule is slow: one round in all this time.
  { series: ofPlanner('anyward_plan_timestamp_seconds'), value: steady(1) },
  { series: ofPlanner('anyward_vrps_timestamp_seconds'), value: steady(1) },
  { series: adminAnnounced, value: steady(1) },
  { series: ofPlanner('anyward_planned_nodes', admin), value: steady(1) },
  { series: ofPlanner('anyward_planned_nodes', vpn), value: steady(3) },
  ...nodes.map((node) => ({
    series: ofPlanner('anyward_planned_bundle_info', {
      site: targetOf(node).site!,
      node,
      digest: `of ${node}`,
    }),
    value: steady(1),
  })),
]

const onNode = (
  alert: string,
  name: string,
  value: Value,
  labels: Labels = {},
  rest: Partial<Fault> = {},
): Fault => ({
  alert,
  courses: [{ series: ofNode('fra1-a', name, labels), value }],
  labels: { ...here, ...labels },
  ...rest,
})

/** In the order of the rules: one or more for each alert. */
export const faults: readonly Fault[] = [
  {
    alert: 'AnywardServiceWithdrawn',
    courses: [
      decided('withdraw', 'hung'),
      notHealthy,
      ...unhealthy,
      { series: announcedBy('fra1-a'), value: changed(1, 0) },
    ],
    labels: { ...here, ...vpn, decision: 'withdraw', reason: 'hung' },
  },
  {
    alert: 'AnywardFewAnnouncers',
    courses: ['fra1-a', 'ams1-a'].map((node) => ({ series: announcedBy(node), value: changed(1, 0) })),
    labels: vpn,
    value: '1',
  },
  {
    alert: 'AnywardFewAnnouncers',
    courses: [{ series: adminAnnounced, value: changed(1, 0) }],
    labels: admin,
    value: '0',
  },
  {
    alert: 'AnywardLastSiteHeld',
    courses: [decided('degrade', 'last-site'), notHealthy, ...unhealthy],
    labels: { ...here, ...vpn, decision: 'degrade', reason: 'last-site' },
  },
  {
    alert: 'AnywardAnnouncedUnhealthy',
    courses: [decided('withdraw', 'hung'), notHealthy, ...unhealthy],
    labels: { ...here, ...vpn, state: 'unhealthy' },
  },
  {
    alert: 'AnywardServiceDegraded',
    courses: [decided('degrade', 'egress-failed'), notHealthy],
    labels: { ...here, ...vpn, decision: 'degrade', reason: 'egress-failed' },
  },
  {
    // Dead, with `when.dead: degrade`.
    alert: 'AnywardServiceDegraded',
    courses: [decided('degrade', 'hung'), notHealthy, ...unhealthy],
    labels: { ...here, ...vpn, decision: 'degrade', reason: 'hung' },
  },
  {
    // An order to drain that is refused: the endpoint serves.
    alert: 'AnywardServiceDegraded',
    courses: [decided('degrade', 'last-site'), notHealthy],
    labels: { ...here, ...vpn, decision: 'degrade', reason: 'last-site' },
  },
  {
    alert: 'AnywardHoldLong',
    courses: [decided('hold', 'starting'), notHealthy],
    labels: { ...here, ...vpn, decision: 'hold', reason: 'starting' },
  },
  onNode('AnywardFlapping', 'anyward_flaps', changed(0, 4), vpn, { value: '4' }),
  {
    alert: 'AnywardProbeSlow',
    courses: [
      {
        series: ofNode('fra1-a', 'anyward_probe_duration_seconds_sum', { ...vpn, check: 'handshake' }),
        value: (atS, since) => 0.002 * atS + (since === null ? 0 : 0.248 * since),
      },
    ],
    labels: { ...here, ...vpn, check: 'handshake' },
    value: '250ms',
    delayS: 300,
    clearS: 315,
  },
  onNode('AnywardLateProbes', 'anyward_late_probes_total', counting(7, 15), vpn, { delayS: 75, clearS: 615 }),
  onNode('AnywardRemoteUnreachable', 'anyward_remote_unreachable', changed(0, 1), vpn),
  {
    alert: 'AnywardRoutingDaemonDown',
    courses: [
      { series: ofNode('fra1-a', 'anyward_routing_daemon_up'), value: changed(1, 0) },
      { series: ofNode('fra1-a', 'anyward_verified'), value: changed(1, 0) },
      // While it starts, it refuses what it is asked.
      {
        series: ofNode('fra1-a', 'anyward_reconcile_failures_total', { cause: 'drift' }),
        value: (_at, since) => (since === null || since < 60 ? 0 : 1),
      },
      { series: ofNode('fra1-a', 'anyward_bgp_session_up', tor), value: changed(1, 0) },
      { series: ofNode('fra1-a', 'anyward_bfd_session_up', tor), value: changed(1, 0) },
      {
        series: ofNode('fra1-a', 'anyward_reconcile_failures_total', { cause: 'timeout' }),
        value: counting(3, 1),
      },
    ],
    labels: here,
  },
  onNode('AnywardNotVerified', 'anyward_verified', changed(1, 0)),
  onNode('AnywardBgpSessionDown', 'anyward_bgp_session_up', changed(1, 0), tor),
  onNode('AnywardBfdSessionDown', 'anyward_bfd_session_up', changed(1, 0), tor),
  onNode('AnywardBfdSessionDown', 'anyward_bfd_session_up', changed(1, Number.NaN), tor),
  onNode(
    'AnywardRoutingErrors',
    'anyward_reconcile_failures_total',
    changed(0, 1),
    { cause: 'drift' },
    { clearS: 615 },
  ),
  onNode('AnywardRtrCacheDown', 'anyward_rpki_cache_up', changed(1, 0)),
  onNode('AnywardRtrCacheDown', 'anyward_rpki_cache_up', changed(1, Number.NaN)),
  onNode('AnywardAddressesRemoved', 'anyward_held_addresses', changed(0, 2)),
  onNode('AnywardSavedAnnouncements', 'anyward_saved_announcements', changed(0, 1)),
  onNode('AnywardControllerDown', 'up', changed(1, 0)),
  {
    alert: 'AnywardNoTargets',
    courses: healthy
      .filter(({ series }) => series.labels.job === 'anyward')
      .map(({ series, value }) => ({
        series,
        value: (atS, since) => (since === null ? value(atS, null) : null),
      })),
    labels: { job: 'anyward' },
  },
  onNode('AnywardGuardNotHolding', 'anyward_guard_holding', changed(1, 0)),
  onNode('AnywardRescueDown', 'anyward_rescue_up', changed(1, 0)),
  onNode('AnywardStrayWatchDown', 'anyward_stray_watch_up', changed(1, 0)),
  {
    alert: 'AnywardRescueFailing',
    courses: [
      {
        series: ofNode('fra1-a', 'anyward_rescues_total', {
          ...vpn,
          trigger: 'packet',
          outcome: 'unanswered',
        }),
        value: counting(2, 10),
      },
    ],
    labels: { ...here, ...vpn },
    clearS: 615,
  },
  onNode('AnywardReplayedHandshakes', 'anyward_replayed_handshakes_total', counting(0, 1), vpn, {
    clearS: 615,
  }),
  onNode(
    'AnywardAgentDown',
    'anyward_agent_timestamp_seconds',
    (atS, since) => atS - 4 - (since ?? 0),
    {},
    { delayS: 60 },
  ),
  {
    ...onNode(
      'AnywardCertificateEnds',
      'anyward_certificate_expiry_timestamp_seconds',
      (atS, since) => atS + (since === null ? 90 : 10) * dayS,
      { certificate: 'store' },
    ),
    value: '10d 0h 0m 0s',
  },
  {
    ...onNode(
      'AnywardCertificateEndsSoon',
      'anyward_certificate_expiry_timestamp_seconds',
      (atS, since) => atS + (since === null ? 90 : 1) * dayS,
      { certificate: 'store' },
    ),
  },
  {
    alert: 'AnywardStoreWithoutQuorum',
    courses: ['fra1-a', 'ams1-a'].map((node) => ({
      series: ofNode(node, 'anyward_store_up'),
      value: changed(1, 0),
    })),
    labels: {},
    value: '2',
  },
  onNode('AnywardStoreUnreachable', 'anyward_store_up', changed(1, 0)),
  {
    alert: 'AnywardBeatStale',
    courses: ['ams1-a', 'lon1-a'].map((node) => ({
      series: ofNode(node, 'anyward_stale_beat_age_seconds', { site: 'fra1', node: 'fra1-a' }),
      value: (_at, since) => (since === null ? null : since + 4),
    })),
    labels: { exported_site: 'fra1', exported_node: 'fra1-a' },
  },
  {
    alert: 'AnywardClockSkew',
    courses: [
      ...['ams1-a', 'lon1-a'].map((node) => ({
        series: ofNode(node, 'anyward_clock_skew_seconds', other('fra1-a')),
        value: changed(0.01, -5),
      })),
      ...['ams1-a', 'lon1-a'].map((node) => ({
        series: ofNode('fra1-a', 'anyward_clock_skew_seconds', other(node)),
        value: changed(0.01, 5),
      })),
    ],
    labels: { exported_node: 'fra1-a' },
    value: '5s',
  },
  {
    alert: 'AnywardRosterStreamDown',
    courses: [
      { series: ofNode('fra1-a', 'anyward_roster_stream_up', other('ams1-a')), value: changed(1, 0) },
      { series: ofNode('fra1-a', 'anyward_roster_stream_up', other('lon1-a')), value: changed(1, 0) },
    ],
    labels: here,
    value: '2',
  },
  {
    alert: 'AnywardRosterRefused',
    courses: ['ams1-a', 'lon1-a'].map((node) => ({
      series: ofNode(node, 'anyward_roster_refused_total', { ...other('fra1-a'), reason: 'future' }),
      // The series begins with the first refusal.
      value: (_at, since) => (since === null ? null : 1),
    })),
    labels: { exported_node: 'fra1-a', reason: 'future' },
    clearS: 0,
  },
  {
    alert: 'AnywardBundleOutdated',
    courses: [
      {
        series: ofPlanner('anyward_planned_bundle_info', {
          site: 'fra1',
          node: 'fra1-a',
          digest: 'of fra1-a',
        }),
        value: changed(1, null),
      },
      {
        series: ofPlanner('anyward_planned_bundle_info', {
          site: 'fra1',
          node: 'fra1-a',
          digest: 'of the next',
        }),
        value: changed(null, 1),
      },
    ],
    labels: { ...here, serial: '20261129143000', digest: 'of fra1-a' },
  },
  {
    alert: 'AnywardPlannerDown',
    courses: [{ series: ofPlanner('up'), value: changed(1, 0) }],
    labels: plannerTarget,
  },
  {
    alert: 'AnywardPlanOld',
    courses: [
      {
        series: ofPlanner('anyward_plan_due_timestamp_seconds'),
        value: (atS, since) => atS + 600 - (since === null ? 0 : since + 1300),
      },
    ],
    labels: plannerTarget,
  },
  {
    alert: 'AnywardVrpsOld',
    courses: [
      {
        series: ofPlanner('anyward_plan_timestamp_seconds'),
        value: (atS, since) => (since === null ? 1 : atS),
      },
      {
        series: ofPlanner('anyward_vrps_timestamp_seconds'),
        value: (atS, since) => (since === null ? 1 : atS - 7 * 3600),
      },
    ],
    labels: plannerTarget,
    value: '7h 0m 0s',
    faultS: 8 * 3600,
  },
  {
    alert: 'AnywardFeedLastGood',
    courses: [
      {
        series: ofPlanner('anyward_last_good_age_seconds', { feed: 'AS64500 ipv4' }),
        value: changed(null, 7200),
      },
    ],
    labels: { ...plannerTarget, feed: 'AS64500 ipv4' },
    value: '2h 0m 0s',
  },
]
