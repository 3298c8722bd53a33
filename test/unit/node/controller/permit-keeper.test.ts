import { expect, test } from 'vitest'
import { systemClock } from '../../../../src/clock/clock.ts'
import type { PermitState } from '../../../../src/fleet/permit/state.ts'
import { PermitKeeper, type ServicePermit } from '../../../../src/node/controller/services/permit-keeper.ts'
import type { Decision } from '../../../../src/node/decision/decide.ts'

const toWithdraw: Decision = {
  decision: 'hold',
  withdrawal: 'permit',
  reason: 'no-reply',
  detail: 'no reply',
}
const toAnnounce: Decision = {
  decision: 'announce',
  withdrawal: null,
  reason: 'healthy',
  detail: 'the endpoint serves',
}
const gone: Decision = {
  decision: 'withdraw',
  withdrawal: 'fact',
  reason: 'interface-missing',
  detail: 'there is no wg0',
}
const granted: PermitState = { phase: 'granted', nonce: 'n', actBeforeMs: Number.POSITIVE_INFINITY }
const refused: PermitState = { phase: 'refused', remaining: 1, required: 2 }

/** A store that gives these answers, one to each request, and the time of the node. */
function bed(...answers: readonly PermitState[]) {
  const left = [...answers]
  const calls: string[] = []
  const time = { now: 0, isInTime: true, decisions: 0 }
  const outcomes: string[] = []
  const permit: ServicePermit = {
    ask: async (reason) => {
      calls.push(`ask ${reason}`)
      return left.shift() ?? { phase: 'unreachable' }
    },
    mayWithdraw: () => time.isInTime,
    sayWell: () => calls.push('well'),
    sayNotWell: () => calls.push('not well'),
    reportWithdrawal: (cause, reason) => calls.push(`${cause} ${reason}`),
  }
  const keeper = new PermitKeeper(permit, { ...systemClock, now: () => time.now }, (answer, waitedMs) => {
    time.decisions += 1
    outcomes.push(`${answer} after ${waitedMs} ms`)
  })
  return { keeper, calls, time, outcomes }
}

test('it asks once, and decides again with the answer', async () => {
  const { keeper, calls, time } = bed(granted)
  keeper.follow(toWithdraw, false)
  expect(keeper.standing).toEqual({ standing: 'asking' })
  keeper.follow(toWithdraw, false)
  await keeper.answered()
  expect(keeper.standing).toEqual({ standing: 'granted' })
  expect(time.decisions).toBe(1)
  keeper.follow(toWithdraw, false)
  expect(calls).toEqual(['ask no-reply'])
})

test('a refusal stands while it asks again, a second later', async () => {
  const { keeper, calls, time, outcomes } = bed(refused, granted)
  keeper.follow(toWithdraw, false)
  await keeper.answered()
  const standing = { standing: 'refused', remaining: 1, required: 2 }
  expect(keeper.standing).toEqual(standing)
  time.now = 999
  keeper.follow(toWithdraw, false)
  expect(calls).toHaveLength(1)
  time.now = 1000
  keeper.follow(toWithdraw, false)
  expect(keeper.standing).toEqual(standing)
  await keeper.answered()
  expect(keeper.standing).toEqual({ standing: 'granted' })
  expect(outcomes).toEqual(['refused after 0 ms', 'granted after 1000 ms'])
})

test('a store that does not answer is asked again too', async () => {
  const { keeper, calls, time } = bed()
  keeper.follow(toWithdraw, false)
  await keeper.answered()
  expect(keeper.standing).toEqual({ standing: 'unreachable' })
  time.now = 1000
  keeper.follow(toWithdraw, false)
  await keeper.answered()
  expect(calls).toHaveLength(2)
})

test('a permit whose answer came too late is none: it asks again', async () => {
  const { keeper, calls, time } = bed(granted, granted)
  time.isInTime = false
  keeper.follow(toWithdraw, false)
  await keeper.answered()
  expect(keeper.standing).toEqual({ standing: 'none' })
  time.isInTime = true
  keeper.follow(toWithdraw, false)
  await keeper.answered()
  expect(keeper.standing).toEqual({ standing: 'granted' })
  expect(calls).toHaveLength(2)
})

test('an answer to a wish that has ended changes nothing', async () => {
  const { keeper, calls } = bed(granted)
  keeper.follow(toWithdraw, false)
  keeper.follow(toAnnounce, false)
  await keeper.answered()
  expect(keeper.standing).toEqual({ standing: 'none' })
  expect(calls).toEqual(['ask no-reply', 'not well'])
})

test('a wish that ends and returns during a request gets an answer to a request of its own', async () => {
  const { keeper, calls } = bed({ phase: 'none' }, granted)
  keeper.follow(toWithdraw, false)
  keeper.follow(toAnnounce, false)
  keeper.follow(toWithdraw, false)
  await keeper.answered()
  keeper.follow(toWithdraw, false)
  await keeper.answered()
  expect(keeper.standing).toEqual({ standing: 'granted' })
  expect(calls).toEqual(['ask no-reply', 'not well', 'ask no-reply'])
})

test('it says what it is, once: well only where the neighbors have its routes', () => {
  const { keeper, calls } = bed()
  for (const isWell of [false, false, true, true, false]) keeper.follow(toAnnounce, isWell)
  keeper.follow(gone, false)
  keeper.follow(gone, false)
  keeper.follow({ ...gone, withdrawal: 'order', reason: 'stopping' }, false)
  keeper.follow(toAnnounce, true)
  expect(calls).toEqual(['not well', 'well', 'not well', 'fact interface-missing', 'order stopping', 'well'])
})

test('it says what it is again after a request, which has said that it is not well', async () => {
  const { keeper, calls } = bed(refused)
  keeper.follow(toAnnounce, true)
  keeper.follow(toWithdraw, false)
  await keeper.answered()
  keeper.follow(toAnnounce, true)
  expect(calls).toEqual(['well', 'ask no-reply', 'well'])
})
