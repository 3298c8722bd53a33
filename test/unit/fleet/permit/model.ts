import type { NodeReport } from '../../../../src/fleet/permit/floor.ts'
import { countSites, findRemaining } from '../../../../src/fleet/permit/floor.ts'
import { holderOf, type Register, withoutHolder } from '../../../../src/fleet/permit/register.ts'
import {
  type Asking,
  type PermitTransaction,
  type PermitView,
  returnPermit,
} from '../../../../src/fleet/permit/request.ts'
import { type PermitEffect, type PermitState, stepPermit } from '../../../../src/fleet/permit/state.ts'

/** A deliberate error in the protocol, which the rules must find. */
export type Flaw =
  | 'none'
  /** A node asks before its entry says that it is not well, and a transaction does not compare the register. */
  | 'blind-register'
  /** A transaction does not compare the entries of the nodes that it counts. */
  | 'blind-entries'
  /** Beats from before the store was restored count as current. */
  | 'old-beats'
  /** A node asks before its entry says that it is not well, and its beats are not read. */
  | 'no-entry-first'
  /** A transaction by what a node has watched does not compare the beats of the nodes that it counts. */
  | 'blind-beats'
  /** A transaction does not compare the entry of its own node, which may be well again when the store executes it. */
  | 'late-commit'
  /** A permit ends by itself, and the entry of a node is not read. */
  | 'expiring'
  /** A node that other sites do not reach degrades without a permit. */
  | 'unasked-degrade'
  /** A node that is degraded because other sites do not reach it counts as well: its own probe is good. */
  | 'degraded-counts'

/** How often each event may happen in one run. */
export interface Budget {
  readonly sicken: number
  /** Other sites do not reach a node whose own probe is good, and it is to degrade. */
  readonly cutOff: number
  readonly heal: number
  readonly timeout: number
  /** A node sees what the store has; from then on it may be old. */
  readonly watch: number
  readonly crash: number
  /** An operator removes a node from the register, or with the flaw `expiring` time does. */
  readonly remove: number
  /** The store returns to its first state: acknowledged writes are lost. */
  readonly restore: number
}

type Request =
  | { readonly kind: 'entry'; readonly from: string; readonly to: string }
  | { readonly kind: 'read' }
  | {
      readonly kind: 'commit'
      readonly transaction: PermitTransaction
      readonly from: string
      readonly counts: boolean
    }
  | {
      readonly kind: 'claim'
      readonly transaction: PermitTransaction
      readonly beats: World['beats']
      readonly from: string
      readonly to: string
    }

type Reply = 'pending' | 'done' | 'conflict'

interface Node {
  readonly healthy: boolean
  /** Other sites do not reach it. */
  readonly cutOff: boolean
  readonly alive: boolean
  readonly announces: 'normal' | 'degraded' | 'none'
  /** Withdrawn with a permit, or because it is dead; degraded with one, or with none, because other sites do not reach it. */
  readonly cause: 'permit' | 'dead' | 'unasked' | null
  readonly permit: PermitState
  /** Its entry in the store, as it knows it. */
  readonly entry: string
  readonly serial: number
  /** How often it has asked: a nonce is unique with its node's name. */
  readonly asked: number
  /** It has said that it is well, and the register was then without it: it does not look again. */
  readonly settled: boolean
  readonly watched: Pick<World, 'register' | 'entries' | 'beats'> | null
  readonly request: { readonly of: Request; readonly reply: Reply } | null
  /** One that it has given up, and the store may still execute. */
  readonly late: Request | null
}

export interface World {
  readonly nodes: readonly Node[]
  readonly register: Register
  readonly entries: readonly string[]
  /** What a reader knows from the last beat of each node. A dead node's stays: the reader's clock may be slow. */
  readonly beats: readonly ('well' | 'not' | 'unknown')[]
  readonly budget: Budget
}

export interface Model {
  readonly sites: readonly string[]
  readonly minSites: number
  readonly flaw: Flaw
  /** Whether nodes ask by what they have watched, at first the first world. */
  readonly watches: boolean
}

