import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  fall,
  readSight,
  reduceSight,
  rise,
  type Sight,
  type SightResult,
  unseen,
} from '../../../../../src/node/probe/remote/sight.ts'

const results: Record<string, SightResult> = { g: 'good', b: 'bad', i: 'inconclusive' }

/** One result each second. */
function see(text: string, from: Sight = unseen): Sight {
  return text.split('').reduce((sight, letter, at) => reduceSight(sight, results[letter]!, 1000 * at), from)
}

test.each([
  ['nothing is known before the first result', '', null],
  ['one answer proves that it is reached', 'g', true],
  ['lost packets do not prove that it is not', 'bb', null],
  ['three in a row do', 'bbb', false],
  ['of one that was reached too', 'gbbb', false],
  ['but not with an answer between them', 'gbbgbb', true],
  ['one answer is not enough after that', 'bbbg', false],
  ['nor are two with a failure between them', 'bbbgbg', false],
  ['two in a row are', 'bbbgg', true],
  ['what says nothing changes nothing', 'bbiig', true],
  ['what says nothing does not interrupt a run', 'bibib', false],
])('%s', (_title, text, reached) => {
  expect(see(text).reached).toBe(reached)
})

test('a change needs a whole run of results against the present state', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('g', 'b', 'i'), maxLength: 60 }), (text) => {
      let sight = unseen
      let run = ''
      for (const [at, letter] of text.split('').entries()) {
        const before = sight.reached
        sight = reduceSight(sight, results[letter]!, at)
        if (letter !== 'i') run = run.endsWith(letter) ? run + letter : letter
        if (sight.reached === before) continue
        expect(run.length).toBeGreaterThanOrEqual(sight.reached ? (before === null ? 1 : rise) : fall)
      }
    }),
  )
})

test('what was seen four intervals ago says nothing any more', () => {
  const sight = see('g')
  expect(readSight(sight, 40_000, 10_000)).toBe(true)
  expect(readSight(sight, 40_001, 10_000)).toBeNull()
  expect(readSight(unseen, 0, 10_000)).toBeNull()
})
