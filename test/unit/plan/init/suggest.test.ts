import { expect, test } from 'vitest'
import {
  asHostPrefix,
  asPlainAsn,
  findBogonRanges,
  suggestCovering,
  suggestProbeAddress,
} from '../../../../src/plan/init/suggest.ts'

test.each([
  ['203.0.113.7/32', '203.0.113.0/24'],
  ['2001:db8:51::1/128', '2001:db8:51::/48'],
  ['x', null],
])('the prefix around %s is %s', (anycast, covering) => {
  expect(suggestCovering(anycast)).toBe(covering)
})

test.each([
  ['10.80.0.1/16', '10.80.255.254'],
  ['10.80.0.254/24', '10.80.0.253'],
  ['fd00:80::1/64', 'fd00:80::ffff:ffff:ffff:fffe'],
  ['10.80.0.0/31', null],
  ['10.80.0.1/32', null],
])('the probe of %s is %s', (tunnel, probe) => {
  expect(suggestProbeAddress(tunnel)).toBe(probe)
})

test('an address is a host prefix, AS64500 is 64500, and other text stays', () => {
  expect(['192.0.2.1', '2001:db8::1', '192.0.2.0/24', 'x'].map(asHostPrefix)).toEqual([
    '192.0.2.1/32',
    '2001:db8::1/128',
    '192.0.2.0/24',
    'x',
  ])
  expect(['AS64500', 'as1', '64500', 'ASX'].map(asPlainAsn)).toEqual(['64500', '1', '64500', 'ASX'])
})

test('each bogon range is found once', () => {
  const found = findBogonRanges(['10.0.0.1/32', '10.2.0.0/16', '8.8.8.0/24', 'x', '2001:db8::/32'])
  expect(found.map(({ range }) => range)).toEqual(['10.0.0.0/8', '2001:db8::/32'])
})
