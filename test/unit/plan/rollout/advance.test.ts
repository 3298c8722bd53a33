import { expect, test } from 'vitest'
import { reopen } from '../../../../src/plan/rollout/reopen.ts'
import { isOver, nodesOf, waveState } from '../../../../src/plan/rollout/rollout.ts'
import { FleetModel, type ModelNode } from './fleet-model.ts'

const node = (name: string, facts: Partial<ModelNode> = {}): ModelNode => ({
  ...{ node: `${name}-a`, site: name, dead: false, poisoned: false, refuses: false },
  ...facts,
})
const share = (name: string, percent: number) => ({
  ...{ name, nodes: null, sites: null, share: percent / 100 },
})

function runUntilRest(model: FleetModel, each: () => void = () => {}): void {
  for (let step = 0; step < 3000 && model.rollout.state === 'running'; step += 1) {
    model.step(3)
    each()
  }
}

const states = (model: FleetModel) => model.rollout.waves.map((wave) => `${wave.name} ${waveState(wave)}`)
const bundles = (model: FleetModel) => [...model.runs].map(([name, bundle]) => `${name} ${bundle}`)

test('a plan that one site refuses is undone at the canary, and no other node is changed', () => {
  const model = new FleetModel([node('oslo', { refuses: true }), node('rome'), node('lima')], [], 5000)
  const started: string[] = []
  model.onStart = (name, to) => started.push(`${name} ${to}`)
  runUntilRest(model)
  expect(model.rollout).toMatchObject({ state: 'undone', reason: 'oslo-a: parser-refused' })
  expect(started).toEqual(['oslo-a target', 'oslo-a former'])
})

test('a later wave that is not well is undone, and the rollout pauses with the earlier waves complete', () => {
  const nodes = [node('oslo'), node('rome'), node('lima', { poisoned: true }), node('kiel')]
  const model = new FleetModel(nodes, [share('half', 50)], 5000)
  runUntilRest(model)
  expect(model.rollout.state).toBe('paused')
  expect(model.rollout.reason).toMatch(/^lima-a: vpn is unhealthy/)
  expect(states(model)).toEqual(['canary done', 'half done', 'rest undone'])
  expect(bundles(model)).toEqual(['oslo-a new', 'rome-a new', 'lima-a old', 'kiel-a old'])
})

test('a wave that was undone is tried again by resume', () => {
  const nodes = [node('oslo'), node('rome'), node('lima', { refuses: true })]
  const model = new FleetModel(nodes, [], 0)
  runUntilRest(model)
  const again = reopen(model.rollout, 'resume', 'op')
  if (typeof again === 'string') throw new Error(again)
  expect(nodesOf(again).map(({ state }) => state)).toEqual(['done', 'waiting', 'waiting'])
  expect(again).toMatchObject({ state: 'running', aim: 'forward', reason: null })
})

test('a node is proven only after the soak time', () => {
  const model = new FleetModel([node('oslo'), node('rome')], [], 60_000)
  for (let step = 0; step < 60; step += 1) model.step(1)
  expect(states(model)).toEqual(['canary soaking', 'rest waiting'])
  for (let step = 0; step < 6; step += 1) model.step(1)
  expect(states(model)[0]).toBe('canary done')
})

test('a pause lets the changes end that have begun, and begins no other', () => {
  const model = new FleetModel([node('oslo'), node('rome')], [], 0)
  model.step(5)
  model.request = { kind: 'pause', by: 'op' }
  runUntilRest(model)
  expect(model.rollout).toMatchObject({ state: 'paused', reason: 'paused by op' })
  expect(bundles(model)).toEqual(['oslo-a new', 'rome-a old'])
})

test('an abort undoes the current wave only; an undo everything, also when the rollout was over', () => {
  const nodes = [node('oslo'), node('rome'), node('lima')]
  const aborted = new FleetModel(nodes, [], 5000)
  runUntilRest(aborted, () => {
    if (aborted.stateOf('rome-a') === 'changed') aborted.request = { kind: 'abort', by: 'op' }
  })
  expect(aborted.rollout).toMatchObject({ state: 'failed', reason: 'aborted by op' })
  expect(bundles(aborted)).toEqual(['oslo-a new', 'rome-a old', 'lima-a old'])

  const undone = new FleetModel(nodes, [], 0)
  runUntilRest(undone)
  expect(undone.rollout.state).toBe('done')
  const again = reopen(undone.rollout, 'undo', 'op')
  if (typeof again === 'string') throw new Error(again)
  undone.rollout = again
  const order: string[] = []
  undone.onStart = (name) => order.push(name)
  runUntilRest(undone)
  expect(undone.rollout.state).toBe('undone')
  expect(bundles(undone)).toEqual(['oslo-a old', 'rome-a old', 'lima-a old'])
  expect(order.at(-1)).toBe('oslo-a')
})

test('the only other site that serves is not drained: the rollout waits, and then pauses', () => {
  const model = new FleetModel([node('oslo'), node('rome', { dead: true })], [], 0)
  runUntilRest(model)
  expect(model.rollout).toMatchObject({ state: 'paused', reason: 'oslo-a: no other site serves vpn' })
  expect(bundles(model)).toEqual(['oslo-a old', 'rome-a old'])
})

test('a rollout that is over is neither resumed, paused nor aborted', () => {
  const model = new FleetModel([node('oslo'), node('rome')], [], 0)
  runUntilRest(model)
  expect(isOver(model.rollout)).toBe(true)
  for (const kind of ['resume', 'pause', 'abort'] as const) {
    expect(reopen(model.rollout, kind, 'op')).toBe('rollout r is over: done')
  }
})

test('a rollout has the serial that each node says it runs', () => {
  const model = new FleetModel([node('oslo', { refuses: true }), node('rome')], [], 0)
  model.serials = new Map([
    ['old', 1],
    ['new', 2],
  ])
  runUntilRest(model)
  expect(nodesOf(model.rollout).map((one) => [one.node, one.serial])).toEqual([
    ['oslo-a', 1],
    ['rome-a', 1],
  ])
  const good = new FleetModel([node('oslo'), node('rome')], [], 0)
  good.serials = model.serials
  runUntilRest(good)
  expect(nodesOf(good.rollout).map(({ serial }) => serial)).toEqual([2, 2])
})
