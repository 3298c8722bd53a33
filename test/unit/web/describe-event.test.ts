import { expect, test } from 'vitest'
import type { FleetEvent } from '../../../src/control/page/page-state.ts'
import { describeEvent } from '../../../src/web/fleet/describe-event.ts'

const at = { site: 'lon1', node: 'lon1-a', time: '2026-11-30T03:00:10.000Z', clock: 'node' } as const
const vpn = { what: 'service', service: 'vpn', neighbors: 'transit1, tor1' } as const

test.each<[FleetEvent, string, string]>([
  [
    { ...at, ...vpn, decision: 'announce', reason: 'healthy', announced: 'normal' },
    'ok',
    'vpn announced, to transit1, tor1',
  ],
  [
    { ...at, ...vpn, decision: 'withdraw', reason: 'hung', announced: 'nothing', neighbors: '' },
    'bad',
    'vpn withdrawn (hung)',
  ],
  [
    { ...at, ...vpn, decision: 'degrade', reason: 'draining', announced: 'degraded' },
    'planned',
    'vpn announced degraded (draining), to transit1, tor1',
  ],
  [{ ...at, what: 'silent' }, 'bad', 'silent: whether it still announces is not known'],
  [{ ...at, what: 'back', afterMs: 65_000 }, 'ok', 'reports again, after 1 min'],
  [{ ...at, what: 'bundle', serial: null }, 'ok', 'runs an unsigned bundle'],
  [
    { ...at, what: 'registered', service: 'vpn', cause: 'permit', reason: 'hung' },
    'planned',
    'in the register of vpn, with a permit (hung)',
  ],
  [{ ...at, what: 'store', ok: false }, 'warn', 'has no answer of the store'],
])('a change is in words: %#', (event, level, text) => {
  expect(describeEvent(event)).toEqual({ level, text })
})
