import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readAnnouncements, renderAnnouncements } from '../../../src/manifest/announcements.ts'

test('both protocols are present when nothing is announced', () => {
  expect(
    renderAnnouncements([]),
  ).toBe(`# Written by the anyward controller: the prefixes that this node originates.
protocol static anyward4 {
  ipv4;
}
protocol static anyward6 {
  ipv6;
}
`)
})

test('each prefix is in the protocol of its family, once, sorted', () => {
  const text = renderAnnouncements([
    ['2001:db8:51::/48', 'degraded'],
    ['192.0.2.1/32', 'normal'],
    ['192.0.2.0/24', 'normal'],
    ['192.0.2.1/32', 'normal'],
  ])
  expect(text).toBe(`# Written by the anyward controller: the prefixes that this node originates.
protocol static anyward4 {
  ipv4;
  route 192.0.2.0/24 blackhole;
  route 192.0.2.1/32 blackhole;
}
protocol static anyward6 {
  ipv6;
  route 2001:db8:51::/48 blackhole { preference = 199; };
}
`)
})

test('rendered text is read back, and any other text is refused', () => {
  const prefix = fc.oneof(
    fc.tuple(fc.ipV4(), fc.nat(32)).map(([address, length]) => `${address}/${length}`),
    fc.tuple(fc.ipV6(), fc.nat(128)).map(([address, length]) => `${address}/${length}`),
  )
  fc.assert(
    fc.property(fc.array(fc.tuple(prefix, fc.constantFrom('normal', 'degraded'))), (announcements) => {
      const text = renderAnnouncements(announcements)
      expect(readAnnouncements(text)).toEqual(new Map(announcements))
      expect(readAnnouncements(`${text} `)).toBeNull()
      expect(readAnnouncements(text.slice(0, -2))).toBeNull()
    }),
  )
  expect(readAnnouncements('')).toBeNull()
})
