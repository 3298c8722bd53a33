import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { applyLinkEvent, type Links, parseLinkEvent, parseLinks } from '../../../src/linux/link-lines.ts'

describe('a line of `ip -o monitor link address`', () => {
  test.each([
    [
      '3: wg0: <POINTOPOINT,NOARP,UP,LOWER_UP> mtu 1420 qdisc noqueue state UNKNOWN group default \\    link/none ',
      { event: 'link', index: 3, name: 'wg0', up: true },
    ],
    [
      '5: vx0@vy0: <BROADCAST,MULTICAST,M-DOWN> mtu 1500 qdisc noop state DOWN group default \\    link/ether 26:fa',
      { event: 'link', index: 5, name: 'vx0', up: false },
    ],
    [
      '7: wg1: <NO-CARRIER,LOWER_UP> mtu 1420 qdisc noop state DOWN group default',
      { event: 'link', index: 7, name: 'wg1', up: false },
    ],
    ['Deleted 4: vy0@NONE: <BROADCAST,MULTICAST> mtu 1500', { event: 'link-gone', index: 4 }],
    [
      '1: lo    inet 192.0.2.1/32 scope global lo:any\\       valid_lft forever',
      { event: 'address', index: 1, address: '192.0.2.1' },
    ],
    [
      '1: lo    inet 10.5.5.5 peer 10.5.5.6/32 scope global lo\\       valid_lft forever',
      { event: 'address', index: 1, address: '10.5.5.5' },
    ],
    [
      'Deleted 3: dm0    inet6 2001:db8:51::1/128 scope global nodad \\       valid_lft forever',
      { event: 'address-gone', index: 3, address: '2001:db8:51::1' },
    ],
    ['Terminated', { event: 'unknown' }],
    ['', { event: 'unknown' }],
  ])('%j is parsed', (line, event) => {
    expect(parseLinkEvent(line)).toEqual(event)
  })

  test('with any text never throws', () => {
    fc.assert(fc.property(fc.string(), (line) => parseLinkEvent(line) !== undefined))
  })
})

describe('the links', () => {
  const links: Links = new Map([[3, { name: 'wg0', up: true, addresses: ['192.0.2.1'] }]])

  test('keep their addresses when they go down or are renamed, and lose them when they go', () => {
    expect(applyLinkEvent(links, { event: 'link', index: 3, name: 'wg9', up: false })).toEqual(
      new Map([[3, { name: 'wg9', up: false, addresses: ['192.0.2.1'] }]]),
    )
    expect(applyLinkEvent(links, { event: 'link-gone', index: 3 })).toEqual(new Map())
  })

  test('are read again when an address comes to a link that is not there, or a line is not understood', () => {
    expect(applyLinkEvent(links, { event: 'address', index: 9, address: '192.0.2.1' })).toBeNull()
    expect(applyLinkEvent(links, { event: 'unknown' })).toBeNull()
    expect(applyLinkEvent(links, { event: 'address-gone', index: 9, address: '192.0.2.1' })).toBe(links)
  })

  test('end the same when old events are repeated before newer ones', () => {
    const event = fc.oneof(
      fc.record({
        event: fc.constant('link' as const),
        index: fc.nat(2),
        name: fc.constantFrom('a', 'b'),
        up: fc.boolean(),
      }),
      fc.record({ event: fc.constant('link-gone' as const), index: fc.nat(2) }),
      fc.record({
        event: fc.constantFrom('address' as const, 'address-gone' as const),
        index: fc.nat(2),
        address: fc.constantFrom('x', 'y'),
      }),
    )
    const existing: Links = new Map(
      [0, 1, 2].map((index) => [index, { name: `${index}`, up: true, addresses: [] }]),
    )
    const play = (from: Links, events: readonly Parameters<typeof applyLinkEvent>[1][]) => {
      let now = from
      for (const one of events) now = applyLinkEvent(now, one) ?? now
      return new Map(
        [...now]
          .sort(([a], [b]) => a - b)
          .map(([index, link]) => [index, { ...link, addresses: [...link.addresses].sort() }]),
      )
    }
    // A link that is deleted and made again has a new index: the kernel uses none twice in so short a time.
    const story = fc.array(event).map((events) => {
      const gone = new Set<number>()
      return events.filter((one) => {
        if (gone.has(one.index)) return false
        if (one.event === 'link-gone') gone.add(one.index)
        return true
      })
    })
    fc.assert(
      fc.property(story, fc.nat(), fc.nat(), (events, a, b) => {
        const [older, read] = [a % (events.length + 1), b % (events.length + 1)].sort((x, y) => x - y) as [
          number,
          number,
        ]
        const whatTheReadFound = play(existing, events.slice(0, read))
        expect(play(whatTheReadFound, events.slice(older))).toEqual(play(existing, events))
      }),
    )
  })

  test('are read from `ip -j addr show`, with the empty objects that it leaves', () => {
    const json =
      '[{},{"ifindex":1,"ifname":"lo","flags":["LOOPBACK","UP"],"addr_info":[{"family":"inet","local":"127.0.0.1"},{}]}]'
    expect(parseLinks(json)).toEqual(new Map([[1, { name: 'lo', up: true, addresses: ['127.0.0.1'] }]]))
    expect(parseLinks('[]')).toEqual(new Map())
    for (const bad of ['', 'null', '{}', '[{"ifindex":"1"}]']) expect(() => parseLinks(bad)).toThrow()
  })
})
