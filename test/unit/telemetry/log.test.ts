import { expect, test } from 'vitest'
import { createLog } from '../../../src/telemetry/log.ts'

test('a line during or after the end of the log is dropped without an error', async () => {
  const { log, end } = await createLog({ program: 'test' })
  const ended = end()
  expect(() => log.info('late')).not.toThrow()
  await ended
  expect(() => log.child({ part: 'poll' }).error('later')).not.toThrow()
})
