import { createMetrics } from '../../../src/telemetry/metrics.ts'
import { createPlannerMetrics } from '../../../src/telemetry/planner-metrics.ts'

export type Labels = Readonly<Record<string, string>>

const registries = { node: createMetrics().registry, planner: createPlannerMetrics().registry }

const sites: Readonly<Record<string, string>> = { 'fra1-a': 'fra1', 'ams1-a': 'ams1', 'lon1-a': 'lon1' }
export const nodes = Object.keys(sites)

/** The labels that a target has in the file that `anyward plan` writes. */
export function targetOf(node: string): Labels {
  return { job: 'anyward', instance: `${node}:9586`, site: sites[node]!, node }
}

export const plannerTarget: Labels = { job: 'anyward-planner', instance: 'plan1:9380' }

export interface Series {
  readonly name: string
  readonly labels: Labels
}

/** A series of a node as Prometheus stores it. Throws unless the program exports it with exactly these labels. */
export function ofNode(node: string, name: string, labels: Labels = {}): Series {
  return { name, labels: { ...targetOf(node), ...exported('node', name, labels, targetOf(node)) } }
}

export function ofPlanner(name: string, labels: Labels = {}): Series {
  return { name, labels: { ...plannerTarget, ...exported('planner', name, labels, plannerTarget) } }
}

/** A label that the target has too is stored as `exported_…` (`honor_labels: false`, which is the default). */
function exported(program: keyof typeof registries, name: string, labels: Labels, target: Labels): Labels {
  if (name !== 'up') {
    const metric = registries[program].getSingleMetric(name.replace(/_(bucket|sum|count)$/, ''))
    if (metric === undefined) throw new Error(`the ${program} does not export ${name}`)
    const { labelNames } = metric as unknown as { labelNames: string[] }
    const given = Object.keys(labels).filter((label) => label !== 'le')
    if (given.sort().join() !== [...labelNames].sort().join())
      throw new Error(`${name} has the labels ${labelNames.join(', ')}, not ${given.join(', ')}`)
  }
  return Object.fromEntries(
    Object.entries(labels).map(([key, value]) => [key in target ? `exported_${key}` : key, value]),
  )
}

export function textOf({ name, labels }: Series): string {
  return `${name}{${Object.entries(labels)
    .map(([key, value]) => `${key}="${value}"`)
    .join(',')}}`
}
