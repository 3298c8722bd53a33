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
      help: 'Time of the last successful round; the bundles were written, or unchanged',
      registers,
    }),
    failures: new Counter({
      name: 'anyward_plan_failures_total',
      help: 'Rounds that failed and left the bundles unchanged',
      registers,
    }),
    vrps: new Gauge({
      name: 'anyward_vrps',
      help: 'VRPs of the last plan; 0 if the fleet asks for none',
      registers,
    }),
    vrpsGenerated: new Gauge({
      name: 'anyward_vrps_timestamp_seconds',
      help: 'Time at which the validator generated the VRPs of the last plan; 0 if the fleet asks for none',
      registers,
    }),
    irrRanges: new Gauge({
      name: 'anyward_irr_set_ranges',
      help: 'Aggregated prefix ranges of the IRR set in the last plan',
      labelNames: ['set'],
      registers,
    }),
    lastGoodAge: new Gauge({
      name: 'anyward_last_good_age_seconds',
      help: 'Age of the last good data that is in use in place of a VRP file or an IRR set that cannot be loaded',
      labelNames: ['feed'],
      registers,
    }),
  }
}
