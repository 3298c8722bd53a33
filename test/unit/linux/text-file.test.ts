import { expect, test } from 'vitest'
import { readSystemFile } from '../../../src/linux/inspect/text-file.ts'

test('a device is not read: it may never end', async () => {
  await expect(readSystemFile('/dev/null')).rejects.toThrow('/dev/null is not a regular file')
})

test('a file that is not there is null', async () => {
  expect(await readSystemFile('/dev/null/absent')).toBeNull()
})
