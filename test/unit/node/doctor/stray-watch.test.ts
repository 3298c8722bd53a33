import { expect, test } from 'vitest'
import { judgeMissing, judgeRefusal } from '../../../../src/node/doctor/checks/network/stray-watch.ts'

test('a missing program is an error with its package', () => {
  expect(judgeMissing([{ program: 'nft', package: 'nftables' }])).toMatchObject({
    severity: 'error',
    message: expect.stringMatching(/^nft missing/),
    cure: 'apt-get install nftables',
  })
})

test('a refusal of the kernel is an error with its words, without the rule', () => {
  const words =
    '/dev/stdin:7:5-9: Error: Could not process rule: No such file or directory\n    udp sport 51820'
  const found = judgeRefusal(words)
  expect(found).toMatchObject({ severity: 'error', cure: expect.stringContaining('nfnetlink_log') })
  expect(found.message).toContain('Could not process rule: No such file or directory')
  expect(found.message).not.toContain('udp sport')
})

test('without the right to ask, the answer is that it was not seen', () => {
  const words = 'Error: Could not process rule: Operation not permitted'
  expect(judgeRefusal(words)).toMatchObject({ severity: 'info' })
})
