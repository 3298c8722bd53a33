import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readQuickly } from '../../../../../src/plan/sites/yaml/quick.ts'
import { readCarefully } from '../../../../../src/plan/sites/yaml/source.ts'
import { base, everyField } from '../../../../invalid/base.ts'

const sites = [...Object.values(base), ...Object.values(everyField)]

test.each(sites)('reads the files of a fleet: %#', (text) => {
  expect(readQuickly(text)).toEqual({ value: readCarefully('a.yaml', text).source!.value })
})

test.each([
  ['an anchor', 'a: &x 1'],
  ['an alias', 'a: *x'],
  ['a tag', 'a: !!str 1'],
  ['an explicit key', '? a\n: b'],
  ['a key that is a list', '[a]: b'],
  ['a key that is a map', '{ a: b }: c'],
  ['a key that is a list, after a comment', '{ [a] # why\n : b }'],
  ['a key twice', 'a: 1\na: 2'],
  ['a merge key', '<<: { a: 1 }'],
  ['the name of the prototype', '{ __proto__: 1 }'],
  ['an empty key', ': b'],
  ['two documents', 'a: 1\n---\nb: 2'],
  ['the end of a document', 'a: 1\n...\n'],
  ['a directive', '%YAML 1.2\n---\na: 1'],
  ['a tab', 'a:\t1'],
  ['line breaks of Windows', 'a: 1\r\n'],
  ['a control character', '# \x7f\na: 1'],
  ['a value of several lines', 'a: one\n two'],
  ['a block of text', 'a: |\n  one\n'],
  ['an escape', 'a: "\\u0041"'],
  ['deep lists', `${'['.repeat(40)}${']'.repeat(40)}`],
  ['a deep indentation', `a:\n${' '.repeat(200)}- 1`],
  ['a long text', `a: ${'x'.repeat(70_000)}`],
  ['nothing', ''],
])('leaves %s to the other parser', (_what, text) => {
  expect(readQuickly(text)).toBeNull()
})

const words = `x "" '' "a b" ~ null True no 0 -0 +1 010 0o7 0x1F 1e3 1e999 .5 .inf -.INF .nan 1.10 1_000 12:30
  9007199254740993 2001:db8::1 ::1 << - : , [ ] { } # ' " * % | > @ \` \\ --- ... ~: é \u{1f600}`.split(/\s+/)
const piece = fc.constantFrom(
  ...words,
  ' ',
  ' ',
  '  ',
  '\n',
  '\n  ',
  '\n    ',
  '\n- ',
  '\n---\n',
  ': ',
  '- ',
  ' #',
)

/** A file of a fleet, with pieces put in, taken out and moved. */
const edited = fc
  .record({
    text: fc.constantFrom(...sites),
    edits: fc.array(fc.tuple(fc.nat(4096), fc.nat(6), fc.array(piece, { maxLength: 3 })), { maxLength: 4 }),
  })
  .map(({ text, edits }) =>
    edits.reduce((whole, [position, removed, added]) => {
      const at = position % (whole.length + 1)
      return whole.slice(0, at) + added.join('') + whole.slice(at + removed)
    }, text),
  )
const composed = fc.array(piece, { maxLength: 20 }).map((pieces) => pieces.join(''))

test.each([
  ['a file with changes', edited],
  ['random pieces', composed],
])('what it reads in %s, the other parser reads in the same way', (_what, texts) => {
  fc.assert(
    fc.property(texts, (text) => {
      const quick = readQuickly(text)
      if (quick === null) return
      const { source, findings } = readCarefully('a.yaml', text)
      expect(findings).toEqual([])
      expect(quick.value).toEqual(source!.value)
    }),
    { numRuns: Number(process.env.RUNS ?? 3000) },
  )
})
