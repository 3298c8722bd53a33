import { expect, test } from 'vitest'
import { describeEvent, formatMs, renderResults } from '../../../src/lab/scenario/report.ts'

const passed = {
  name: 'wireguard-down',
  node: 'fra1-a',
  daemon: 'bird',
  passed: true,
  detectMs: 2.9,
  withdrawnMs: 9.4,
  restoredMs: 1204,
  clientOutageMs: 15_230,
  packetsLost: 758,
  detail: 'the interface is gone',
} as const

test('the table aligns its numbers, and shows for a failure what was found instead', () => {
  const failed = {
    ...passed,
    name: 'drain',
    passed: false,
    withdrawnMs: null,
    detail: 'fra1-transit still had 192.0.2.0/24',
  }
  expect(renderResults([passed, failed])).toBe(
    [
      'scenario        node    daemon  noticed  withdrawn  restored  client outage  lost',
      'wireguard-down  fra1-a  bird     2.9 ms     9.4 ms  1,204 ms         15.2 s   758  passed',
      'drain           fra1-a  bird     2.9 ms          -  1,204 ms         15.2 s   758  FAILED',
      'drain on fra1-a: fra1-transit still had 192.0.2.0/24',
    ].join('\n'),
  )
})

test.each([
  [passed, '    passed: the interface is gone'],
  [{ ...passed, detail: '' }, '    passed'],
  [{ ...passed, passed: false }, '    FAILED: the interface is gone'],
])('the end of a scenario says what was found, also if it passed', (result, line) => {
  expect(describeEvent({ kind: 'finished', result })).toBe(line)
})

test.each([
  [null, '-'],
  [0, '0.0 ms'],
  [99.94, '99.9 ms'],
  [1234.4, '1,234 ms'],
  [15_249, '15.2 s'],
])('%s ms is written as %s', (ms, text) => {
  expect(formatMs(ms)).toBe(text)
})
