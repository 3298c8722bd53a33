import { expect, test } from 'vitest'
import { isFromOtherSite } from '../../../src/control/host-name.ts'

test.each([
  ['its own page', 'same-origin', 'cors', 'empty', false],
  ['an address that a person has entered', 'none', 'navigate', 'document', false],
  ['a link on a page of another site', 'cross-site', 'navigate', 'document', false],
  ['a request of such a page', 'cross-site', 'no-cors', 'image', true],
  ['a page of another port of this machine', 'same-site', 'cors', 'empty', true],
  ['a frame in a page of another site, which would hold a stream', 'cross-site', 'navigate', 'iframe', true],
  ['an object in one', 'cross-site', 'navigate', 'object', true],
])('%s', (_, site, mode, dest, isForeign) => {
  const headers = { 'sec-fetch-site': site, 'sec-fetch-mode': mode, 'sec-fetch-dest': dest }
  expect(isFromOtherSite(headers)).toBe(isForeign)
})

test('a program that sends no such header is answered', () => {
  expect(isFromOtherSite({})).toBe(false)
})
