import { describe, expect, test } from 'vitest'
import { patience } from '../../../patience.ts'
import { type Budget, firstWorld, type Model, movesFrom, type World } from './model.ts'

const none: Budget = { sicken: 0, cutOff: 0, heal: 0, timeout: 0, watch: 0, crash: 0, remove: 0, restore: 0 }
const threeSites = ['a', 'b', 'c']

/** Equal worlds have equal keys. Most parts of a world are those of the world before it, and their numbers are known. */
function createKeys(): (world: World) => string {
  const known = new WeakMap<object, number>()
  const numbers = new Map<string, number>()
  const numberOf = (part: object): number => {
    const before = known.get(part)
    if (before !== undefined) return before
    const text = JSON.stringify(part)
    const number = numbers.get(text) ?? numbers.size
    numbers.set(text, number)
    known.set(part, number)
    return number
  }
  return ({ nodes, ...rest }) => [...nodes, ...Object.values(rest)].map(numberOf).join()
}

/** Every order of events: the shortest one that breaks a rule, or `null`, and the number of different worlds. */
function explore(model: Model, budget: Partial<Budget>): { broken: string[] | null; worlds: number } {
  const keyOf = createKeys()
  const first = firstWorld(model, { ...none, ...budget })
  const from = new Map<string, { name: string; before: string | null }>([
    [keyOf(first), { name: 'start', before: null }],
  ])
  const queue: { readonly world: World; readonly key: string }[] = [{ world: first, key: keyOf(first) }]
  for (const { world, key } of queue) {
    for (const move of movesFrom(model, world)) {
      if (move.broken !== null)
        return { broken: [...pathTo(from, key), move.name, move.broken], worlds: from.size }
      const next = keyOf(move.world)
      if (from.has(next)) continue
      from.set(next, { name: move.name, before: key })
      queue.push({ world: move.world, key: next })
    }
  }
  return { broken: null, worlds: from.size }
}

function pathTo(from: ReadonlyMap<string, { name: string; before: string | null }>, key: string): string[] {
  const names: string[] = []
  for (let at: string | null = key; at !== null; at = from.get(at)!.before) names.unshift(from.get(at)!.name)
  return names.slice(1)
}

