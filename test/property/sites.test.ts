import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { parseFleet } from '../../src/plan/sites/parse.ts'
import { everyField as base, everyExtra } from '../invalid/base.ts'

// Hundreds of runs, on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000 })

const names = Object.keys(base)

/** Parses the base fleet with one file replaced, and checks the properties that hold for any input. */
function checkAny(name: string, text: string): void {
  const texts: Record<string, string> = { ...base, [name]: text }
  const { fleet, issues } = parseFleet(
    Object.entries(texts).map(([file, content]) => ({ name: file, text: content })),
    (file) => ({ name: file, text: everyExtra }),
  )
  expect(fleet === null).toBe(issues.some((issue) => issue.severity === 'error'))
  for (const issue of issues) {
    const lines = texts[issue.file]!.split('\n')
    expect(issue.line).toBeGreaterThanOrEqual(1)
    expect(issue.line).toBeLessThanOrEqual(lines.length)
    expect(issue.column).toBeGreaterThanOrEqual(1)
    expect(issue.column).toBeLessThanOrEqual(lines[issue.line - 1]!.length + 1)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: no text of a file may control a terminal
    expect(issue.message).not.toMatch(/[\0-\x1f\x7f-\x9f]/)
    expect(`${issue.path} ${issue.message} ${issue.hint}`).not.toMatch(/undefined|\[object|NaN/)
  }
}

const somewhere = fc.record({
  name: fc.constantFrom(...names),
  at: fc.double({ min: 0, max: 1, noNaN: true }),
})

test('a file with any character at any position is valid or an issue with a place', () => {
  const character = fc.oneof(
    fc.constantFrom(...'{}[]:,-?&*!|>\'"%@`#\t\n\r\0 \u0085\u2028\ufeff'.split('')),
    fc.string({ unit: 'binary' }),
  )
  fc.assert(
    fc.property(somewhere, character, fc.nat(3), ({ name, at }, inserted, removed) => {
      const text = base[name]!
      const offset = Math.floor(at * text.length)
      checkAny(name, text.slice(0, offset) + inserted + text.slice(offset + removed))
    }),
    { numRuns: 400 },
  )
})

test('a file with lines removed, repeated or indented differently is valid or has issues with a place', () => {
  const edit = fc.record({
    line: fc.nat(40),
    kind: fc.constantFrom('drop', 'double', 'indent', 'outdent', 'cut'),
  })
  fc.assert(
    fc.property(fc.constantFrom(...names), fc.array(edit, { minLength: 1, maxLength: 4 }), (name, edits) => {
      let lines = base[name]!.split('\n')
      for (const { line, kind } of edits) {
        const at = line % Math.max(1, lines.length)
        const text = lines[at] ?? ''
        if (kind === 'cut') lines = lines.slice(0, at)
        else {
          const replacement = {
            drop: [],
            double: [text, text],
            indent: [`  ${text}`],
            outdent: [text.replace(/^ {2}/, '')],
          }
          lines.splice(at, 1, ...replacement[kind])
        }
      }
      checkAny(name, lines.join('\n'))
    }),
    { numRuns: 200 },
  )
})

test('a file with any value in any field is valid or an issue with a place', () => {
  const value = fc.oneof(
    fc.jsonValue({ maxDepth: 3 }).map((json) => JSON.stringify(json)),
    fc.constantFrom(
      '',
      '~',
      'no',
      '0123',
      '1.10',
      '0x1F',
      '.inf',
      '.nan',
      '-0',
      '1e400',
      '99999999999999999999',
      '*a',
      '&a x',
    ),
    fc.constantFrom(
      '!!str 1',
      '!!int "1"',
      '0.0.0.0/0',
      '"::/0"',
      '"2001:db8::1"',
      '192.0.2.1/32',
      '0.0.0.0/0 ge 25',
      '192.0.2.0/24 le 99999999999999999999',
      '[[[]]]',
      '{ a: { b: {} } }',
    ),
    fc.constantFrom(
      '__proto__',
      'constructor',
      '{ __proto__: 1 }',
      '{ constructor: 1 }',
      '{ "": 1 }',
      '? a',
      '[vpn, vpn]',
      '[path-length, as-loop]',
      '["64500:1", "4294967296:0:0"]',
      '{ asSet: "AS-A:AS1" }',
      '"* * * * * *"',
      '"*/99,1-,-1 * * * *"',
      '8.4',
      '9999999h',
    ),
  )
  fc.assert(
    fc.property(fc.constantFrom(...names), fc.nat(80), value, (name, number, replacement) => {
      const places = [...base[name]!.matchAll(/(?<=: )[^\s{][^,}\n]*/g)]
      const place = places[number % places.length]!
      const text = base[name]!
      checkAny(name, text.slice(0, place.index) + replacement + text.slice(place.index + place[0].length))
    }),
    { numRuns: 400 },
  )
})

test('any text in place of a file is an issue with a place', () => {
  fc.assert(
    fc.property(fc.constantFrom(...names), fc.string({ unit: 'binary', maxLength: 200 }), (name, text) => {
      checkAny(name, text)
    }),
    { numRuns: 200 },
  )
})