const times = { answerWithinMs: 1, inAllWithinMs: 1, actWithinMs: 1 }
/** Time stands still: an action may be as late as the order of events allows. */
const nowMs = 0
const nameOf = (index: number) => `n${index}`
const entryOf = (index: number, well: boolean, serial: number) =>
  `${nameOf(index)} ${well ? 'well' : 'not'} ${serial}`
const saysWell = (entry: string) => entry.includes(' well ')
const isWell = ({ flaw }: Pick<Model, 'flaw'>, { alive, healthy, announces, cutOff }: Node) =>
  alive && healthy && (flaw === 'degraded-counts' || (announces === 'normal' && !cutOff))

export function firstWorld({ sites, watches }: Model, budget: Budget): World {
  const register: Register = []
  const entries = sites.map((_, index) => entryOf(index, true, 0))
  const beats = sites.map(() => 'well' as const)
  return {
    nodes: sites.map((_, index) => ({
      ...{ healthy: true, cutOff: false, alive: true },
      announces: 'normal',
      cause: null,
      permit: { phase: 'none' },
      entry: entryOf(index, true, 0),
      serial: 0,
      asked: 0,
      settled: true,
      watched: watches ? { register, entries, beats } : null,
      request: null,
      late: null,
    })),
    ...{ register, entries, beats, budget },
  }
}

/** What went wrong; `null`: nothing. */
export type Broken = string | null

export interface Move {
  readonly name: string
  readonly world: World
  readonly broken: Broken
}

/** Every event that may come next. */
export function movesFrom(model: Model, world: World): Move[] {
  const moves: Move[] = []
  const add = (name: string, next: World, broken: Broken = null) =>
    moves.push({ name, world: next, broken: broken ?? findBroken(model, next) })
  const spend = (what: keyof Budget): World | null =>
    world.budget[what] === 0
      ? null
      : { ...world, budget: { ...world.budget, [what]: world.budget[what] - 1 } }

  for (const [index, node] of world.nodes.entries()) {
    const name = nameOf(index)
    const change = (next: Partial<Node>, from = world) => withNode(from, index, { ...node, ...next })
    const asks = (from: World, changed: Partial<Node>) => ask(model, change(changed, from), index)

    const sick = spend('sicken')
    if (sick !== null && isWell(model, node) && node.request === null)
      add(`${name} fails`, asks(sick, { healthy: false, announces: 'degraded' }))
    moves.push(...movesOfReach(model, world, index))
    if (node.alive && !node.healthy && node.announces === 'degraded' && node.permit.phase === 'refused') {
      // It asks once more: whenever another site is well again. The budget of requests bounds the repetition.
      const again = spend('sicken')
      if (again !== null) add(`${name} asks again`, asks(again, {}))
    }
    const healed = spend('heal')
    if (healed !== null && node.alive && !node.healthy && node.request === null)
      add(
        `${name} serves again`,
        change({ healthy: true, ...(node.cutOff ? whileCutOff(node) : normal) }, healed),
      )
    const crashed = spend('crash')
    if (crashed !== null && node.alive)
      add(
        `${name} dies`,
        change(
          {
            ...{
              alive: false,
              healthy: false,
              cutOff: false,
              announces: 'none',
              cause: 'dead',
              permit: { phase: 'none' },
            },
            ...{ request: null, late: leftOver(node), settled: false },
          },
          crashed,
        ),
      )
    if (!node.alive)
      add(
        `${name} starts`,
        change({
          alive: true,
          healthy: true,
          announces: 'normal',
          cause: null,
          entry: world.entries[index]!,
        }),
      )
    if (node.alive) {
      const beat = isWell(model, node) ? 'well' : 'not'
      if (world.beats[index] !== beat)
        add(`${name} beats`, { ...world, beats: world.beats.with(index, beat) })
    }
    // Once it observes that it announces, it says so, and gives the permit back.
    if (isWell(model, node) && node.request === null) {
      if (!saysWell(node.entry)) add(`${name} says that it is well`, change(send(node, index, true)))
      else if (holderOf(world.register, name) !== null) {
        const transaction = returnPermit(world.register, name)!
        add(
          `${name} returns its permit`,
          change({
            request: {
              of: { kind: 'commit', transaction, from: node.entry, counts: false },
              reply: 'pending',
            },
          }),
        )
      }
    }
    const watches = spend('watch')
    if (watches !== null && node.alive) {
      const { register, entries, beats } = world
      add(`${name} watches`, change({ watched: { register, entries, beats } }, watches))
    }
    if (node.permit.phase === 'granted' && node.announces !== 'none' && !node.healthy)
      add(`${name} withdraws`, change({ announces: 'none', cause: 'permit' }))

    if (node.request?.of.kind === 'read') add(`${name} reads`, read(model, world, index))
    else if (node.request?.reply === 'pending') {
      const { world: executed, reply, broken } = execute(model, world, node.request.of, index)
      const waiting = { of: node.request.of, reply }
      add(
        `the store executes the ${node.request.of.kind} of ${name}`,
        withNode(executed, index, { ...executed.nodes[index]!, request: waiting }),
        broken,
      )
    } else if (node.request !== null) add(`${name} gets the reply`, receive(model, world, index))
    const lost = spend('timeout')
    if (lost !== null && node.request !== null) add(`${name} gets no reply`, giveUp(model, lost, index))
    if (node.late !== null) {
      const { world: executed, broken } = execute(model, world, node.late, index)
      add(
        `the store executes a late ${node.late.kind} of ${name}`,
        withNode(executed, index, { ...executed.nodes[index]!, late: null }),
        broken,
      )
    }
    const removed = spend('remove')
    if (removed !== null && holderOf(world.register, name) !== null)
      add(`${name} is removed from the register`, {
        ...removed,
        register: withoutHolder(world.register, name),
      })
  }
  const restored = spend('restore')
  if (restored !== null) {
    const { register, entries, beats } = firstWorld(model, world.budget)
    // A reader counts a node only after a beat that is newer than all that it knew.
    const known = model.flaw === 'old-beats' ? beats : beats.map(() => 'unknown' as const)
    add('the store loses its writes', { ...restored, register, entries, beats: known })
  }
  return moves
}

