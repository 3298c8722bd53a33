import { expect, test } from 'vitest'
import { describeDecisions } from '../../../src/lab/scenario/describe-outcome.ts'

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
