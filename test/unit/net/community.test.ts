import { expect, test } from 'vitest'
import { parseCommunity } from '../../../src/net/community.ts'

test.each([
  ['64500:100', 'standard'],
  ['4200000000:1:2', 'large'],
  ['rt:64500:4294967295', 'extended'],
  ['ro:4200000000:65535', 'extended'],
])('%s is a %s community, and prints as it was written', (text, type) => {
  const parsed = parseCommunity(text)
  expect(parsed).toMatchObject({ ok: true, value: { type } })
  expect(parsed.ok && String(parsed.value)).toBe(text)
})

test.each([
  ['rt:64500', 'is not a community'],
  ['rt:64500:1:2', 'is not a community'],
  ['rt:064500:1', 'is not a community'],
  ['soo:64500:1', 'is not an extended community that both daemons know'],
  ['RT:64500:1', 'is not an extended community that both daemons know'],
  ['rt:4294967296:1', 'has an AS number beyond 4294967295'],
  ['rt:64500:4294967296', 'has a value beyond 4294967295'],
  ['rt:65536:65536', 'has a value beyond 65535'],
])('%s %s', (text, problem) => {
  const parsed = parseCommunity(text)
  expect(parsed.ok ? null : parsed.problem).toContain(problem)
})
