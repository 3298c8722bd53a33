import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { createPlannerMetrics } from '../../src/telemetry/planner-metrics.ts'

const registries = { controller: createMetrics().registry, planner: createPlannerMetrics().registry }
const file = join(import.meta.dirname, '../../docs/metrics.md')

async function table(registry: Registry): Promise<string> {
  const metrics = await registry.getMetricsAsJSON()
  const rows = metrics
    // The others depend on the version of Node.
    .filter(({ name }) => name.startsWith('anyward_'))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, type, help }) => {
      const { labelNames } = registry.getSingleMetric(name) as unknown as { labelNames: readonly string[] }
      return [`\`${name}\``, String(type), labelNames.map((label) => `\`${label}\``).join(', '), help]
    })
  const head = ['metric', 'type', 'labels', 'meaning']
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

test('the tables in docs/metrics.md are those of the registries', async () => {
  let text = await readFile(file, 'utf8')
  for (const [program, registry] of Object.entries(registries)) {
    const [begin, end] = [`<!-- ${program}: begin -->\n`, `<!-- ${program}: end -->\n`]
    const [before, rest] = text.split(begin)
    const after = rest?.split(end)[1]
    expect(after).toBeDefined()
    text = `${before}${begin}\n${await table(registry)}\n\n${end}${after}`
  }
  // Once a run: vitest writes the snapshots of one file at the same time, and the end of the longer text stays.
  await expect(text).toMatchFileSnapshot(file)
  const rows = text.match(/` \| (counter|gauge|histogram) \| /g)
  let expected = 0
  for (const registry of Object.values(registries))
    expected += registry.getMetricsAsArray().filter(({ name }) => name.startsWith('anyward_')).length
  expect(rows, 'rows outside the generated tables').toHaveLength(expected)
})

test('each help text has the meaning, and the unit where there is one', async () => {
  for (const registry of Object.values(registries)) {
    for (const { name, help } of await registry.getMetricsAsJSON()) {
      if (!name.startsWith('anyward_')) continue
      expect(help, name).toMatch(/^[A-Z1]/)
      const unit = name.endsWith('_timestamp_seconds')
        ? '(seconds since 1970)'
        : name.endsWith('_seconds')
          ? '(seconds)'
          : help.startsWith('Whether')
            ? '(1 or 0)'
            : ''
      expect(help, name).toContain(unit)
    }
  }
})

test('the alerts in docs/metrics.md name metrics of the tables', async () => {
  const text = await readFile(file, 'utf8')
  const listed = [...text.matchAll(/^\| `(anyward_\w+)` \|/gm)].map(([, name]) => name!)
  const alerts = text.split('## Alerts')[1]!
  const used = [...alerts.matchAll(/\banyward_\w+/g)].map(([name]) => name)
  expect(used.length).toBeGreaterThan(10)
  expect(used.filter((name) => !listed.includes(name.replace(/_(bucket|sum|count)$/, '')))).toEqual([])
})
