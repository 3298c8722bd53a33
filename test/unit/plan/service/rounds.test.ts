import { expect, test } from 'vitest'
import { type Cause, Rounds } from '../../../../src/plan/service/rounds.ts'

/** Rounds whose work runs until the test ends it. */
function startRounds() {
  const begun: Cause[] = []
  const end: (() => void)[] = []
  const rounds = new Rounds((cause) => {
    begun.push(cause)
    return new Promise((resolve) => end.push(resolve))
  })
  return { rounds, begun, end }
}
const turn = () => new Promise((resolve) => setImmediate(resolve))

test('a round begins at once', () => {
  const { rounds, begun } = startRounds()
  void rounds.request('start')
  expect(begun).toEqual(['start'])
})

test('rounds never overlap: any number of requests during one causes one more', async () => {
  const { rounds, begun, end } = startRounds()
  const first = rounds.request('start')
  void rounds.request('schedule')
  void rounds.request('schedule')
  void rounds.request('signal')
  await turn()
  expect(begun).toEqual(['start'])
  end[0]!()
  await turn()
  expect(begun).toEqual(['start', 'signal'])
  end[1]!()
  await first
  void rounds.request('schedule')
  expect(begun).toEqual(['start', 'signal', 'schedule'])
})

test('stop waits for the running round and starts no other', async () => {
  const { rounds, begun, end } = startRounds()
  void rounds.request('start')
  void rounds.request('signal')
  let stopped = false
  const stopping = rounds.stop().then(() => {
    stopped = true
  })
  await turn()
  expect(stopped).toBe(false)
  end[0]!()
  await stopping
  await rounds.request('schedule')
  expect(begun).toEqual(['start'])
})
