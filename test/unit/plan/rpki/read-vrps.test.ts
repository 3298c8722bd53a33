import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parsePrefix } from '../../../../src/net/prefix.ts'
import { readIpv4Prefix, readIpv6Prefix } from '../../../../src/net/read-prefix.ts'
import { readVrps as readVrpsAt } from '../../../../src/plan/rpki/read-vrps.ts'
import { dropExpired, fillWords } from '../../../../src/plan/rpki/vrp-set.ts'
import { prefix, show } from './vrps.ts'

/** A second before the good entry expires. */
const nowMs = 1767225599_000
const readVrps = (json: string | Uint8Array) => readVrpsAt(json, nowMs)

const good = { asn: 64500, prefix: '192.0.2.0/24', maxLength: 24, ta: 'ripe', expires: 1767225600 }

describe('a VRP file', () => {
  test('of rpki-client, with AS numbers as numbers and further fields', () => {
    const file = readVrps(
      JSON.stringify({
        metadata: { buildtime: '2025-12-31T00:00:00Z', roas: 1 },
        roas: [good, { ...good, ta: 'arin' }],
        bgpsec_keys: [],
      }),
    )
    if (!file.ok) throw new Error(file.problem)
    expect(file.value.generated).toBe('2025-12-31T00:00:00Z')
    expect(file.value.vrps.covering(prefix('192.0.2.0/24')).map(show)).toEqual(['192.0.2.0/24-24 64500'])
  })

  test('of Routinator, with AS numbers as text, as bytes', () => {
    const text = JSON.stringify({
      metadata: { generated: 1767225600, generatedTime: '2026-01-01T00:00:00Z' },
      roas: [
        { asn: 'AS64500', prefix: '2001:DB8::/32', maxLength: 48, ta: 'ripe' },
        { asn: 'AS0', prefix: '::ffff:192.0.2.0/120', maxLength: 128, ta: 'ripe' },
      ],
    })
    const file = readVrps(new TextEncoder().encode(text))
    if (!file.ok) throw new Error(file.problem)
    expect(file.value.generated).toBe('2026-01-01T00:00:00Z')
    expect(file.value.vrps.size).toBe(2)
    expect(file.value.vrps.validate(prefix('2001:db8:1::/48'), 64500)).toBe('valid')
    expect(file.value.vrps.covering(prefix('::ffff:192.0.2.1/128'))).toHaveLength(1)
  })

  test.each<[unknown, string, string | RegExp]>([
    [[], 'is a list, not a map with "roas"', /rpki-client/],
    [{ vrps: [] }, 'has no list "roas"', /rpki-client/],
    [{ roas: [good, null] }, 'has in roas[1] nothing, which is not a VRP', /an entry looks like/],
    [
      { roas: [good, { ...good, prefix: '192.0.2.1/24' }] },
      'has in roas[1] the prefix "192.0.2.1/24", which has host bits set beyond /24',
      'write 192.0.2.0/24, or 192.0.2.1/32 for a single address',
    ],
    [
      { roas: [{ ...good, prefix: 7 }, good, {}] },
      'has in roas[0] a prefix that is the number 7; 2 entries are invalid in total',
      /an entry/,
    ],
    [
      { roas: [{ ...good, maxLength: 23 }] },
      'has in roas[0] a maxLength that is the number 23 for 192.0.2.0/24',
      'it is 24 to 32',
    ],
    [
      { roas: [{ ...good, maxLength: 33 }] },
      'has in roas[0] a maxLength that is the number 33 for 192.0.2.0/24',
      'it is 24 to 32',
    ],
    [
      { roas: [{ ...good, maxLength: '24' }] },
      'has in roas[0] a maxLength that is "24" for 192.0.2.0/24',
      'it is 24 to 32',
    ],
    [
      { roas: [{ ...good, asn: 4294967296 }] },
      'has in roas[0] an asn that is the number 4294967296',
      'write 0 to 4294967295, or text such as "AS64500"',
    ],
    [
      { roas: [{ ...good, asn: 'AS-SET' }] },
      'has in roas[0] an asn that is "AS-SET"',
      'write 0 to 4294967295, or text such as "AS64500"',
    ],
    [
      { roas: [{ ...good, prefix: `${'1'.repeat(100)}/24` }] },
      `has in roas[0] the prefix "${'1'.repeat(60)}…", which is not a prefix`,
      /an entry/,
    ],
  ])('with an error is refused with the place: %j', (json, problem, hint) => {
    const file = readVrps(JSON.stringify(json))
    expect(file).toEqual({
      ok: false,
      problem,
      hint: typeof hint === 'string' ? hint : expect.stringMatching(hint),
    })
  })

  test('is read without expired VRPs, with their number', () => {
    const json = JSON.stringify({
      roas: [
        good,
        { ...good, prefix: '198.51.100.0/24', expires: 1767225598 },
        { ...good, asn: 1, expires: 0 },
      ],
    })
    const file = readVrpsAt(json, nowMs)
    if (!file.ok) throw new Error(file.problem)
    expect(file.value.expired).toBe(2)
    expect(file.value.vrps.validate(prefix('192.0.2.0/24'), 64500)).toBe('valid')
    expect(file.value.vrps.validate(prefix('192.0.2.0/24'), 1)).toBe('invalid-as')
    expect(file.value.vrps.validate(prefix('198.51.100.0/24'), 64500)).toBe('not-found')
    expect(readVrpsAt(json, nowMs + 1000)).toMatchObject({ value: { expired: 3, vrps: { size: 0 } } })
  })

  test('has a VRP of two trust anchors until the later of the two expires', () => {
    const json = JSON.stringify({
      roas: [
        { ...good, expires: 1767225700 },
        { ...good, expires: 1767225900 },
        { ...good, expires: 1767225800 },
      ],
    })
    const file = readVrpsAt(json, nowMs)
    if (!file.ok) throw new Error(file.problem)
    expect(file.value.vrps.firstExpiryMs).toBe(1767225900_000)
    expect(dropExpired(file.value.vrps, 1767225899_999)).toBe(file.value.vrps)
    expect(dropExpired(file.value.vrps, 1767225900_000).size).toBe(0)
  })

  test('of Routinator with its sources is valid as long as the last chain of certificates', () => {
    const source = (notAfter: string) => ({
      type: 'roa',
      tal: 'ripe',
      validity: { notBefore: '2025-01-01T00:00:00Z', notAfter: '2099-01-01T00:00:00Z' },
      chainValidity: { notBefore: '2025-01-01T00:00:00Z', notAfter },
    })
    const entry = { asn: 'AS64500', prefix: '192.0.2.0/24', maxLength: 24 }
    const json = JSON.stringify({
      roas: [
        { ...entry, source: [source('2025-12-31T00:00:00Z')] },
        { ...entry, maxLength: 25, source: [source('2025-12-31T00:00:00Z'), source('2026-01-01T00:00:00Z')] },
        { ...entry, maxLength: 26, source: [{ type: 'exception', path: '/etc/slurm.json' }] },
      ],
    })
    const file = readVrpsAt(json, nowMs)
    if (!file.ok) throw new Error(file.problem)
    expect(file.value.expired).toBe(1)
    expect(file.value.vrps.covering(prefix('192.0.2.0/24')).map(show)).toEqual([
      '192.0.2.0/24-25 64500',
      '192.0.2.0/24-26 64500',
    ])
    expect(file.value.vrps.firstExpiryMs).toBe(Date.parse('2026-01-01T00:00:00Z'))
  })

  test.each([
    [{ expires: '2026' }, 'has in roas[0] an expires that is "2026"'],
    [{ expires: -1 }, 'has in roas[0] an expires that is the number -1'],
    [
      { expires: undefined, source: [{ chainValidity: { notAfter: 'soon' } }] },
      'has in roas[0] a source with a chainValidity.notAfter that is not a time',
    ],
  ])('whose expiry is not a time is refused: %j', (wrong, problem) => {
    expect(readVrps(JSON.stringify({ roas: [{ ...good, ...wrong }] }))).toMatchObject({ problem })
  })

  test('that is truncated, or not text, is not JSON', () => {
    expect(readVrps('{"roas": [')).toMatchObject({ problem: 'is not JSON' })
    expect(readVrps(Uint8Array.of(0xff, 0xfe))).toMatchObject({ problem: 'is not JSON' })
    expect(readVrps('')).toMatchObject({ problem: 'is empty' })
  })

  test('of any JSON is read or refused, and never throws', () => {
    const entry = fc.record(
      { asn: fc.jsonValue(), prefix: fc.oneof(fc.string(), fc.ipV4(), fc.ipV6()), maxLength: fc.jsonValue() },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), fc.record({ roas: fc.array(entry) })), (json) => {
        expect(typeof readVrps(JSON.stringify(json)).ok).toBe('boolean')
      }),
    )
  })
})