/** A random order of events, after which all faults end. Each seed gives the same one again. */
function wander(model: Model, budget: Partial<Budget>, seed: number, steps: number): string[] | World {
  let state = seed
  const random = () => {
    // Numerical Recipes' linear congruential generator.
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
  let world = firstWorld(model, { ...none, ...budget })
  const names: string[] = []
  for (let step = 0; ; step++) {
    if (step === steps) world = { ...world, budget: { ...none, heal: 2 * model.sites.length } }
    const moves = movesFrom(model, world)
    if (step > steps + 2000) return [...names.slice(-40), 'the events do not end']
    if (moves.length === 0) {
      if (step >= steps) return world
      step = steps - 1
      continue
    }
    const move = moves[Math.floor(random() * moves.length)]!
    names.push(move.name)
    if (move.broken !== null) return [...names, move.broken]
    world = move.world
  }
}

describe('every order of events keeps minSites announcing, and grants only while enough others are well', () => {
  test.each<[string, string[], Model['minSites'], Partial<Budget>]>([
    ['two sites, with lost and late messages', ['a', 'b'], 1, { sicken: 2, heal: 1, timeout: 2 }],
    ['three sites that fail at once', threeSites, 1, { sicken: 3 }],
    ['three sites, two of which must stay', threeSites, 2, { sicken: 2, heal: 1 }],
    ['two nodes of one site, and one of another', ['a', 'a', 'b'], 1, { sicken: 2, heal: 1 }],
    ['two sites, a crash, and a return', ['a', 'b'], 1, { sicken: 2, heal: 1, crash: 1, timeout: 1 }],
    [
      'two sites, and a node that an operator removes while it withdraws',
      ...([['a', 'b'], 1, { sicken: 2, heal: 1, remove: 1, timeout: 1 }] as const),
    ],
    [
      'two sites, and a store that loses what it has acknowledged',
      ...([['a', 'b'], 1, { sicken: 2, restore: 1, timeout: 1 }] as const),
    ],
  ] as [string, string[], Model['minSites'], Partial<Budget>][])(
    '%s',
    (_, sites, minSites, budget) => {
      const { broken, worlds } = explore({ sites, minSites, flaw: 'none', watches: false }, budget)
      expect(broken).toBeNull()
      expect(worlds).toBeGreaterThan(1000)
    },
    patience(120_000),
  )
})

describe('the same where nodes ask by what they have watched, however old it is', () => {
  test.each<[string, string[], Model['minSites'], Partial<Budget>]>([
    ['two sites, with lost and late messages', ['a', 'b'], 1, { sicken: 2, heal: 1, timeout: 1 }],
    ['two sites that look once more', ['a', 'b'], 1, { sicken: 2, heal: 1, watch: 1 }],
    ['three sites, two of which must stay', threeSites, 2, { sicken: 2, heal: 1 }],
    ['two sites, and a node that an operator removes', ['a', 'b'], 1, { sicken: 2, heal: 1, remove: 1 }],
    [
      'two sites, and a store that loses what it has acknowledged',
      ...([['a', 'b'], 1, { sicken: 2, restore: 1, timeout: 1 }] as const),
    ],
  ] as [string, string[], Model['minSites'], Partial<Budget>][])(
    '%s',
    (_, sites, minSites, budget) => {
      const { broken, worlds } = explore({ sites, minSites, flaw: 'none', watches: true }, budget)
      expect(broken).toBeNull()
      expect(worlds).toBeGreaterThan(1000)
    },
    patience(120_000),
  )
})

describe('the same where other sites do not reach nodes, which degrade with the permit, and may fail too', () => {
  test.each<[string, string[], Model['minSites'], boolean, Partial<Budget>]>([
    ['two sites', ['a', 'b'], 1, false, { cutOff: 2, heal: 1, timeout: 1 }],
    ['two sites, by what they have watched', ['a', 'b'], 1, true, { cutOff: 2, heal: 1, watch: 1 }],
    ['two sites, one of which also fails', ['a', 'b'], 1, false, { cutOff: 2, sicken: 1, heal: 1 }],
    ['three sites at once', threeSites, 1, false, { cutOff: 3 }],
    ['three sites, two of which must stay', threeSites, 2, true, { cutOff: 2, heal: 1 }],
    ['two sites, and an operator who removes one', ['a', 'b'], 1, true, { cutOff: 2, heal: 1, remove: 1 }],
    ['two sites, and a store that loses writes', ['a', 'b'], 1, true, { cutOff: 2, restore: 1, timeout: 1 }],
  ] as [string, string[], Model['minSites'], boolean, Partial<Budget>][])(
    '%s',
    (_, sites, minSites, watches, budget) => {
      const { broken, worlds } = explore({ sites, minSites, flaw: 'none', watches }, budget)
      expect(broken).toBeNull()
      expect(worlds).toBeGreaterThan(400)
    },
    patience(60_000),
  )
})

describe('a protocol with an error breaks a rule', () => {
  test.each<[Model['flaw'], Partial<Budget>]>([
    ['unasked-degrade', { cutOff: 2 }],
    ['degraded-counts', { cutOff: 2 }],
    ['blind-register', { sicken: 2 }],
    ['blind-entries', { sicken: 2 }],
    ['old-beats', { sicken: 2, restore: 1 }],
    ['blind-beats', { sicken: 2, restore: 1 }],
    ['no-entry-first', { sicken: 2, remove: 1 }],
    ['expiring', { sicken: 2, remove: 1 }],
    ['late-commit', { sicken: 1, heal: 1, timeout: 1 }],
  ])(
    '%s',
    (flaw, budget) => {
      const model: Model = { sites: ['a', 'b'], minSites: 1, flaw, watches: flaw === 'blind-beats' }
      expect(explore(model, budget).broken).not.toBeNull()
    },
    patience(120_000),
  )
})

test(
  'in long random orders of events seven sites keep the rules, and all announce once the faults have ended',
  () => {
    const model: Model = {
      sites: ['a', 'b', 'c', 'd', 'e', 'f', 'g'],
      minSites: 2,
      flaw: 'none',
      watches: true,
    }
    const budget = {
      sicken: 40,
      cutOff: 30,
      heal: 60,
      timeout: 20,
      watch: 60,
      crash: 5,
      remove: 3,
      restore: 2,
    }
    for (let seed = 1; seed <= 100; seed++) {
      const end = wander(model, budget, seed, 600)
      expect(end, `seed ${seed}`).toMatchObject({ register: [] })
      const { nodes } = end as World
      expect(
        nodes.map(({ announces }) => announces),
        `seed ${seed}`,
      ).toEqual(nodes.map(() => 'normal'))
    }
  },
  patience(120_000),
)
