import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseDecisions } from '../../../src/lab/scenario/controller-log.ts'

const decision = {
  level: 'info',
  decidedAt: 1_700_000_000_123,
  event: 'decision',
  service: 'vpn',
  decision: 'withdraw',
  reason: 'interface-gone',
  message: 'vpn: withdraw',
}

test('decisions are found between other lines, and an incomplete line is kept for later', () => {
  const text = `${JSON.stringify({ event: 'probe' })}\nnot json\n${JSON.stringify(decision)}\n{"event":"decision"`
  expect(parseDecisions(text)).toEqual([
    expect.objectContaining({ reason: 'interface-gone', decidedAt: decision.decidedAt }),
  ])
})

test('a decision without a reason is ignored', () => {
  const { reason: _, ...rest } = decision
  expect(parseDecisions(`${JSON.stringify(rest)}\n`)).toEqual([])
})

test('no text of a log makes the reader throw', () => {
  fc.assert(fc.property(fc.string(), (text) => Array.isArray(parseDecisions(text))))
  fc.assert(
    fc.property(fc.jsonValue(), (value) => Array.isArray(parseDecisions(`${JSON.stringify(value)}\n`))),
  )
})
