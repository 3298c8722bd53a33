import { expect, test } from 'vitest'
import { otherAsn } from '../../../src/lab/scenario/other-asn.ts'

test.each([
  ['any', 64496, 64500, 64497],
  ['before one of private use', 64511, 64500, 64510],
  ['the last of private use', 65534, 64500, 65533],
  ['the first of private use', 64512, 64500, 64513],
  ['beside our own', 64499, 64500, 64498],
  ['the last of 4 bytes', 4_294_967_294, 64500, 4_294_967_293],
])('another AS number, of %s', (_, asn, own, other) => {
  expect(otherAsn(asn, own)).toBe(other)
})
