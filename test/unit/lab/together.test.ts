import { describe, expect, test } from 'vitest'
import { fewAtOnce } from '../../../src/lab/machine/together.ts'

describe('limited concurrency', () => {
  test('at most as many tasks as the width run at once, and each runs once', async () => {
    let now = 0
    let most = 0
    const done: number[] = []
    await fewAtOnce(3, [1, 2, 3, 4, 5, 6, 7], async (thing) => {
      now += 1
      most = Math.max(most, now)
      await new Promise(setImmediate)
      now -= 1
      done.push(thing)
    })
    expect(most).toBe(3)
    expect(done.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7])
  })

  test('after a failure no task starts, running ones are awaited, and the first failure is thrown', async () => {
    const begun: string[] = []
    let endSlow = () => {}
    const slow = new Promise<void>((resolve) => {
      endSlow = resolve
    })
    const all = fewAtOnce(2, ['slow', 'bad', 'never'], async (thing) => {
      begun.push(thing)
      if (thing === 'bad') {
        setImmediate(endSlow)
        throw new Error('bad failed')
      }
      await slow
      throw new Error('slow failed')
    })
    await expect(all).rejects.toThrow('bad failed')
    expect(begun).toEqual(['slow', 'bad'])
  })
})
