import { expect, test } from 'vitest'
import { describeStatus, documentOf } from '../../../src/cli/design/rollout/print.ts'
import type { NodeState, Rollout, RolloutNode } from '../../../src/plan/rollout/rollout.ts'

const nodeIn = (node: string, state: NodeState): RolloutNode => ({
  ...{ node, site: node.slice(0, 4), state, detail: null, serial: null, failure: null },
  ...{ from: 'old', to: 'new', before: null },
})
const rolloutIn = (state: Rollout['state']): Rollout => ({
  ...{ format: 1, id: 'r1', startedBy: 'ada', startedAt: '2026-11-30T03:00:00.000Z', sitesHash: 'x' },
  ...{ soakMs: 60_000, state, aim: state === 'paused' ? 'pause' : 'forward', reason: null },
  waves: [
    { name: 'canary', nodes: [nodeIn('ams1-a', 'done')] },
    { name: 'west', nodes: [nodeIn('fra1-a', 'changed'), nodeIn('fra1-b', 'waiting')] },
    { name: 'east', nodes: [nodeIn('rom1-a', 'waiting')] },
  ],
})

test.for([
  ['running', 'running'],
  ['paused', 'paused'],
] as const)('in a rollout that is %s, a wave that is not over is %s', ([state, wave]) => {
  const rollout = rolloutIn(state)
  expect(documentOf(rollout)).toMatchObject({
    state,
    waves: [{ state: 'done' }, { name: 'west', state: wave }, { state: 'waiting' }],
  })
  expect(describeStatus(rollout)).toContain(`  west: ${wave}`)
})
