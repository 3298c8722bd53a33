import type { ChangeResult } from '../../change/transport.ts'
import type { Seen } from '../../change/view.ts'
import { findProblems } from './gates.ts'
import { type Peer, whyNotNow } from './may-change.ts'
import {
  currentWave,
  type NodeFacts,
  type NodeState,
  nodesOf,
  type Rollout,
  type RolloutNode,
  waveToUndo,
} from './rollout.ts'
import { serves } from './view.ts'

/** Milliseconds. */
export const limits = {
  /** How long a node may take to be well after its change, in addition to the end of its drain. */
  settle: 45_000,
  /** How long a node that was well may be otherwise. */
  grace: 10_000,
  unreachable: 60_000,
  /** How long a node may wait for other sites before the rollout pauses. */
  wait: 600_000,
} as const
/** Nodes that are changed at the same time. */
const mostAtOnce = 10

export interface Request {
  readonly kind: 'pause' | 'abort' | 'undo'
  readonly by: string
}

export interface Input {
  /** Monotonic. */
  readonly now: number
  readonly facts: readonly NodeFacts[]
  readonly minSites: ReadonlyMap<string, number>
  /** The last look at each node since its last change. */
  readonly seen: ReadonlyMap<string, Seen>
  /** Nodes with a change in progress. */
  readonly busy: ReadonlySet<string>
  /** Changes that have ended since the last call. */
  readonly ended: ReadonlyMap<string, ChangeResult>
  readonly request: Request | null
}

/** The times of a node, which are lost with the engine: a node then has to be well for the whole soak time again. */
export interface NodeTimes {
  readonly since: number
  readonly goodSince: number | null
  readonly badSince: number | null
}

export interface Step {
  readonly rollout: Rollout
  readonly times: ReadonlyMap<string, NodeTimes>
  /** Changes to begin, after the rollout is stored. Each may have begun before. */
  readonly starts: readonly { readonly node: string; readonly to: 'target' | 'former' }[]
}

/** The next state of a rollout, and what to do. Called again and again, and after a crash with the stored state. */
export function advance(rollout: Rollout, times: ReadonlyMap<string, NodeTimes>, input: Input): Step {
  if (rollout.state !== 'running') return { rollout, times, starts: [] }
  return new Advance(rollout, times, input).run()
}

class Advance {
  readonly #rollout: Rollout
  readonly #input: Input
  readonly #facts: ReadonlyMap<string, NodeFacts>
  readonly #nodes: Map<string, RolloutNode>
  readonly #times: Map<string, NodeTimes>
  readonly #starts: { node: string; to: 'target' | 'former' }[] = []
  #state: Rollout['state'] = 'running'
  #aim: Rollout['aim']
  #reason: string | null

  constructor(rollout: Rollout, times: ReadonlyMap<string, NodeTimes>, input: Input) {
    this.#rollout = rollout
    this.#input = input
    this.#facts = new Map(input.facts.map((facts) => [facts.node, facts]))
    this.#nodes = new Map(nodesOf(rollout).map((node) => [node.node, node]))
    this.#times = new Map(times)
    this.#aim = rollout.aim
    this.#reason = rollout.reason
  }

