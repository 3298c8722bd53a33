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
      help: 'When the bundles were last planned and written, or found to be the same',
      registers,
    }),
    failures: new Counter({
      name: 'anyward_plan_failures_total',
      help: 'Rounds that left the bundles as they were because something was wrong',
      registers,
    }),
    vrps: new Gauge({
      name: 'anyward_vrps',
      help: 'VRPs of the last plan; 0 where none are asked for',
      registers,
    }),
    vrpsGenerated: new Gauge({
      name: 'anyward_vrps_timestamp_seconds',
      help: 'When the validator made the VRPs of the last plan; 0 where none are asked for',
      registers,
    }),
    irrRanges: new Gauge({
      name: 'anyward_irr_set_ranges',
      help: 'Prefix ranges of an IRR set in the last plan, aggregated',
      labelNames: ['set'],
      registers,
    }),
    lastGoodAge: new Gauge({
      name: 'anyward_last_good_age_seconds',
      help: 'Age of what is used in place of a VRP file or an IRR set that could not be',
      labelNames: ['feed'],
      registers,
    }),
  }
}
