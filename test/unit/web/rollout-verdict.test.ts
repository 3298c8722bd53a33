import { expect, test } from 'vitest'
import type { RolloutStatus } from '../../../src/control/rollout-status.ts'
import { describeCounts, isRecent, judgeRollout } from '../../../src/web/fleet/rollout-verdict.ts'

const now = '2026-11-30T03:10:00.000Z'
const rollout: RolloutStatus = {
  ...{ id: 'r1', startedBy: 'alice@noc1', startedAt: '2026-11-30T03:00:00.000Z', state: 'running' },
  ...{ sentence: 'rollout r1: running', since: '2026-11-30T03:05:00.000Z', soakMs: 60_000, waves: [] },
}
const judge = (change: Partial<RolloutStatus>, isDriven: boolean | null = true) =>
  judgeRollout({ rollout: { ...rollout, ...change }, isDriven, problem: null }, now)

test.each([
  [{}, true, 'planned', ''],
  [{}, null, 'planned', ''],
  [{}, false, 'warn', /no command drives it/],
  [{ state: 'paused' }, false, 'warn', /`anyward rollout resume`.*`anyward rollout undo`/],
  [{ state: 'failed' }, false, 'bad', ''],
  [{ state: 'done' }, false, 'ok', ''],
] as const)(
  'a rollout is judged by its state, and by whether a command drives it: %#',
  (change, isDriven, level, hint) => {
    const found = judge(change, isDriven)!
    expect(found).toMatchObject({
      level,
      sentence: 'rollout r1: running; started by alice@noc1',
      lasts: '5 min',
    })
    expect(found.hints.join(' ')).toMatch(hint)
  },
)

test('a rollout that is over is shown for a day, one that rests for as long as it does', () => {
  const since = '2026-11-28T03:00:00.000Z'
  expect(isRecent({ ...rollout, state: 'done', since }, now)).toBe(false)
  expect(isRecent({ ...rollout, state: 'done' }, now)).toBe(true)
  expect(isRecent({ ...rollout, state: 'paused', since }, now)).toBe(true)
})

test('the counts of a wave name what there is', () => {
  expect(describeCounts({ done: 2, working: 1, waiting: 0, failed: 0, undone: 0 })).toBe(
    '2 of 3 done, 1 in work',
  )
})
