import { expect, test } from 'vitest'
import { systemClock } from '../../../src/clock/clock.ts'
import { RolloutReader } from '../../../src/fleet/rollout/rollout-reader.ts'

const state = {
  ...{ id: 'r1', startedBy: 'alice@noc1', startedAt: '2026-11-30T03:00:00.000Z', state: 'running' },
  ...{ sentence: 'rollout r1: running', since: null, soakMs: 60_000, waves: [] },
}
const lock = { format: 1, rollout: 'r1', by: 'alice@noc1', folder: 'noc1:/out', folderId: '1', engine: 'e1' }

function bedOf(values: Record<string, string>) {
  const bed = { nowMs: 0, values, fails: false }
  const clock = { ...systemClock, now: () => bed.nowMs }
  const store = {
    read: async () =>
      bed.fails
        ? ({ outcome: 'unknown', message: 'no quorum' } as const)
        : ({ outcome: 'read', values: new Map(Object.entries(bed.values)) } as const),
  }
  return Object.assign(bed, { reader: new RolloutReader(store, clock) })
}

test('a rollout is driven while the beat of its command changes, and not known to be at first', async () => {
  const bed = bedOf({
    'rollout/state': JSON.stringify(state),
    'rollout/lock': JSON.stringify(lock),
    'rollout/beat': 'e1 1',
  })
  expect(await bed.reader.read()).toEqual({ rollout: state, isDriven: null, problem: null })
  bed.nowMs = 2000
  bed.values['rollout/beat'] = 'e1 2'
  expect(await bed.reader.read()).toMatchObject({ isDriven: true })
  bed.nowMs = 11_000
  expect(await bed.reader.read()).toMatchObject({ isDriven: true })
  bed.nowMs = 12_000
  expect(await bed.reader.read()).toMatchObject({ isDriven: false })
})

test('a rollout whose lock is released, or has no command, is not driven', async () => {
  const bed = bedOf({ 'rollout/state': JSON.stringify(state) })
  expect(await bed.reader.read()).toMatchObject({ isDriven: false })
  bed.values['rollout/lock'] = JSON.stringify({ ...lock, engine: null })
  expect(await bed.reader.read()).toMatchObject({ isDriven: false })
})

test('what cannot be read is a problem, and what is not there is none', async () => {
  const bed = bedOf({})
  expect(await bed.reader.read()).toEqual({ rollout: null, isDriven: null, problem: null })
  bed.values['rollout/state'] = '{"format":2}'
  expect(await bed.reader.read()).toMatchObject({ problem: 'the state of the rollout is of another version' })
  bed.fails = true
  expect(await bed.reader.read()).toMatchObject({ rollout: null, problem: 'the store: no quorum' })
})
