import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { families } from '../../../../src/net/prefix.ts'
import { readVrps, type VrpFile } from '../../../../src/plan/rpki/read-vrps.ts'
import { VrpScan } from '../../../../src/plan/rpki/scan-vrps.ts'
import { vrpAt } from '../../../../src/plan/rpki/vrp-set.ts'

const nowMs = 1767225599_000

/** `null`: the scan leaves the file to `readVrps`. */
function scan(bytes: Uint8Array, pieceLength: number): VrpFile | null {
  const text = Buffer.from(bytes).toString('latin1')
  const reader = new VrpScan(nowMs, 4)
  for (let at = 0; at < text.length; at += pieceLength) {
    if (!reader.push(text.slice(at, at + pieceLength))) break
  }
  return reader.finish()
}

function contentOf({ vrps, expired, generated }: VrpFile) {
  const rows = families.flatMap((family) => {
    const table = vrps.tables[family]
    return Array.from({ length: table.size }, (_, row) => {
      const { prefix, maxLength, asn } = vrpAt(table, family, row)
      return `${prefix}-${maxLength} ${asn} ${table.expires[row]}`
    })
  })
  return { rows, expired, generated }
}

/** Fails if the scan accepts a text that is read differently as a whole. Returns whether it accepted it. */
function compare(text: string | Uint8Array, pieceLength: number): boolean {
  const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text
  const scanned = scan(bytes, pieceLength)
  if (scanned === null) return false
  const whole = readVrps(bytes, nowMs)
  if (!whole.ok) throw new Error(`the scan accepts a file that ${whole.problem}`)
  expect(contentOf(scanned)).toEqual(contentOf(whole.value))
  return true
}

const filler = Array.from({ length: 3000 }, (_, index) => ({
  asn: index,
  prefix: `192.0.${index % 256}.0/24`,
  maxLength: 24,
}))

const rpkiClient = (entries: string) =>
  `{\n\t"metadata": {\n\t\t"buildmachine": "a",\n\t\t"buildtime": "2025-12-31T00:00:00Z",\n\t\t"roas": 2\n\t},\n\n\t"roas": [\n${entries}\n\t],\n\n\t"bgpsec_keys": [\n\t],\n\n\t"aspas": [\n\t]\n}\n`

