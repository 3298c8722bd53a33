import { expect, test } from 'vitest'
import { RunError } from '../../../../src/linux/run.ts'
import { judgeStrayNeeds } from '../../../../src/node/doctor/checks/network/stray-watch.ts'

const refusal = (words: string) => new RunError(['nft', '--check', '-f', '-'], 'failed', words)

test('nothing is found where nft and the kernel accept the rules', () => {
  expect(judgeStrayNeeds({ missing: [], refusal: null })).toEqual([])
})

test('a missing program is an error with its package', () => {
  const missing = [{ program: 'nft', package: 'nftables' }]
  expect(judgeStrayNeeds({ missing, refusal: null })).toMatchObject(
    [{ severity: 'error', message: /^nft missing/, cure: 'apt-get install nftables' }].map((found) => ({
      ...found,
      message: expect.stringMatching(found.message),
    })),
  )
})

test('a refusal of the kernel is an error with its words, without the rule', () => {
  const words =
    '/dev/stdin:7:5-9: Error: Could not process rule: No such file or directory\n    udp sport 51820'
  const [found] = judgeStrayNeeds({ missing: [], refusal: refusal(words) })
  expect(found).toMatchObject({ severity: 'error', cure: expect.stringContaining('nfnetlink_log') })
  expect(found!.message).toContain('Could not process rule: No such file or directory')
  expect(found!.message).not.toContain('udp sport')
})

test('without the right to ask, the answer is that it was not seen', () => {
  const words = 'Error: Could not process rule: Operation not permitted'
  expect(judgeStrayNeeds({ missing: [], refusal: refusal(words) })).toMatchObject([{ severity: 'info' }])
})
