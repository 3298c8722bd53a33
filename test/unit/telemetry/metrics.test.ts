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

const statusOf = (changes: {
  permit: object | null
  store: object | null
  guard?: object
  failure?: object
  fenced?: boolean | null
}) =>
  ({
    services: [
      {
        name: 'vpn',
        health: 'impaired',
        loss: 0,
        holdDown: { flaps: 0, leftMs: null },
        late: { inRow: 0, total: 7 },
        drain: { stage: 'none' },
        permit: changes.permit,
        fenced: changes.fenced ?? null,
      },
    ],
    maintenance: { active: null, next: null },
    guard: changes.guard ?? null,
    store: changes.store,
    heldAddresses: [],
    bundle: null,
    serial: null,
    rescue: null,
    daemon: { verified: true, savedAnnouncements: [], trouble: changes.failure ?? null },
  }) as unknown as Parameters<typeof measureStatus>[0]

test('late probes are counted once, whatever the number of scrapes', async () => {
  const metrics = createMetrics()
  const status = statusOf({ permit: null, store: null })
  measureStatus(status, metrics)
  measureStatus(status, metrics)
  const text = await metrics.registry.getSingleMetricAsString('anyward_late_probes_total')
  expect(text).toMatch(/^anyward_late_probes_total\{service="vpn"\} 7$/m)
})

test('whether the store answers is absent without a store, and 0 while it does not', async () => {
  const metrics = createMetrics()
  const read = async (permit: object | null, store: object | null) => {
    measureStatus(statusOf({ permit, store }), metrics)
    const texts = ['anyward_store_up', 'anyward_permit_held'].map((name) =>
      metrics.registry.getSingleMetricAsString(name),
    )
    return (await Promise.all(texts))
      .join('\n')
      .split('\n')
      .filter((line) => !/^#|^$/.test(line))
  }
  expect(await read(null, null)).toEqual([])
  expect(await read({ held: true }, { ok: true })).toEqual([
    'anyward_store_up 1',
    'anyward_permit_held{service="vpn"} 1',
  ])
  expect(await read({ held: false }, { ok: false })).toEqual([
    'anyward_store_up 0',
    'anyward_permit_held{service="vpn"} 0',
  ])
})

test('what is not known any more is absent', async () => {
  const metrics = createMetrics()
  const read = async () => {
    const names = ['bgp_session_up', 'store_up', 'permit_held', 'fenced']
    const texts = names.map((name) => metrics.registry.getSingleMetricAsString(`anyward_${name}`))
    return (await Promise.all(texts)).flatMap((text) => text.match(/^anyward.*$/gm) ?? [])
  }
  const known = { permit: { held: true }, store: { ok: true }, fenced: false }
  metrics.sessionUp.set({ neighbor: 'tor' }, 1)
  measureStatus(statusOf(known), metrics)
  expect(await read()).toEqual([
    'anyward_bgp_session_up{neighbor="tor"} 1',
    'anyward_store_up 1',
    'anyward_permit_held{service="vpn"} 1',
    'anyward_fenced{service="vpn"} 0',
  ])
  measureStatus(statusOf({ ...known, failure: { cause: 'not-running' } }), metrics)
  expect(await read()).toHaveLength(4)
  measureStatus(statusOf({ permit: null, store: { ok: null }, failure: { cause: 'timeout' } }), metrics)
  expect(await read()).toEqual([])
})

test('the guard is absent where there is none, and the state of an endpoint is one of four', async () => {
  const metrics = createMetrics()
  const read = async (name: string) =>
    (await metrics.registry.getSingleMetricAsString(name)).split('\n').filter((line) => !/^#|^$/.test(line))
  measureStatus(statusOf({ permit: null, store: null }), metrics)
  expect(await read('anyward_guard_holding')).toEqual([])
  expect((await read('anyward_service_health')).filter((line) => line.endsWith(' 1'))).toEqual([
    'anyward_service_health{service="vpn",state="impaired"} 1',
  ])
  measureStatus(statusOf({ permit: null, store: null, guard: { holding: false } }), metrics)
  expect(await read('anyward_guard_holding')).toEqual(['anyward_guard_holding 0'])
})

test.each([
  [null, 1],
  ['refused', 1],
  ['drift', 1],
  ['not-running', 0],
  ['timeout', 0],
])('with the error %s of the daemon, whether it answers is %i', async (cause, up) => {
  const metrics = createMetrics()
  const failed = cause === null ? {} : { failure: { cause } }
  measureStatus(statusOf({ permit: null, store: null, ...failed }), metrics)
  const text = await metrics.registry.getSingleMetricAsString('anyward_routing_daemon_up')
  expect(text).toMatch(new RegExp(`^anyward_routing_daemon_up ${up}$`, 'm'))
})
