import { expect, test } from 'vitest'
import { describeArrival, describeDecisions } from '../../../src/lab/scenario/describe-outcome.ts'

const decision = (word: string, reason: string, decidedAt: number) => ({
  event: 'decision' as const,
  decidedAt,
  service: 'vpn',
  decision: word,
  reason,
  message: `vpn: ${word}`,
})

test('a withdrawal is named by its reason, after the decisions before it', () => {
  const [degrade, withdraw] = [decision('degrade', 'draining', 1400), decision('withdraw', 'drained', 3400)]
  expect(describeDecisions([withdraw], 1000)).toEqual(['drained: vpn: withdraw'])
  expect(describeDecisions([degrade, withdraw], 1000)).toEqual([
    'degrade (draining) after 0.4 s',
    'drained: vpn: withdraw',
  ])
})

test('a controller that decides something else than to withdraw is reported with that decision', () => {
  expect(describeDecisions([decision('degrade', 'last-site', 3100)], 1000)).toEqual([
    'degrade (last-site) after 2.1 s',
    'the controller did not withdraw',
  ])
})

test('a controller without a decision is reported as that', () => {
  expect(describeDecisions([], 1000)).toEqual(['the controller made no decision'])
})

test('what became of a client is said with its way, its outage and its packets', () => {
  const back = { kind: 'back', outage: { durationMs: 104, packetsLost: 3 } } as const
  expect(describeArrival('client-a', 'at another site', back)).toBe(
    'client-a was at another site after 0.10 s and 3 lost packets',
  )
  expect(describeArrival('client-a', 'at another site', { kind: 'back', outage: null })).toBe(
    'client-a was at another site without a lost packet',
  )
  expect(describeArrival('client-a', 'at another site', { kind: 'stays' })).toBe(
    'client-a is not served at another site',
  )
  expect(describeArrival('client-a', 'at another site', { kind: 'dark' })).toContain('no replies for 20 s')
})
