import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Address, addressBits, type Prefix, prefixOf } from '../../../../src/net/prefix.ts'
import type { ValidationState } from '../../../../src/plan/rpki/validation.ts'
import { combineChanges, compareTables } from '../../../../src/plan/rpki/vrp-changes.ts'
import { type Vrp, vrpAt } from '../../../../src/plan/rpki/vrp-set.ts'
import type { VrpTables } from '../../../../src/plan/rpki/vrp-table.ts'
import { createVrpSet, prefix, show, vrp } from './vrps.ts'

describe('origin validation', () => {
  const set = createVrpSet(
    [
      '10.0.0.0/8 64500',
      '10.1.0.0/16-24 64501',
      '10.1.0.0/16-20 64501',
      '10.2.0.0/16 0',
      '2001:db8::/32-48 64500',
      '2001:db8:51::/48 0',
      '2001:db8:0:1::/64-128 64502',
    ].map(vrp),
  )

  test.each<[string, number | null, ValidationState]>([
    ['10.0.0.0/8', 64500, 'valid'],
    ['10.3.0.0/16', 64500, 'invalid-length'],
    ['10.3.0.0/16', 64501, 'invalid-as'],
    ['10.1.2.0/24', 64501, 'valid'],
    ['10.1.2.0/25', 64501, 'invalid-length'],
    ['10.1.2.0/24', 64500, 'invalid-length'],
    ['10.1.2.0/24', null, 'invalid-as'],
    ['11.0.0.0/8', 64500, 'not-found'],
    ['0.0.0.0/0', 64500, 'not-found'],
    ['10.2.0.0/16', 0, 'invalid-as'],
    ['10.2.0.0/16', 64500, 'invalid-length'],
    ['255.255.255.255/32', 64500, 'not-found'],
    ['2001:db8:51::/48', 64500, 'valid'],
    ['2001:db8:51::/49', 64500, 'invalid-length'],
    ['2001:db8::1/128', 64502, 'invalid-as'],
    ['2001:db8:0:1::ffff/128', 64502, 'valid'],
    ['2001:db9::/32', 64500, 'not-found'],
  ])('%s from %s is %s', (text, origin, state) => {
    expect(set.validate(prefix(text), origin)).toBe(state)
  })

  test('lists the VRPs that cover a prefix, shorter before longer, then by AS', () => {
    const some = createVrpSet(['10.1.0.0/16 9', '10.0.0.0/8 7', '10.1.0.0/16-24 3', '10.1.0.0/17 1'].map(vrp))
    expect(some.covering(prefix('10.1.0.0/16')).map(show)).toEqual([
      '10.0.0.0/8-8 7',
      '10.1.0.0/16-24 3',
      '10.1.0.0/16-16 9',
    ])
  })

  test('counts the same VRP once', () => {
    expect(createVrpSet(['10.0.0.0/8 1', '10.0.0.0/8 1', '10.0.0.0/8-9 1'].map(vrp)).size).toBe(2)
  })

  test('an empty set finds nothing', () => {
    expect(createVrpSet([]).validate(prefix('::/0'), 1)).toBe('not-found')
  })
})

const family = fc.constantFrom('ipv4' as const, 'ipv6' as const)
/** Few values, so that prefixes are often nested, equal or adjacent, in every word of an address. */
const anyPrefix = family.chain((family) => {
  const bits = addressBits(family)
  return fc
    .tuple(fc.array(fc.nat({ max: bits - 1 }), { maxLength: 3 }), fc.integer({ min: 0, max: bits }))
    .map(([ones, length]) => {
      const value = [...new Set(ones)].reduce((sum, bit) => sum | (1n << BigInt(bit)), 0n)
      return prefixOf(new Address(family, value), length)
    })
})
const anyVrp = fc.tuple(anyPrefix, fc.nat({ max: 6 }), fc.nat({ max: 3 })).map(
  ([prefix, more, asn]): Vrp => ({
    prefix,
    maxLength: Math.min(prefix.length + more, addressBits(prefix.family)),
    asn,
  }),
)
const anyVrps = fc.array(anyVrp, { maxLength: 40 })

describe('compared with a linear search', () => {
  test('validates the same, and finds the same VRPs', () => {
    fc.assert(
      fc.property(anyVrps, anyPrefix, fc.nat({ max: 3 }), (vrps, route, origin) => {
        const set = createVrpSet(vrps)
        expect(set.validate(route, origin)).toBe(validateSlowly(vrps, route, origin))
        const covering = vrps.filter((each) => each.prefix.contains(route)).map(show)
        expect(set.covering(route).map(show).sort()).toEqual([...new Set(covering)].sort())
      }),
      { numRuns: 2000 },
    )
  })

  test('the changes between two sets lead from one to the other, also combined over two steps', () => {
    fc.assert(
      fc.property(anyVrps, anyVrps, anyVrps, (first, second, third) => {
        const [one, two, three] = [first, second, third].map((vrps) => createVrpSet(vrps).tables)
        const direct = compareTables(one!, three!)
        const combined = combineChanges(compareTables(one!, two!), compareTables(two!, three!))
        expect(listAll(combined.added)).toEqual(listAll(direct.added))
        expect(listAll(combined.removed)).toEqual(listAll(direct.removed))
        const rest = listAll(one!).filter((row) => !listAll(direct.removed).includes(row))
        expect([...rest, ...listAll(direct.added)].sort()).toEqual(listAll(three!).sort())
      }),
    )
  })
})

function validateSlowly(vrps: readonly Vrp[], route: Prefix, origin: number): ValidationState {
  const covering = vrps.filter((each) => each.prefix.contains(route))
  if (covering.length === 0) return 'not-found'
  const ours = covering.filter((each) => each.asn === origin && origin !== 0)
  if (ours.some((each) => route.length <= each.maxLength)) return 'valid'
  return ours.length > 0 ? 'invalid-length' : 'invalid-as'
}

function listAll(tables: VrpTables): string[] {
  return (['ipv4', 'ipv6'] as const).flatMap((family) =>
    Array.from({ length: tables[family].size }, (_, row) => show(vrpAt(tables[family], family, row))),
  )
}