  run(): Step {
    this.#takeRequest()
    this.#noteSerials()
    for (const [node, result] of this.#input.ended) this.#takeResult(node, result)
    this.#watch()
    if (this.#aim === 'forward') this.#goForward()
    else if (this.#aim === 'pause') this.#comeToRest()
    else this.#goBack()
    return { rollout: this.#present(), times: this.#times, starts: this.#starts }
  }

  #takeRequest(): void {
    const { request } = this.#input
    if (request === null) return
    const { kind, by } = request
    // A pause must not leave a wave half undone.
    if (kind === 'pause' && this.#aim !== 'forward') return
    this.#aim = kind
    this.#reason = `${kind === 'pause' ? 'paused' : kind === 'abort' ? 'aborted' : 'undone'} by ${by}`
  }

  #noteSerials(): void {
    for (const node of this.#nodes.values()) {
      const seen = this.#input.seen.get(node.node)
      if (seen?.outcome !== 'seen' || seen.view === null) continue
      this.#nodes.set(node.node, { ...node, serial: seen.view.serial })
    }
  }

  #takeResult(name: string, { outcome, detail }: ChangeResult): void {
    const node = this.#nodes.get(name)
    if (node === undefined) return
    if (node.state === 'changing') {
      if (outcome === 'changed') this.#set(node, 'changed', detail)
      else this.#fail(node, detail)
    } else if (node.state === 'undoing') {
      this.#set(node, outcome === 'changed' ? 'reverted' : 'stuck', detail)
    }
    this.#times.set(name, { since: this.#input.now, goodSince: null, badSince: null })
  }

  /** Judges each node that runs another bundle than before, or its former one again. */
  #watch(): void {
    for (const node of this.#nodes.values()) {
      if (node.state === 'changed') this.#watchChanged(node)
      else if (node.state === 'reverted') this.#watchReverted(node)
      else if (node.state === 'done' && this.#aim === 'forward') this.#watchDone(node)
    }
  }

  #watchChanged(node: RolloutNode): void {
    const looked = this.#look(node, 'target')
    if (looked === null) return
    const { problems, isTooLong, times } = looked
    if (isTooLong) this.#fail(node, problems.join('; '))
    else if (problems.length > 0) this.#set(node, 'changed', problems.join('; '))
    else if (this.#input.now - times.goodSince! >= this.#rollout.soakMs) this.#set(node, 'done', 'as planned')
    else this.#set(node, 'changed', 'well, soaking')
  }

  #watchReverted(node: RolloutNode): void {
    const looked = this.#look(node, 'former')
    if (looked === null) return
    const { problems, isTooLong } = looked
    if (problems.length === 0) this.#set(node, 'undone', node.failure ?? 'as before')
    else if (isTooLong) this.#set(node, 'undone', `runs the former bundle, but: ${problems.join('; ')}`)
    else this.#set(node, 'reverted', problems.join('; '))
  }

  /** A node of an earlier wave, or of this one. Its wave was proven, so that an operator has to look. */
  #watchDone(node: RolloutNode): void {
    const looked = this.#look(node, 'target')
    if (looked === null || !looked.isTooLong) return
    this.#aim = 'pause'
    this.#reason = `${node.node}, which was proven, is not well: ${looked.problems.join('; ')}`
  }

