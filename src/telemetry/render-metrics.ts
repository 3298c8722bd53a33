import { setImmediate as turn } from 'node:timers/promises'
import type { Registry } from 'prom-client'

/**
 * Renders the registry like `registry.metrics()`, one metric at a time. A node with a hundred services has thousands of
 * series, and a probe or a withdrawal can run between two metrics.
 *
 * @param lines further series of a metric, as text: the registry takes much longer for thousands
 */
export async function renderMetrics(
  registry: Registry,
  lines: ReadonlyMap<string, string> = new Map(),
): Promise<{ contentType: string; body: string }> {
  const texts: string[] = []
  for (const { name } of registry.getMetricsAsArray()) {
    const text = await registry.getSingleMetricAsString(name)
    const more = lines.get(name)
    texts.push(more === undefined ? text : `${text}\n${more}`)
    await turn()
  }
  return { contentType: registry.contentType, body: `${texts.join('\n\n')}\n` }
}
