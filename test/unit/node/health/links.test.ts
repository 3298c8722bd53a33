import { describe, expect, test } from 'vitest'
import { findLinkProblem } from '../../../../src/node/health/links.ts'

describe('the links', () => {
  const needs = {
    interface: 'wg0',
    anycast: ['192.0.2.1', '2001:db8:51::1'],
    checks: ['interface', 'address', 'handshake', 'ping'],
  } as const
  const lo = { up: true, addresses: ['127.0.0.1', '192.0.2.1', '2001:db8:51::1'] }
  const wg0 = { up: true, addresses: ['10.80.0.1'] }

  test('are fine with the interface up and every anycast address on the node', () => {
    expect(
      findLinkProblem(
        new Map([
          ['lo', lo],
          ['wg0', wg0],
        ]),
        needs,
      ),
    ).toBeNull()
  })

  test.each([
    ['interface-missing', new Map([['lo', lo]])],
    [
      'interface-down',
      new Map([
        ['lo', lo],
        ['wg0', { ...wg0, up: false }],
      ]),
    ],
    [
      'address-missing',
      new Map([
        ['lo', { ...lo, addresses: ['192.0.2.1'] }],
        ['wg0', wg0],
      ]),
    ],
    [
      'address-missing',
      new Map([
        ['lo', { ...lo, up: false }],
        ['wg0', wg0],
      ]),
    ],
  ])('say %s', (cause, links) => {
    expect(findLinkProblem(links, needs)?.cause).toBe(cause)
  })

  test('are compared only for the configured checks', () => {
    expect(findLinkProblem(new Map(), { ...needs, checks: ['handshake'] })).toBeNull()
  })
})
