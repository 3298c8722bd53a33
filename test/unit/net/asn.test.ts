import { expect, test } from 'vitest'
import { parseAsn, plainFromAsdot } from '../../../src/net/asn.ts'

test.each([1, 23455, 64500, 65534, 65536, 4200000000, 4294967294])('%d is an AS number', (asn) => {
  expect(parseAsn(asn)).toEqual({ ok: true, value: asn })
})

test.each([0, 23456, 65535, 4294967295, 4294967296, -1, 1.5, Number.NaN])('%d is not an AS number', (asn) => {
  expect(parseAsn(asn).ok).toBe(false)
})

test.each([
  ['0.1', 1],
  ['1.0', 65536],
  ['1.10', 65546],
  ['65535.65535', 4294967295],
  ['65536.0', null],
  ['1.2.3', null],
  ['1', null],
  ['', null],
])('the asdot %j is %j', (text, plain) => {
  expect(plainFromAsdot(text)).toBe(plain)
})