const normal = { announces: 'normal', cause: null, permit: { phase: 'none' } } as const

/** What a node does that serves and that other sites do not reach: its permit, also one to withdraw, lets it degrade. */
function whileCutOff({ permit }: Node): Partial<Node> {
  return permit.phase === 'granted'
    ? { announces: 'degraded', cause: 'permit' }
    : { announces: 'normal', cause: null }
}

/** Other sites cease to reach a node, or reach it again. It asks for the same permit, to degrade, and never withdraws for that. */
function movesOfReach(model: Model, world: World, index: number): Move[] {
  const node = world.nodes[index]!
  const name = nameOf(index)
  const moves: Move[] = []
  const from = (what: 'cutOff' | 'heal' | 'sicken', next: Partial<Node>, asks: boolean) => {
    if (world.budget[what] === 0) return null
    const spent = { ...world, budget: { ...world.budget, [what]: world.budget[what] - 1 } }
    const changed = withNode(spent, index, { ...node, ...next })
    return asks ? ask(model, changed, index) : changed
  }
  const add = (what: string, next: World | null) => {
    if (next !== null) moves.push({ name: `${name} ${what}`, world: next, broken: findBroken(model, next) })
  }
  if (!node.alive) return moves
  if (node.healthy && !node.cutOff && node.announces === 'normal' && node.request === null) {
    if (model.flaw === 'unasked-degrade')
      add('degrades', from('cutOff', { cutOff: true, announces: 'degraded', cause: 'unasked' }, false))
    else add('is cut off', from('cutOff', { cutOff: true }, true))
  }
  if (!node.cutOff) return moves
  if (node.healthy && node.permit.phase === 'granted' && node.announces === 'normal')
    add('degrades', withNode(world, index, { ...node, ...whileCutOff(node) }))
  if (node.request !== null) return moves
  add('is reached again', from('heal', { cutOff: false, ...(node.healthy ? normal : {}) }, false))
  if (!node.healthy) return moves
  if (node.permit.phase === 'refused') add('asks again to degrade', from('cutOff', {}, true))
  // With the permit that it has, it may also withdraw.
  if (node.permit.phase === 'granted') add('fails too', from('sicken', { healthy: false }, false))
  else add('fails too', from('sicken', { healthy: false, announces: 'degraded' }, true))
  return moves
}