describe('the quick reader of prefixes', () => {
  const words = new Uint32Array(4)
  const read = (text: string) =>
    text.includes(':') ? readIpv6Prefix(text, words) : readIpv4Prefix(text, words)
  /** Text similar to prefixes, mostly invalid. */
  const texts = fc.oneof(
    fc.tuple(fc.ipV4(), fc.nat({ max: 34 })).map(([ip, length]) => `${ip}/${length}`),
    fc.tuple(fc.ipV6(), fc.nat({ max: 130 })).map(([ip, length]) => `${ip}/${length}`),
    fc.string({ unit: fc.constantFrom('0', '1', 'f', ':', '::', '.', '/', '32'), maxLength: 24 }),
    fc
      .tuple(fc.array(fc.constantFrom('0', '1', 'db8', 'ffff'), { minLength: 1, maxLength: 6 }), fc.nat(128))
      .map(([groups, length]) => `${groups.join(':')}::/${length}`),
  )

  test('accepts nothing that the strict reader refuses, and reads the same', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const length = read(text)
        if (length === -1) return
        const parsed = parsePrefix(text)
        if (!parsed.ok) throw new Error(`${text} ${parsed.problem}`)
        const wanted = new Uint32Array(4)
        fillWords(wanted, parsed.value)
        const count = text.includes(':') ? 4 : 1
        expect([length, ...words.slice(0, count)]).toEqual([parsed.value.length, ...wanted.slice(0, count)])
      }),
      { numRuns: 20_000 },
    )
  })

  test.each(['0.0.0.0/0', '192.0.2.0/24', '255.255.255.255/32', '::/0', '2001:db8::/32', '2001:DB8::1/128'])(
    'reads %s',
    (text) => {
      expect(read(text)).toBe(prefix(text).length)
    },
  )
})
