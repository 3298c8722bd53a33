import { afterEach, expect, test, vi } from 'vitest'
import { describeMissing, findMissingPrograms } from '../../../src/linux/programs.ts'

afterEach(() => {
  vi.unstubAllEnvs()
})

test('a missing program is named with its package', async () => {
  vi.stubEnv('PATH', '/nowhere')
  const missing = await findMissingPrograms(['wg', 'wireguard-go', 'no-such-program'])
  expect(describeMissing(missing)).toBe(
    'wg (package wireguard-tools), wireguard-go (package wireguard-go), no-such-program (package no-such-program)',
  )
})

test('a program on the PATH is not missing', async () => {
  expect(await findMissingPrograms(['node'])).toEqual([])
})