function withNode(world: World, index: number, node: Node): World {
  return { ...world, nodes: world.nodes.with(index, node) }
}

function askingOf({ sites, minSites }: Model, index: number): Asking {
  return { site: sites[index]!, node: nameOf(index), minSites, reason: 'no-reply' }
}

function ask(model: Model, world: World, index: number): World {
  const node = world.nodes[index]!
  const nonce = `${nameOf(index)}-${node.asked}`
  const watched = node.watched === null ? null : viewFor(model, node.watched, index)
  const next = withNode(world, index, { ...node, asked: node.asked + 1, settled: false })
  const asked = advance(model, next, index, { event: 'ask', nonce, watched, nowMs })
  return skipsEntry(model) ? advance(model, asked, index, { event: 'published', nowMs }) : asked
}

function advance(model: Model, world: World, index: number, event: Parameters<typeof stepPermit>[1]): World {
  const node = world.nodes[index]!
  const { state, effect } = stepPermit(node.permit, event, askingOf(model, index), times)
  return withNode(world, index, { ...node, permit: state, ...requestOf(node, index, effect) })
}

function requestOf(
  node: Node,
  index: number,
  effect: PermitEffect | null,
): Pick<Node, 'request'> & Partial<Node> {
  if (effect === null) return { request: null }
  if (effect.effect === 'publish') return send(node, index, false)
  if (effect.effect === 'read') return { request: { of: { kind: 'read' }, reply: 'pending' } }
  if (effect.effect === 'claim') {
    const { transaction } = effect
    const from = node.entry
    const serial = saysWell(from) ? node.serial + 1 : node.serial
    const to = saysWell(from) ? entryOf(index, false, serial) : from
    const of = { kind: 'claim', transaction, beats: node.watched!.beats, from, to } as const
    return { serial, request: { of, reply: 'pending' } }
  }
  return {
    request: {
      of: { kind: 'commit', transaction: effect.transaction, from: node.entry, counts: true },
      reply: 'pending',
    },
  }
}

function send(node: Node, index: number, well: boolean): Pick<Node, 'request' | 'serial'> {
  const serial = node.serial + 1
  const of = { kind: 'entry', from: node.entry, to: entryOf(index, well, serial) } as const
  return { request: { of, reply: 'pending' }, serial }
}

/** Its entry stays well while it asks, and so do its beats. */
function skipsEntry({ flaw }: Pick<Model, 'flaw'>): boolean {
  return flaw === 'no-entry-first' || flaw === 'blind-register'
}

function reportsFor(
  { sites, flaw }: Model,
  { entries, beats }: Pick<World, 'entries' | 'beats'>,
): NodeReport[] {
  return sites.map((site, index) => ({
    site,
    node: nameOf(index),
    entry: entries[index]!,
    well: flaw === 'expiring' || saysWell(entries[index]!),
    fresh: flaw === 'expiring' || skipsEntry({ flaw }) || beats[index] === 'well',
  }))
}

function viewFor(
  model: Model,
  seen: Pick<World, 'register' | 'entries' | 'beats'>,
  index: number,
): PermitView {
  const reports = reportsFor(model, seen).filter((_, other) => other !== index)
  return { register: seen.register, reports }
}

function read(model: Model, world: World, index: number): World {
  return advance(model, world, index, { event: 'read', view: viewFor(model, world, index), nowMs })
}

