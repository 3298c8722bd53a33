import type { Registry } from 'prom-client'
import { describe, expect, test } from 'vitest'
import { measureStatus } from '../../../src/node/controller/report-events.ts'
import { createMetrics } from '../../../src/telemetry/metrics.ts'
import { createPlannerMetrics } from '../../../src/telemetry/planner-metrics.ts'
import { renderMetrics } from '../../../src/telemetry/render-metrics.ts'

const registries: [string, Registry][] = [
  ['controller', createMetrics().registry],
  ['planner', createPlannerMetrics().registry],
]

describe.each(registries)('the metrics of the %s', (_name, registry) => {
  test('end in _total if they are counters, and only then', async () => {
    const text = await registry.metrics()
    const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)]
    expect(types.length).toBeGreaterThan(5)
    const wrong = types.filter(([, name, type]) => name!.endsWith('_total') !== (type === 'counter'))
    expect(wrong.map(([line]) => line)).toEqual([])
  })

  test('are the same rendered metric by metric as at once', async () => {
    const headsOf = (text: string) => text.split('\n').filter((line) => line.startsWith('#'))
    const { body, contentType } = await renderMetrics(registry)
    expect(headsOf(body)).toEqual(headsOf(await registry.metrics()))
    expect(body.endsWith('\n')).toBe(true)
    expect(contentType).toBe(registry.contentType)
  })
})

test('late probes are counted once, whatever the number of scrapes', async () => {
  const metrics = createMetrics()
  const status = {
    services: [
      {
        name: 'vpn',
        loss: 0,
        holdDown: { flaps: 0, leftMs: null },
        late: { inRow: 0, total: 7 },
        drain: { stage: 'none' },
      },
    ],
    maintenance: { active: null, next: null },
    guard: null,
    heldAddresses: [],
    bundle: null,
    serial: null,
    daemon: { verified: true, savedAnnouncements: [] },
  } as unknown as Parameters<typeof measureStatus>[0]
  measureStatus(status, metrics)
  measureStatus(status, metrics)
  const text = await metrics.registry.getSingleMetricAsString('anyward_late_probes_total')
  expect(text).toMatch(/^anyward_late_probes_total\{service="vpn"\} 7$/m)
})