  #look(
    node: RolloutNode,
    runs: 'target' | 'former',
  ): { problems: readonly string[]; isTooLong: boolean; times: NodeTimes } | null {
    const { now } = this.#input
    const seen = this.#input.seen.get(node.node)
    const change = this.#facts.get(node.node)?.change
    if (seen === undefined || !change) return null
    const problems =
      seen.outcome === 'unreachable'
        ? [seen.problem]
        : findProblems({ before: node.before, former: change.former, target: change[runs] }, seen.view)
    const had = this.#times.get(node.node) ?? { since: now, goodSince: null, badSince: null }
    const times: NodeTimes =
      problems.length === 0
        ? { since: had.since, goodSince: had.goodSince ?? now, badSince: null }
        : { since: had.since, goodSince: null, badSince: had.badSince ?? now }
    this.#times.set(node.node, times)
    const badMs = times.badSince === null ? 0 : now - times.badSince
    // A node that was never well since its change is still in its time to settle.
    const isSettling = now - had.since < limits.settle + change.undrainMs
    const limitMs = seen.outcome === 'unreachable' ? limits.unreachable : limits.grace
    return { problems, isTooLong: badMs >= limitMs && !isSettling, times }
  }

  #fail(node: RolloutNode, failure: string): void {
    this.#nodes.set(node.node, { ...node, state: 'failed', detail: failure, failure })
    if (this.#aim !== 'forward' && this.#aim !== 'pause') return
    this.#aim = 'undo-wave'
    this.#reason = `${node.node}: ${failure}`
  }

  #goForward(): void {
    const wave = currentWave(this.#present())
    if (wave === null) {
      this.#state = 'done'
      this.#reason = null
      return
    }
    for (const { node } of wave.nodes) {
      if (this.#aim !== 'forward') return
      const current = this.#nodes.get(node)!
      if (current.state === 'changing') this.#start(current, 'target')
      else if (current.state === 'waiting') this.#tryToChange(current)
    }
  }

  #tryToChange(node: RolloutNode): void {
    const seen = this.#input.seen.get(node.node)
    if (seen === undefined || this.#countBusy() >= mostAtOnce) return
    const why = seen.outcome === 'unreachable' ? seen.problem : this.#whyNotNow(node.node)
    if (why === null) {
      const before = seen.outcome === 'seen' ? seen.view : null
      this.#nodes.set(node.node, { ...node, before })
      this.#set(this.#nodes.get(node.node)!, 'changing', null)
      this.#start(node, 'target')
      return
    }
    const { now } = this.#input
    const since = this.#times.get(node.node)?.since ?? now
    this.#times.set(node.node, { since, goodSince: null, badSince: null })
    this.#set(node, 'waiting', `waits: ${why}`)
    if (now - since < (seen.outcome === 'unreachable' ? limits.unreachable : limits.wait)) return
    this.#aim = 'pause'
    this.#reason = `${node.node}: ${why}`
  }

  /** Changes that have begun end first. */
  #comeToRest(): void {
    const changing = [...this.#nodes.values()].filter(({ state }) => state === 'changing')
    for (const node of changing) this.#start(node, 'target')
    if (changing.length === 0) this.#state = 'paused'
  }

  #goBack(): void {
    const wave = waveToUndo(this.#present(), this.#aim === 'undo')
    if (wave === null) {
      this.#end()
      return
    }
    for (const { node: name } of wave) {
      const node = this.#nodes.get(name)!
      // A change that has begun ends first; one that an earlier engine has begun may be replaced.
      if (this.#input.busy.has(name) && node.state === 'changing') continue
      if (node.state === 'undoing') this.#startUndo(node)
      else if (node.state !== 'reverted') {
        this.#set(node, 'undoing', null)
        this.#startUndo(this.#nodes.get(name)!)
      }
    }
  }

  #startUndo(node: RolloutNode): void {
    if (this.#input.busy.has(node.node)) return
    const seen = this.#input.seen.get(node.node)
    const view = seen?.outcome === 'seen' ? seen.view : null
    const facts = this.#facts.get(node.node)
    // A node that does not serve loses nothing, nor does one whose sessions stay.
    const isServing = facts?.services.some((service) => serves(view, service)) === true
    const why = isServing && facts?.change?.restarts === true ? this.#whyNotNow(node.node) : null
    if (why === null) this.#start(node, 'former')
    else this.#set(node, 'undoing', `waits: ${why}`)
  }

  #end(): void {
    const nodes = [...this.#nodes.values()]
    const stuck = nodes.filter(({ state }) => state === 'stuck')
    const remains = nodes.some(({ state }) => state === 'done')
    if (stuck.length > 0) {
      this.#state = 'failed'
      this.#reason = `${this.#reason ?? ''}; not undone: ${stuck.map(({ node, detail }) => `${node} (${detail})`).join(', ')}`
    } else if (!remains) this.#state = 'undone'
    else this.#state = this.#aim === 'abort' ? 'failed' : 'paused'
  }

  #start(node: RolloutNode, to: 'target' | 'former'): void {
    if (!this.#input.busy.has(node.node)) this.#starts.push({ node: node.node, to })
  }

  #countBusy(): number {
    return new Set([...this.#input.busy, ...this.#starts.map(({ node }) => node)]).size
  }

  /** Backwards, a node that waits for its turn still counts: otherwise those of a wave would wait for each other. */
  #isInFlux(node: string): boolean {
    const state = this.#nodes.get(node)?.state ?? 'done'
    if (this.#aim === 'forward') return !['waiting', 'done', 'undone'].includes(state)
    const isStarted = this.#starts.some((start) => start.node === node)
    return isStarted || this.#input.busy.has(node) || state === 'reverted'
  }

  #whyNotNow(node: string): string | null {
    const peers = this.#input.facts.map(({ node: name, site, services }): Peer => {
      const seen = this.#input.seen.get(name)
      const settled = !this.#isInFlux(name)
      return { node: name, site, services, settled, view: seen?.outcome === 'seen' ? seen.view : null }
    })
    return whyNotNow(node, peers, this.#input.minSites)
  }

  #set(node: RolloutNode, state: NodeState, detail: string | null): void {
    this.#nodes.set(node.node, { ...this.#nodes.get(node.node)!, state, detail })
  }

  #present(): Rollout {
    return {
      ...this.#rollout,
      state: this.#state,
      aim: this.#aim,
      reason: this.#reason,
      waves: this.#rollout.waves.map(({ name, nodes }) => ({
        name,
        nodes: nodes.map(({ node }) => this.#nodes.get(node)!),
      })),
    }
  }
}
