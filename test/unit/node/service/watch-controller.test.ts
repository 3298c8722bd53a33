import { afterEach, expect, test } from 'vitest'
import { NoAnswer, type NodeReply } from '../../../../src/node/service/ask-controller.ts'
import { type Sight, watchController } from '../../../../src/node/service/watch-controller.ts'
import { OperationError } from '../../../../src/text/operation-error.ts'

const warnings: Error[] = []
const onWarning = (warning: Error) => warnings.push(warning)
afterEach(() => {
  process.off('warning', onWarning)
})

const answer = (status: string): NodeReply<string> => ({ outcome: 'answered', status })
const absent = { message: 'no controller is running', hint: 'start it' }

/** Watches with these replies, one after the other, and ends with the last. */
async function watch(replies: readonly (() => Promise<NodeReply<string>>)[], pauseMs = 0) {
  const ended = new AbortController()
  const sights: Sight<string>[] = []
  let asked = 0
  await watchController({
    ask: () => replies[asked++]!(),
    describeAbsent: async () => absent,
    onSight(sight) {
      sights.push(sight)
      // During the pause that follows.
      if (sights.length === replies.length) setImmediate(() => ended.abort())
    },
    signal: ended.signal,
    pauseMs,
  })
  return sights
}

test('a silence keeps the last status and its time, and ends with the next answer', async () => {
  const sights = await watch([
    async () => ({ outcome: 'absent' }),
    async () => answer('first'),
    () => Promise.reject(new NoAnswer('it did not answer', { hint: 'look at its log' })),
    async () => ({ outcome: 'absent' }),
    async () => answer('second'),
  ])
  expect(sights.map(({ status, silence }) => [status, silence?.message ?? null])).toEqual([
    [null, 'no controller is running'],
    ['first', null],
    ['first', 'it did not answer'],
    ['first', 'no controller is running'],
    ['second', null],
  ])
  expect(sights[3]!.atMs).toBe(sights[1]!.atMs)
})

test('what does not pass by itself ends the watch', async () => {
  const forbidden = new OperationError('no permission', { hint: 'run this as root' })
  await expect(watch([async () => answer('first'), () => Promise.reject(forbidden)])).rejects.toBe(forbidden)
})

test('the end of the watch ends a pause, and a long watch gathers no listeners', async () => {
  process.on('warning', onWarning)
  await watch(Array.from({ length: 30 }, () => async () => answer('same')))
  await watch([async () => answer('last')], 3_600_000)
  // Warnings are emitted in a later turn.
  await new Promise((resolve) => setImmediate(resolve))
  expect(warnings).toEqual([])
})
