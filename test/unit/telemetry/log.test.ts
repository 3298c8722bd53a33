import { expect, test } from 'vitest'
import { createLog, createPrettyFormat } from '../../../src/telemetry/log.ts'

test('a line during or after the end of the log is dropped without an error', async () => {
  const { log, end } = await createLog({ program: 'test' })
  const ended = end()
  expect(() => log.info('late')).not.toThrow()
  await ended
  expect(() => log.child({ part: 'poll' }).error('later')).not.toThrow()
})

test('what another program has said moves no cursor of a terminal', async () => {
  const format = await createPrettyFormat(false)
  const hostile = 'bird: \u001b[2J\u009b8m\u001b]0;title\u0007\r\nfine'
  const err = { type: 'Error', message: hostile, stack: 'Error: \u001b[2J\n    at main' }
  const line = format(JSON.stringify({ level: 'error', time: 0, message: hostile, cause: hostile, err }))
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what a terminal obeys
  expect(line).not.toMatch(/[\0-\x09\x0b-\x1f\x7f-\x9f]/)
  expect(line).toContain('at main')
  expect(line.split('\n')[0]).toContain('fine')
})
