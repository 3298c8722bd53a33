import { setImmediate as turn } from 'node:timers/promises'
import type { Registry } from 'prom-client'

/**
 * Renders the registry like `registry.metrics()`, one metric at a time. A node with a hundred services has thousands of
 * series, and a probe or a withdrawal can run between two metrics.
 */
export async function renderMetrics(registry: Registry): Promise<{ contentType: string; body: string }> {
  const texts: string[] = []
  for (const { name } of registry.getMetricsAsArray()) {
    texts.push(await registry.getSingleMetricAsString(name))
    await turn()
  }
  return { contentType: registry.contentType, body: `${texts.join('\n\n')}\n` }
}
