import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { nodesOf, type RolloutNode } from '../../src/plan/rollout/rollout.ts'
import { buildWaves } from '../../src/plan/rollout/waves.ts'
import type { WaveSettings } from '../../src/plan/sites/fleet.ts'
import { FleetModel, type ModelNode } from '../unit/plan/rollout/fleet-model.ts'

const fleets = fc
  .array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 6 })
  .map((sizes) =>
    sizes.flatMap((size, site) =>
      Array.from({ length: size }, (_, index) => ({ node: `s${site}-${index}`, site: `s${site}` })),
    ),
  )

const settingsFor = (nodes: readonly { node: string; site: string }[]): fc.Arbitrary<WaveSettings[]> => {
  const none = { nodes: null, sites: null, share: null }
  const wave = fc.oneof(
    fc.integer({ min: 1, max: 100 }).map((percent) => ({ ...none, share: percent / 100 })),
    fc.constantFrom(...nodes).map(({ node }) => ({ ...none, nodes: [node] })),
    fc.constantFrom(...nodes).map(({ site }) => ({ ...none, sites: [site] })),
  )
  return fc
    .uniqueArray(wave, { maxLength: 5, selector: (one) => JSON.stringify(one) })
    .map((waves) => waves.map((one, index): WaveSettings => ({ ...one, name: `w${index}` })))
}

const planned = fleets.chain((nodes) =>
  fc.record({
    nodes: fc.constant(nodes),
    settings: settingsFor(nodes),
    changing: fc.subarray(nodes.map(({ node }) => node)),
  }),
)

describe('the waves', () => {
  test('have each node that changes once, and no other; the first is one node, and no wave is empty', () => {
    fc.assert(
      fc.property(planned, ({ nodes, settings, changing }) => {
        const waves = buildWaves(settings, nodes, new Set(changing))
        const members = waves.flatMap((wave) => wave.nodes.map(({ node }) => node))
        expect([...members].sort()).toEqual([...changing].sort())
        expect(waves.every((wave) => wave.nodes.length > 0)).toBe(true)
        expect(waves[0]?.nodes.length ?? 1).toBe(1)
        expect(new Set(waves.map(({ name }) => name)).size).toBe(waves.length)
      }),
    )
  })

  test('of shares have at most their share, and those of 100% leave no rest', () => {
    fc.assert(
      fc.property(fleets, fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 6 }), (nodes, percents) => {
        const settings = percents.map((percent, index) => ({
          ...{ name: `w${index}`, nodes: null, sites: null, share: percent / 100 },
        }))
        const waves = buildWaves(settings, nodes, new Set(nodes.map(({ node }) => node)))
        for (const { name, share } of settings) {
          const size = waves.find((wave) => wave.name === name)?.nodes.length ?? 0
          expect(size).toBeLessThanOrEqual(Math.max(1, Math.ceil(share * nodes.length - 1e-9)))
        }
        const sum = percents.reduce((total, percent) => total + percent, 0)
        if (sum >= 100) expect(waves.some(({ name }) => name === 'rest')).toBe(false)
      }),
    )
  })
})

const models = fleets.chain((members) =>
  fc.record({
    nodes: fc.tuple(
      ...members.map((member) =>
        fc
          .record({
            dead: fc.boolean(),
            poisoned: fc.integer({ min: 0, max: 9 }).map((at) => at === 0),
            refuses: fc.integer({ min: 0, max: 9 }).map((at) => at === 0),
          })
          .map((facts): ModelNode => ({ ...member, ...facts })),
      ),
    ),
    settings: settingsFor(members),
    /** For each step: how long a change takes that begins then, and whether the engine crashes. */
    course: fc.infiniteStream(
      fc.record({
        changeSteps: fc.integer({ min: 1, max: 20 }),
        crash: fc.constantFrom('no', 'no', 'no', 'no', 'no', 'no', 'no', 'no', 'before', 'after'),
      }),
    ),
  }),
)

describe('a rollout', () => {
  test('never changes two nodes of the last two sites at once', () => {
    fc.assert(
      fc.property(models, ({ nodes, settings, course }) => {
        const model = new FleetModel(nodes, settings, 3000)
        model.onStart = (node, to) => {
          const own = nodes.find((one) => one.node === node)!
          const elsewhere = nodes.filter(({ site }) => site !== own.site)
          // A node that does not serve loses nothing when it goes back.
          if (elsewhere.length === 0 || (to === 'former' && !model.isServing(node))) return
          const changing = new Set(
            nodes.filter((one) => model.isInFlux(one.node, to)).map(({ site }) => site),
          )
          const left = elsewhere.filter((one) => model.isServing(one.node) && !changing.has(one.site))
          expect(left.length, `${node} to ${to}`).toBeGreaterThan(0)
        }
        for (let step = 0; step < 900 && model.rollout.state === 'running'; step += 1) {
          model.step(course.next().value!.changeSteps)
        }
      }),
      { numRuns: 100 },
    )
  })

  test('ends complete, undone or paused between waves, although its engine is killed again and again', () => {
    fc.assert(
      fc.property(models, ({ nodes, settings, course }) => {
        const well = nodes.map((node) => ({ ...node, dead: false }))
        const model = new FleetModel(well, settings, 3000)
        for (let step = 0; step < 5000 && model.rollout.state === 'running'; step += 1) {
          const { changeSteps, crash } = course.next().value!
          model.step(changeSteps)
          // Later on it lives long enough for a soak time.
          if (crash !== 'no' && (step < 200 || step % 200 === 0)) model.crash(crash === 'after')
        }
        const { state, reason } = model.rollout
        const has = (node: RolloutNode) => model.runs.get(node.node)
        const text = JSON.stringify(model.rollout)
        expect(['done', 'undone', 'paused'], text).toContain(state)
        if (state === 'done') expect(nodesOf(model.rollout).every((node) => has(node) === 'new')).toBe(true)
        if (state === 'undone') expect(nodesOf(model.rollout).every((node) => has(node) === 'old')).toBe(true)
        if (state === 'paused') {
          expect(reason).not.toBeNull()
          for (const wave of model.rollout.waves) {
            expect(new Set(wave.nodes.map(has)).size, text).toBe(1)
          }
        }
      }),
      { numRuns: 100 },
    )
  })
})
