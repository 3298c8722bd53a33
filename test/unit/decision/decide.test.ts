import { expect, test } from 'vitest'
import { type DecisionInput, decideAnnouncement } from '../../../src/decision/decide.ts'
import { type HealthState, initialHealth } from '../../../src/health/health.ts'

const unknown = initialHealth(0)
const healthy: HealthState = { ...unknown, status: 'healthy' }
const dead: HealthState = {
  ...unknown,
  status: 'unhealthy',
  problem: { check: 'handshake', cause: 'refused', detail: 'nothing listens' },
}
const recovering: HealthState = { ...dead, problem: null }
const calm = { intent: 'serve', stopping: false, onStop: 'withdraw' } as const

test.each<[string, DecisionInput, string, string]>([
  ['a start leaves what is announced as it is', { ...calm, health: unknown }, 'hold', 'starting'],
  ['a healthy endpoint is announced', { ...calm, health: healthy }, 'announce', 'healthy'],
  ['a dead one is withdrawn, with the cause as the reason', { ...calm, health: dead }, 'withdraw', 'refused'],
  ['one that is good again waits for rise', { ...calm, health: recovering }, 'withdraw', 'recovering'],
  ['a drain goes before health', { ...calm, health: healthy, intent: 'drain' }, 'withdraw', 'drained'],
  ['so does a withdrawal', { ...calm, health: healthy, intent: 'withdraw' }, 'withdraw', 'operator-withdrew'],
  ['a stop withdraws', { ...calm, health: healthy, stopping: true }, 'withdraw', 'stopping'],
  [
    'or keeps, if so asked',
    { ...calm, health: healthy, stopping: true, onStop: 'keep' },
    'hold',
    'stopping-keep',
  ],
  [
    'but never keeps a dead one',
    { ...calm, health: dead, stopping: true, onStop: 'keep' },
    'withdraw',
    'refused',
  ],
])('%s', (_title, input, decision, reason) => {
  expect(decideAnnouncement(input)).toMatchObject({ decision, reason })
})
