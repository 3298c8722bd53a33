import { expect, test } from 'vitest'
import { keyOf } from '../../../../src/cli/operate/watch-status.ts'
import { paintFor } from '../../../../src/cli/terminal/color.ts'
import { cut, fitLines } from '../../../../src/cli/terminal/fit-lines.ts'
import { Screen } from '../../../../src/cli/terminal/screen.ts'
import { canRedraw, hasColor } from '../../../../src/text/color.ts'

const terminal = { isTTY: true }
const pipe = {}

test.each([
  ['a terminal', terminal, { TERM: 'xterm' }, true],
  ['a terminal of CI', terminal, { TERM: 'xterm', CI: 'true' }, true],
  ['a pipe', pipe, { TERM: 'xterm' }, false],
  ['a dumb terminal', terminal, { TERM: 'dumb' }, false],
  ['NO_COLOR', terminal, { TERM: 'xterm', NO_COLOR: '1' }, false],
  ['an empty NO_COLOR', terminal, { TERM: 'xterm', NO_COLOR: '' }, true],
  ['FORCE_COLOR on a pipe', pipe, { FORCE_COLOR: '1' }, true],
  ['FORCE_COLOR=0 on a terminal', terminal, { TERM: 'xterm', FORCE_COLOR: '0' }, false],
  ['NO_COLOR and FORCE_COLOR', terminal, { NO_COLOR: '1', FORCE_COLOR: '1' }, false],
])('color with %s', (_case, stream, env, expected) => {
  expect(hasColor(stream, env)).toBe(expected)
})

test('the cursor moves on a terminal that is not dumb, whatever the color settings are', () => {
  expect(canRedraw(terminal, { TERM: 'xterm', NO_COLOR: '1' })).toBe(true)
  expect(canRedraw(terminal, { TERM: 'dumb', FORCE_COLOR: '1' })).toBe(false)
  expect(canRedraw(pipe, { FORCE_COLOR: '1' })).toBe(false)
})

test('without color a word of a status stays as it is', () => {
  expect(paintFor(pipe)('unhealthy')).toBe('unhealthy')
})

test('prose is wrapped with its indent, and rows of a table are cut', () => {
  expect(
    fitLines(['    the endpoint serves again, but not yet', '!  fra1  fra1-a  0.4 s  vpn'], 24, 10),
  ).toEqual(['    the endpoint serves', '      again, but not yet', '!  fra1  fra1-a  0.4 s …'])
})

test('a word that is longer than the line is cut, and colors do not count', () => {
  expect(fitLines(['x'.repeat(30)], 20, 10)).toEqual([`${'x'.repeat(19)}…`])
  expect(cut('\u001b[31munhealthy\u001b[39m, withdraw', 12)).toBe('\u001b[31munhealthy\u001b[39m, …')
})

test('control characters of a message become spaces, and colors stay', () => {
  expect(fitLines(['\u001b[31mdown\u001b[39m: no\nroute\u001b[2J'], 80, 10)).toEqual([
    '\u001b[31mdown\u001b[39m: no route [2J',
  ])
})

test('what has no room below is counted', () => {
  expect(fitLines(['a', 'b', 'c', 'd'], 80, 3)).toEqual(['a', 'b', '… 2 more lines: enlarge the terminal'])
  expect(fitLines(['a', 'b', 'c'], 80, 3)).toEqual(['a', 'b', 'c'])
})

test('a frame is one write with the lines that have changed, and none if none has', () => {
  const written: string[] = []
  const screen = new Screen({ columns: 80, rows: 24, write: (text) => written.push(text) })
  screen.clear()
  screen.draw(['one', 'two', 'three'])
  written.length = 0
  screen.draw(['one', 'TWO'])
  expect(written).toEqual(['\u001b[2;1HTWO\u001b[0m\u001b[K\u001b[3;1H\u001b[0m\u001b[K'])
  screen.draw(['one', 'TWO'])
  expect(written).toHaveLength(1)
  screen.close()
  screen.close()
  expect(written).toHaveLength(2)
})

test('measurements are no change of a status, and what was decided is', () => {
  const before = { time: 'a', services: [{ name: 'vpn', loss: 0, probe: null }], clock: { skewMs: 3 } }
  const key = keyOf(before)
  expect(
    keyOf({ time: 'b', services: [{ name: 'vpn', loss: 0.2, probe: {} }], clock: { skewMs: -40 } }),
  ).toBe(key)
  expect(keyOf({ ...before, services: [{ name: 'vpn', loss: 0, probe: null, reason: 'hung' }] })).not.toBe(
    key,
  )
  expect(keyOf({ ...before, clock: { skewMs: 3000 } })).not.toBe(key)
})
