import fc from 'fast-check'
import { expect, test } from 'vitest'
import { splitRoas } from '../../../../src/plan/rpki/split-roas.ts'

/** What the slices say, or `null` where they leave it to `JSON.parse`. */
function read(text: string): unknown {
  try {
    const split = splitRoas(new TextEncoder().encode(text))
    return split === null ? null : { ...split.rest, roas: [...split.entries] }
  } catch (error) {
    expect(error).toBeInstanceOf(SyntaxError)
    return null
  }
}

const filler = Array.from({ length: 3000 }, (_, index) => ({
  asn: index,
  prefix: '192.0.2.0/24',
  maxLength: 24,
}))

test('a list of several slices is read as JSON.parse reads it', () => {
  for (const space of [0, 2, '\t']) {
    const document = { metadata: { buildtime: 'x' }, roas: filler, bgpsec_keys: [] }
    expect(read(JSON.stringify(document, null, space))).toEqual(document)
  }
})

test('what JSON.parse refuses is not accepted', () => {
  const text = JSON.stringify({ roas: filler })
  const end = text.lastIndexOf('}]')
  const spoiled = [
    `${text.slice(0, end + 1)},${text.slice(end + 1)}`,
    `${text.slice(0, end + 1)}, ${text.slice(end + 1)}`,
    text.replace('},{', '},,{'),
    text.replace('},{', '} {'),
    text.replace('[{', '[,{'),
    text.slice(0, -1),
    `${text}}`,
    '{"roas":[,]}',
    '{"roas":[ ,]}',
  ]
  for (const one of spoiled) {
    expect(() => JSON.parse(one)).toThrow(SyntaxError)
    expect(read(one), one.slice(-40)).toBeNull()
  }
})

test('any document is read as JSON.parse reads it, or left to it', () => {
  const entry = fc.oneof(
    fc.constant(filler[0]),
    fc.jsonValue(),
    fc.record({ ta: fc.constantFrom('},{', '],', '"roas":[') }),
  )
  const document = fc.record(
    { metadata: fc.jsonValue(), roas: fc.array(entry), after: fc.jsonValue() },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(document, fc.constantFrom(0, 1), (value, space) => {
      const text = JSON.stringify(value, null, space)
      const found = read(text)
      if (found !== null) expect(found).toEqual(JSON.parse(text))
    }),
  )
})
