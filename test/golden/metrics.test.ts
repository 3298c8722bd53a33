import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { createPlannerMetrics } from '../../src/telemetry/planner-metrics.ts'
import { createRtrMetrics } from '../../src/telemetry/rtr-metrics.ts'
import { rules } from './alerts/rules.ts'

const registries = {
  controller: createMetrics().registry,
  planner: createPlannerMetrics().registry,
  rtr: createRtrMetrics().registry,
}
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
  return render(['metric', 'type', 'labels', 'meaning'], rows)
}

/** The meaning is the first paragraph of the runbook. */
async function alertTable(): Promise<string> {
  const rows = rules.map(async ({ alert, labels, annotations, for: duration = 'at once' }) => {
    const page = annotations.runbook_url.replace(/^docs\//, '')
    const [, meaning] = (await readFile(join(file, '..', page), 'utf8')).split('\n\n')
    return [`[\`${alert}\`](${page})`, labels.severity, duration, meaning!]
  })
  return render(['alert', 'severity', 'after', 'meaning'], await Promise.all(rows))
}

function render(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

test('the tables in docs/metrics.md are those of the registries and of the rules', async () => {
  let text = await readFile(file, 'utf8')
  const tables = {
    controller: await table(registries.controller),
    planner: await table(registries.planner),
    rtr: await table(registries.rtr),
  }
  for (const [part, content] of Object.entries({ ...tables, alerts: await alertTable() })) {
    const [begin, end] = [`<!-- ${part}: begin -->\n`, `<!-- ${part}: end -->\n`]
    const [before, rest] = text.split(begin)
    const after = rest?.split(end)[1]
    expect(after).toBeDefined()
    text = `${before}${begin}\n${content}\n\n${end}${after}`
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

test('alerts and dashboard ask for metrics that the programs export', async () => {
  const names = Object.values(registries).flatMap((registry) =>
    registry.getMetricsAsArray().map(({ name }) => name),
  )
  const dashboard = await readFile(join(file, '../../templates/grafana/anyward.json'), 'utf8')
  for (const text of [rules.map(({ expr }) => expr).join('\n'), dashboard]) {
    const used = [...text.matchAll(/\banyward_\w+/g)].map(([name]) => name)
    expect(used.length).toBeGreaterThan(30)
    expect(used.filter((name) => !names.includes(name.replace(/_(bucket|sum|count)$/, '')))).toEqual([])
  }
})