describe('the scan of a VRP file', () => {
  test.each([
    [
      'rpki-client',
      rpkiClient(
        '\t\t{ "asn": 64500, "prefix": "192.0.2.0/24", "maxLength": 24, "ta": "ripe", "expires": 1767225600 },\n\t\t{ "asn": 64501, "prefix": "2001:db8::/32", "maxLength": 48, "ta": "arin", "expires": 1767225598 }',
      ),
    ],
    [
      'Routinator',
      '{\n  "metadata": {\n    "generated": 1767225600,\n    "generatedTime": "2026-01-01T00:00:00Z"\n  },\n  "roas": [\n    { "asn": "AS64500", "prefix": "192.0.2.0/24", "maxLength": 24, "ta": "ripe" },\n    { "asn": "AS0", "prefix": "::ffff:192.0.2.0/120", "maxLength": 128, "ta": "N/A" }\n  ],\n  "routerKeys": [],\n  "aspas": []\n}\n',
    ],
    [
      'FORT',
      '{"roas":[\n{ "asn" : "AS13335", "prefix" : "1.0.0.0/24", "maxLength" : 24 },\n{ "asn" : "AS1", "prefix" : "2.0.0.0/8", "maxLength" : 9 }\n]}\n',
    ],
  ])('accepts what %s writes, whatever the length of the pieces', (_, text) => {
    for (let length = 1; length < 100; length += 1) expect(compare(text, length)).toBe(true)
  })

  test('accepts a list of many pieces, with and without blanks', () => {
    for (const space of [0, 2, '\t']) {
      const document = { metadata: { buildtime: 'x' }, roas: filler, bgpsec_keys: [] }
      expect(compare(JSON.stringify(document, null, space), 1000)).toBe(true)
    }
  })

  test('does not accept what JSON.parse refuses', () => {
    const text = JSON.stringify({ roas: filler })
    const end = text.lastIndexOf('}]')
    const spoiled = [
      `${text.slice(0, end + 1)},${text.slice(end + 1)}`,
      `${text.slice(0, end + 1)}, ${text.slice(end + 1)}`,
      text.replace('},{', '},,{'),
      text.replace('},{', '} {'),
      text.replace('[{', '[,{'),
      text.replace('"asn":7,', '"asn":07,'),
      text.replace('"asn":7,', '"asn":"AS7,'),
      text.slice(0, -1),
      `${text}}`,
      '{"roas":[,]}',
      '{"roas":[ ,]}',
    ]
    for (const one of spoiled) {
      expect(() => JSON.parse(one)).toThrow(SyntaxError)
      expect(scan(new TextEncoder().encode(one), 1000), one.slice(-40)).toBeNull()
    }
  })

  test('leaves another list "roas", and one inside of a value, to the whole reader', () => {
    const list = '[{"asn":1,"prefix":"192.0.2.0/24","maxLength":24}]'
    for (const text of [
      `{"roas":${list},"roas":[]}`,
      `{"roas":${list},"\\u0072oas":[]}`,
      `{"\\u0072oas":[],"x\\"roas":${list}}`,
      `{"metadata":{"roas":${list}},"other":[]}`,
      `{"metadata":{"roas":${list}},"roas":[]}`,
      `[{"roas":${list}}]`,
      `\ufeff{"roas":${list}}`,
      `{"metadata":{"buildtime":"\u00e9"},"roas":${list}}`,
    ]) {
      expect(compare(text, 7), text).toBe(false)
    }
  })

  test('takes no time for what is no list of VRPs', () => {
    const wide = ' '.repeat(1_000_000)
    for (const text of [wide, `{"roas":[${wide}`, `{"roas":[{"asn":${wide}`, `{"roas"${wide}`]) {
      expect(compare(text, 16 * 1024)).toBe(false)
    }
  })

  const ip = fc.oneof(
    fc.tuple(fc.nat({ max: 255 }), fc.nat({ max: 24 })).map(([octet, length]) => `${octet}.0.0.0/${length}`),
    fc.constantFrom('192.0.2.0/24', '2001:db8::/32', '2001:DB8:1::/48', '::/0', '::ffff:192.0.2.0/120'),
    fc.constantFrom('192.0.2.1/24', '192.0.2.0/33', '192.0.2.0', '01.0.0.0/8', '', 'x'),
  )
  const usual = fc.record(
    {
      asn: fc.oneof(
        fc.nat(),
        fc.constantFrom(0, 4294967295, 4294967296, 'AS64500', 'AS0', 'as1', '7', 'AS07'),
      ),
      prefix: ip,
      maxLength: fc.oneof(fc.nat({ max: 128 }), fc.constantFrom(24, 32, 1000, -1, 24.5, '24')),
      ta: fc.oneof(fc.constantFrom('ripe', '},{', '],', '"roas":[', '\\', '\u00e9', '\u0000'), fc.string()),
      expires: fc.constantFrom(0, 1767225598, 1767225600, 4294967295, 9999999999, 1e20, -1, 'never', null),
    },
    { requiredKeys: ['asn', 'prefix', 'maxLength'] },
  )
  const valid = fc.record(
    {
      asn: fc.oneof(fc.nat(), fc.constantFrom('AS64500', 'AS0')),
      prefix: fc.constantFrom('192.0.2.0/24', '198.51.100.0/24', '10.0.0.0/24'),
      maxLength: fc.constantFrom(24, 25, 32),
      ta: fc.constantFrom('ripe', 'arin'),
      expires: fc.constantFrom(0, 1767225598, 1767225600, 1767225601, 4294967295),
    },
    { requiredKeys: ['asn', 'prefix', 'maxLength'] },
  )
  const document = fc.record(
    {
      metadata: fc.oneof(fc.jsonValue(), fc.record({ buildtime: fc.string(), roas: fc.jsonValue() })),
      roas: fc.oneof(fc.array(valid), fc.array(fc.oneof(valid, usual)), fc.array(fc.jsonValue())),
      after: fc.jsonValue(),
    },
    { requiredKeys: ['roas'] },
  )
  const pieceLength = fc.integer({ min: 1, max: 300 })
  const space = fc.constantFrom(0, 1, 4, '\t')

  test('gives for any document what the whole reader gives, or leaves it to that', () => {
    let accepted = 0
    fc.assert(
      fc.property(document, space, pieceLength, (value, indent, length) => {
        if (compare(JSON.stringify(value, null, indent), length)) accepted += 1
      }),
      { numRuns: 2000 },
    )
    // Not vacuous.
    expect(accepted).toBeGreaterThan(100)
  })

  test('gives for a damaged document what the whole reader gives, or leaves it to that', () => {
    const bytesOf = fc.tuple(fc.array(valid, { minLength: 1, maxLength: 5 }), space).map(([roas, indent]) => {
      return new TextEncoder().encode(
        JSON.stringify({ metadata: { buildtime: 'x' }, roas, aspas: [] }, null, indent),
      )
    })
    const byte = fc.oneof(
      fc.constantFrom(...'"\\{}[],: 09ASx\n\u0000'.split('').map((char) => char.charCodeAt(0))),
      fc.nat({ max: 255 }),
    )
    const damage = fc.record({
      at: fc.nat(),
      byte,
      kind: fc.constantFrom('replace', 'insert', 'remove', 'cut'),
    })
    fc.assert(
      fc.property(
        bytesOf,
        fc.array(damage, { minLength: 1, maxLength: 2 }),
        pieceLength,
        (bytes, all, length) => {
          let spoiled = [...bytes]
          for (const { at, byte: value, kind } of all) {
            const place = at % (spoiled.length + 1)
            if (kind === 'cut') spoiled = spoiled.slice(0, place)
            else spoiled.splice(place, kind === 'insert' ? 0 : 1, ...(kind === 'remove' ? [] : [value]))
          }
          compare(Uint8Array.from(spoiled), length)
        },
      ),
      { numRuns: 5000 },
    )
  })
})
