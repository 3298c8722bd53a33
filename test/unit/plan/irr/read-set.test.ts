import { describe, expect, test } from 'vitest'
import type { Family } from '../../../../src/net/prefix.ts'
import { formatRange } from '../../../../src/net/prefix-range.ts'
import { describeLeftOut, readIrrSet } from '../../../../src/plan/irr/read-set.ts'

function read(text: string, family: Family = 'ipv4') {
  const set = readIrrSet(text, family)
  if (!set.ok) throw new Error(`${set.problem}: ${set.hint}`)
  return { ranges: set.value.ranges.map(formatRange), leftOut: describeLeftOut(set.value.leftOut) }
}

describe('an IRR set', () => {
  test('is read from a list with comments, ranges, blank lines and CRLF line ends', () => {
    const text =
      '# AS64601\r\n192.0.2.0/24\r\n\r\n  10.0.0.0/8 ge 9 le 24 # more\n192.0.2.0/24\n2001:db8::/32\n'
    expect(read(text)).toEqual({ ranges: ['192.0.2.0/24', '10.0.0.0/8 ge 9 le 24'], leftOut: '' })
    expect(read(text, 'ipv6')).toEqual({ ranges: ['2001:db8::/32'], leftOut: '' })
  })

  test("is read from bgpq4's JSON, aggregated by it or not", () => {
    const text = `{ "NN": [
      { "prefix": "192.0.2.0\\/24", "exact": true },
      { "prefix": "10.0.0.0\\/8", "exact": false, "less-equal": 24 },
      { "prefix": "11.0.0.0\\/8", "exact": false, "greater-equal": 9, "less-equal": 9 }
    ] }`
    expect(read(text)).toEqual({
      ranges: ['192.0.2.0/24', '10.0.0.0/8 le 24', '11.0.0.0/8 ge 9 le 9'],
      leftOut: '',
    })
  })

  const hostile: readonly [what: string, text: string, family: Family, taken: string[], leftOut: string][] = [
    ['host bits', '192.0.2.1/24', 'ipv4', [], 'line 1 "192.0.2.1/24" has host bits set beyond /24'],
    [
      'the whole address space',
      '1.0.0.0/8\n0.0.0.0/0',
      'ipv4',
      ['1.0.0.0/8'],
      'line 2 "0.0.0.0/0" is shorter than /8, and would accept unallocated prefixes',
    ],
    [
      'the whole address space with accepted lengths',
      '0.0.0.0/0 ge 8 le 24',
      'ipv4',
      [],
      'line 1 "0.0.0.0/0 ge 8 le 24" is shorter than /8, and would accept unallocated prefixes',
    ],
    [
      'half of IPv6',
      '8000::/1',
      'ipv6',
      [],
      'line 1 "8000::/1" is shorter than /12, and would accept unallocated prefixes',
    ],
    [
      'a host route',
      '192.0.2.1/32',
      'ipv4',
      [],
      'line 1 "192.0.2.1/32" is longer than /24, which other networks drop',
    ],
    [
      'a long IPv6 prefix',
      '2001:db8::/64',
      'ipv6',
      [],
      'line 1 "2001:db8::/64" is longer than /48, which other networks drop',
    ],
    [
      'more-specifics of any length',
      '192.0.0.0/16 le 32',
      'ipv4',
      ['192.0.0.0/16 le 24'],
      'line 1 "192.0.0.0/16 le 32" extends to /32, and is used up to /24 only',
    ],
    [
      'an octal octet',
      '010.0.0.0/8',
      'ipv4',
      [],
      'line 1 "010.0.0.0/8" has an octet with a leading zero, which some tools read as octal',
    ],
    [
      'lengths in reverse order',
      '10.0.0.0/8 ge 20 le 10',
      'ipv4',
      [],
      'line 1 "10.0.0.0/8 ge 20 le 10" has prefix lengths outside of its range',
    ],
    [
      'an injection',
      '10.0.0.0/8; } protocol static evil {\u001b[2J\u0000',
      'ipv4',
      [],
      'line 1 "10.0.0.0/8; } protocol static evil {\\u001b[2J\\u0000" is not a prefix, nor a prefix with ge and le',
    ],
    ['HTML', '<html>502</html>', 'ipv4', [], 'line 1 "<html>502</html>" is not an IP address'],
    ['a very long line', 'x'.repeat(1000), 'ipv4', [], `line 1 "${'x'.repeat(60)}" has no prefix length`],
    [
      'many invalid lines',
      Array.from({ length: 8 }, (_, n) => `x${n}`).join('\n'),
      'ipv4',
      [],
      `${[0, 1, 2, 3, 4].map((n) => `line ${n + 1} "x${n}" has no prefix length`).join('; ')}; and 3 more`,
    ],
    [
      'JSON entries of other types',
      '{"NN": [null, {"prefix": 7}, {"prefix": "10.0.0.0/8", "less-equal": -1}, {"prefix": "10.0.0.0/8"}]}',
      'ipv4',
      ['10.0.0.0/8'],
      'entry 1 "null" has no prefix length; entry 2 "{\\"prefix\\":7}" has no prefix length; entry 3 "10.0.0.0/8 le -1" is not a prefix, nor a prefix with ge and le',
    ],
  ]
  test.each(hostile)('reports the lines that it ignores: %s', (_, text, family, ranges, leftOut) => {
    expect(read(text, family)).toEqual({ ranges, leftOut })
  })

  test.each([
    ['{ "NN": [', 'begins like JSON, but is not valid JSON'],
    ['{}', 'is JSON, but not a named list of prefixes'],
    ['{"roas": {}}', 'is JSON, but not a named list of prefixes'],
    ['{"NN": "10.0.0.0/8"}', 'is JSON, but not a named list of prefixes'],
  ])('is not read from %s', (text, problem) => {
    expect(readIrrSet(text, 'ipv4')).toEqual({
      ok: false,
      problem,
      hint: 'use a list with one prefix per line, or the output of `bgpq4 -j`',
    })
  })
})
