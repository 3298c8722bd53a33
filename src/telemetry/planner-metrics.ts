import { Counter, Gauge, Registry } from 'prom-client'

export type PlannerMetrics = ReturnType<typeof createPlannerMetrics>

/** Every metric of the long-running planner, in a registry of its own. Names and labels are part of the interface. */
export function createPlannerMetrics() {
  const registry = new Registry()
  const registers = [registry]
  return {
    registry,
    planned: new Gauge({
      name: 'anyward_plan_timestamp_seconds',
      help: 'Time of the last successful round; 0 before the first (seconds since 1970)',
      registers,
    }),
    due: new Gauge({
      name: 'anyward_plan_due_timestamp_seconds',
      help: 'When the next round was due after the last successful one; 0 before the first (seconds since 1970)',
      registers,
    }),
    bundles: new Gauge({
      name: 'anyward_planned_bundle_info',
      help: 'The bundle of each node as of the last plan: the SHA-256 of its manifest, which the controller has as `digest` of `anyward_bundle_info`',
      labelNames: ['site', 'node', 'digest'],
      registers,
    }),
    plannedNodes: new Gauge({
      name: 'anyward_planned_nodes',
      help: 'Nodes that serve the service as of the last plan',
      labelNames: ['service'],
      registers,
    }),
    failures: new Counter({
      name: 'anyward_plan_failures_total',
      help: 'Rounds that failed and left the bundles unchanged',
      registers,
    }),
    vrps: new Gauge({
      name: 'anyward_vrps',
      help: 'VRPs of the last plan; 0 if the fleet uses none',
      registers,
    }),
    vrpsGenerated: new Gauge({
      name: 'anyward_vrps_timestamp_seconds',
      help: 'When the validator generated the VRPs; 0 if the fleet uses none (seconds since 1970)',
      registers,
    }),
    irrRanges: new Gauge({
      name: 'anyward_irr_set_ranges',
      help: 'Prefix ranges of each IRR set, aggregated',
      labelNames: ['set'],
      registers,
    }),
    lastGoodAge: new Gauge({
      name: 'anyward_last_good_age_seconds',
      help: 'Age of the last good copy of a feed; present only while the copy is in use (seconds)',
      labelNames: ['feed'],
      registers,
    }),
  }
}
