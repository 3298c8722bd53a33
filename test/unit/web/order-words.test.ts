import { describe, expect, test } from 'vitest'
import type { FleetStatus } from '../../../src/control/fleet-status.ts'
import type { Configured } from '../../../src/control/page/page-state.ts'
import type { NodeStatus } from '../../../src/control/status.ts'
import { consequencesOfDrain, consequencesOfUndrain, progressOf } from '../../../src/web/node/order-words.ts'

type Service = NodeStatus['services'][number]

const announced = [{ neighbor: 'transit1', prefix: '192.0.2.0/24', degraded: false }]
const status = (change: Partial<Service> = {}, hasStore = true) =>
  ({
    ...{ node: 'fra1-a', site: 'fra1', store: hasStore ? { ok: true } : null, daemon: { verified: true } },
    services: [
      {
        ...{ name: 'vpn', health: 'healthy', decision: 'announce', reason: 'healthy', announced },
        drain: { stage: 'none', sinceMs: null, waitingFor: null, ending: null },
        permit: { standing: 'none', held: false },
        ...change,
      },
    ],
  }) as unknown as NodeStatus
const other = (node: string, site: string, change: object = {}, stale = false) => ({
  ...{ node, site, stale },
  services: [{ name: 'vpn', well: true, ...change }],
})
const fleet = (nodes: object[], permits: object[] = []) =>
  ({
    ...{ store: { ok: true }, nodes: [other('fra1-a', 'fra1'), ...nodes], permits },
    minSites: [{ service: 'vpn', minSites: 1 }],
  }) as unknown as FleetStatus
const configured = {
  services: [{ name: 'vpn', drain: { limitMs: 600_000, undrainMs: 60_000 } }],
} as unknown as Configured

describe('what a drain does', () => {
  test('names the neighbors, the stages, and what the permit would say', () => {
    const [found] = consequencesOfDrain(status(), fleet([other('lon1-a', 'lon1')]), configured)
    expect(found).toEqual({
      ...{ service: 'vpn', level: 'planned' },
      text: 'Announced to transit1 now. It is announced degraded, and withdrawn when its clients have gone, at the latest after 10 min. Without this node, 1 site serves it (lon1), and 1 must remain: the permit to withdraw would be granted now',
    })
  })

  test.each([
    ['none', []],
    ['one that is silent', [other('lon1-a', 'lon1', {}, true)]],
    ['one that is not well', [other('lon1-a', 'lon1', { well: false })]],
    ['one of another service', [other('lon1-a', 'lon1', { name: 'dns' })]],
  ])('is refused where there is no other node: %s', (_, nodes) => {
    const [found] = consequencesOfDrain(status(), fleet(nodes), configured)
    expect(found!.level).toBe('bad')
    expect(found!.text).toContain('would be REFUSED now')
  })

  test('is refused where the other node is in the register', () => {
    const permits = [{ service: 'vpn', node: 'lon1-a', site: 'lon1' }]
    const [found] = consequencesOfDrain(status(), fleet([other('lon1-a', 'lon1')], permits), configured)
    expect(found!.text).toContain('would be REFUSED now')
  })

  test('is not known while the store does not answer', () => {
    const silent = { ...fleet([other('lon1-a', 'lon1')]), store: { ok: false } } as unknown as FleetStatus
    for (const one of [silent, null])
      expect(consequencesOfDrain(status(), one, configured)[0]).toMatchObject({ level: 'warn' })
  })

  test('needs no permit without a store, or with the permit that it has', () => {
    expect(consequencesOfDrain(status({}, false), null, configured)[0]!.text).toContain('No permit is needed')
    const held = status({ permit: { standing: 'granted', held: true } })
    expect(consequencesOfDrain(held, fleet([]), configured)[0]!.text).toContain('has the permit')
  })
})

test('an undrain of an endpoint that fails says that it stays away', () => {
  expect(consequencesOfUndrain(status({ announced: [] }), configured)[0]).toMatchObject({
    level: 'planned',
    text: 'Announced to no neighbor now. It is healthy, and is announced again, degraded for the first 1 min',
  })
  expect(consequencesOfUndrain(status({ health: 'unhealthy' }), configured)[0]!.level).toBe('warn')
})

test('a drain is done when no neighbor has the routes, and says what it waits for before', () => {
  const degrading = {
    drain: { stage: 'degrading', sinceMs: 1, waitingFor: '2 peers that still send', ending: null },
  } as const
  expect(progressOf(status(degrading), 'drain')).toEqual({
    isDone: false,
    lines: ['vpn: degrading, waits for 2 peers that still send; announced to 1 neighbor'],
  })
  const drained = { drain: { stage: 'drained', sinceMs: 1, waitingFor: null, ending: 'limit' } } as const
  expect(progressOf(status(drained), 'drain').isDone).toBe(false)
  expect(progressOf(status({ ...drained, announced: [] }), 'drain').isDone).toBe(true)
  expect(progressOf(status(), 'serve').isDone).toBe(true)
})