function execute(
  model: Model,
  world: World,
  request: Request,
  index: number,
): { world: World; reply: Reply; broken: Broken } {
  if (request.kind === 'read') return { world, reply: 'done', broken: null }
  if (request.kind === 'entry') {
    if (world.entries[index] !== request.from) return { world, reply: 'conflict', broken: null }
    return {
      world: { ...world, entries: world.entries.with(index, request.to) },
      reply: 'done',
      broken: null,
    }
  }
  const { register, entries, next } = request.transaction
  const hasRegister = model.flaw === 'blind-register' || sameText(world.register, register)
  const hasEntries =
    model.flaw === 'blind-entries' ||
    entries.every(({ node, entry }) => world.entries[Number(node.slice(1))] === entry)
  const hasOwn = skipsEntry(model) || model.flaw === 'late-commit' || world.entries[index] === request.from
  if (!hasRegister || !hasEntries || !hasOwn) return { world, reply: 'conflict', broken: null }
  let written = world.entries
  if (request.kind === 'claim') {
    const hasBeats =
      model.flaw === 'blind-beats' ||
      entries.every(({ node }) => {
        const other = Number(node.slice(1))
        return world.beats[other] === request.beats[other]
      })
    if (!hasBeats) return { world, reply: 'conflict', broken: null }
    written = written.with(index, request.to)
  }
  const isNewGrant = (request.kind === 'claim' || request.counts) && entries.length > 0
  return {
    world: { ...world, register: next, entries: written },
    reply: 'done',
    broken: isNewGrant ? findUncovered(model, world, index) : null,
  }
}

/** A permit is granted only while enough other sites say that they are well, and hold none. */
function findUncovered(model: Model, world: World, index: number): Broken {
  const reports = reportsFor({ ...model, flaw: 'none' }, { ...world, beats: world.beats.map(() => 'well') })
  const left = countSites(findRemaining(world.register, reports, nameOf(index)))
  return left >= model.minSites
    ? null
    : `a permit is granted to ${nameOf(index)} while ${left} other sites are well`
}

/**
 * Never fewer than `minSites` announce because of us: a site that is dead did not withdraw. One that is degraded because others
 * do not reach it does not count; one that is degraded because it fails is not well, whatever we do. And a node that has given
 * its permit back is not in the register, because others would not count it.
 */
function findBroken(model: Model, { nodes, register }: World): Broken {
  const { sites, minSites } = model
  const forgotten = nodes.findIndex(
    (node, index) => isWell(model, node) && node.settled && holderOf(register, nameOf(index)) !== null,
  )
  if (forgotten !== -1) return `${nameOf(forgotten)} is well, and stays in the register`
  const left = nodes.flatMap(({ cause }, index) =>
    cause === 'permit' || cause === 'unasked' ? [] : [{ site: sites[index]! }],
  )
  const count = countSites(left)
  return count >= minSites ? null : `${count} sites are left, and ${minSites} are required`
}

function sameText(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

function receive(model: Model, world: World, index: number): World {
  const node = world.nodes[index]!
  const { of, reply } = node.request!
  const free = (next: Partial<Node> = {}) => withNode(world, index, { ...node, request: null, ...next })
  if (of.kind === 'entry') {
    // After a conflict it reads its own entry, and tries again.
    const entry = reply === 'done' ? of.to : world.entries[index]!
    const settled = saysWell(entry) && holderOf(world.register, nameOf(index)) === null
    const known = free({ entry, settled })
    if (node.permit.phase !== 'publishing') return known
    const event = reply === 'done' ? 'published' : 'conflict'
    return advance(model, known, index, { event, nowMs })
  }
  if (of.kind === 'claim') {
    const event = reply === 'done' ? 'committed' : 'conflict'
    return advance(model, free({ entry: reply === 'done' ? of.to : world.entries[index]! }), index, {
      event,
      nowMs,
    })
  }
  if (of.kind === 'commit' && of.counts) {
    const event = reply === 'done' ? 'committed' : 'conflict'
    return advance(model, free(), index, { event, nowMs })
  }
  return free(of.kind === 'commit' && reply === 'done' ? { settled: true } : {})
}

function giveUp(model: Model, world: World, index: number): World {
  const node = world.nodes[index]!
  const given = withNode(world, index, { ...node, request: null, late: leftOver(node) })
  return advance(model, given, index, { event: 'unknown', nowMs })
}

/** What the store may still execute. An older one is lost. */
function leftOver({ request, late }: Node): Request | null {
  return request?.reply === 'pending' && request.of.kind !== 'read' ? request.of : late
}
