import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Registry } from 'prom-client'
import { describe, expect, test } from 'vitest'
import { createMetrics } from '../../../src/telemetry/metrics.ts'
import { createPlannerMetrics } from '../../../src/telemetry/planner-metrics.ts'

interface Row {
  readonly name: string
  readonly type: string
  readonly labels: readonly string[]
}

const text = readFileSync(join(import.meta.dirname, '../../../docs/running.md'), 'utf8')

const namesIn = (cell = '') => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name!)

/** The rows of the table in docs/running.md with that head; a row may have several names. */
function readTable(head: string): Row[] {
  const [, table = ''] = text.split(`| ${head} |`)
  return table
    .split('\n\n')[0]!
    .split('\n')
    .slice(2)
    .flatMap((line) => {
      const [, names, type = '', labels] = line.split('|').map((cell) => cell.trim())
      return namesIn(names).map((name) => ({ name, type, labels: namesIn(labels) }))
    })
}

async function readRegistry(registry: Registry): Promise<Row[]> {
  const metrics = await registry.getMetricsAsJSON()
  return metrics.map(({ name, type }) => {
    const { labelNames } = registry.getSingleMetric(name) as unknown as { labelNames: readonly string[] }
    return { name, type: String(type), labels: labelNames }
  })
}

describe.each([
  ['controller', createMetrics().registry],
  ['planner', createPlannerMetrics().registry],
])('the metrics of the %s in docs/running.md', (program, registry) => {
  const table = readTable(`metric of the ${program}`)
  /** `process_*` stands for all metrics of that prefix, which depend on the version of Node. */
  const prefixes = table.filter(({ name }) => name.endsWith('*')).map(({ name }) => name.slice(0, -1))
  const isGroup = ({ name }: Row) => prefixes.some((prefix) => name.startsWith(prefix))

  test('are those of the registry, with their types and labels', async () => {
    const byName = (a: Row, b: Row) => a.name.localeCompare(b.name)
    const listed = table.filter(({ name }) => !name.endsWith('*')).sort(byName)
    const defined = (await readRegistry(registry)).filter((row) => !isGroup(row)).sort(byName)
    expect(defined.length).toBeGreaterThan(5)
    expect(listed).toEqual(defined)
  })

  test('have groups that the registry has too, of metrics that are not of Anyward', async () => {
    const names = (await readRegistry(registry)).map(({ name }) => name)
    for (const prefix of prefixes) {
      expect(prefix).not.toMatch(/^anyward/)
      expect(names.some((name) => name.startsWith(prefix))).toBe(true)
    }
  })
})

test('the alerts in docs/running.md name metrics of the tables', () => {
  const listed = ['controller', 'planner'].flatMap((program) => readTable(`metric of the ${program}`))
  const alerts = text.split('Alert on:')[1]!.split('\n## ')[0]!
  const used = [...alerts.matchAll(/\banyward_\w+/g)].map(([name]) => name)
  expect(used.length).toBeGreaterThan(10)
  expect(used.filter((name) => !listed.some((row) => row.name === name))).toEqual([])
})
