import { expect, test } from 'vitest'
import {
  type CalendarView,
  effectiveIntent,
  type OperatorIntent,
  serving,
} from '../../../../src/node/decision/intent.ts'

const window = { start: 1000, until: 2000, reason: 'maintenance "0 3 * * *" UTC' }
const next = { start: 5000, until: 6000, reason: window.reason }
const during: CalendarView = { active: window, next }
const outside: CalendarView = { active: null, next }
const said = (changes: Partial<OperatorIntent>): OperatorIntent => ({ ...serving, ...changes })

test('without an order or a window the node serves', () => {
  expect(effectiveIntent(serving, outside, 1500)).toEqual({
    by: null,
    forcedBy: null,
    intent: 'serve',
    source: null,
    until: null,
    reason: null,
  })
})

test('a window drains until it ends', () => {
  expect(effectiveIntent(serving, during, 1500)).toEqual({
    by: null,
    forcedBy: null,
    intent: 'drain',
    source: 'calendar',
    until: 2000,
    reason: window.reason,
  })
})

test('undrain within a window serves until the next one begins', () => {
  const operator = said({ since: 1200 })
  expect(effectiveIntent(operator, during, 1500)).toMatchObject({
    intent: 'serve',
    source: 'operator',
    until: 5000,
  })
  expect(effectiveIntent(operator, { active: next, next: null }, 5000)).toMatchObject({
    intent: 'drain',
    source: 'calendar',
  })
})

test('undrain before a window does not cancel the window', () => {
  expect(effectiveIntent(said({ since: 999 }), during, 1500).source).toBe('calendar')
})

test.each(['drain', 'withdraw'] as const)('an order to %s outlasts the window', (intent) => {
  const operator = said({ intent, since: 900, reason: 'a new disk' })
  const expected = { by: null, forcedBy: null, intent, source: 'operator', until: null, reason: 'a new disk' }
  expect(effectiveIntent(operator, during, 1500)).toEqual(expected)
  expect(effectiveIntent(operator, outside, 2500)).toEqual(expected)
})

test('after a drain has expired, the calendar applies', () => {
  const operator = said({ intent: 'drain', since: 900, until: 1400 })
  expect(effectiveIntent(operator, during, 1399).source).toBe('operator')
  expect(effectiveIntent(operator, during, 1400)).toMatchObject({ intent: 'drain', source: 'calendar' })
  expect(effectiveIntent(operator, outside, 2500)).toMatchObject({ intent: 'serve', source: null })
})
