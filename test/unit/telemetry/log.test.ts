import { expect, test } from 'vitest'
import { createLog } from '../../../src/telemetry/log.ts'

test('a line that comes while the log ends, or after it, harms nobody', async () => {
  const { log, end } = createLog({ program: 'test' })
  const ended = end()
  expect(() => log.info('late')).not.toThrow()
  await ended
  expect(() => log.child({ part: 'poll' }).error('later')).not.toThrow()
})
