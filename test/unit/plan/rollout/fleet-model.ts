import type { ChangeResult } from '../../../../src/change/transport.ts'
import type { NodeView, Seen } from '../../../../src/change/view.ts'
import { advance, type Input, type NodeTimes } from '../../../../src/plan/rollout/advance.ts'
import { type NodeFacts, nodesOf, type Rollout } from '../../../../src/plan/rollout/rollout.ts'
import type { Promised } from '../../../../src/plan/rollout/view.ts'
import { buildWaves } from '../../../../src/plan/rollout/waves.ts'
import type { WaveSettings } from '../../../../src/plan/sites/fleet.ts'

export interface ModelNode {
  readonly node: string
  readonly site: string
  /** Whether its endpoint is dead all the time. */
  readonly dead: boolean
  /** Whether it is not well with the new bundle. */
  readonly poisoned: boolean
  /** Whether it refuses the new bundle. */
  readonly refuses: boolean
}

const service = 'vpn'
const prefix = '192.0.2.0/24'
const stepMs = 1000

const promised = (digest: string, serial: number | null = null): Promised => ({
  digest,
  serial,
  services: [service],
  neighbors: [{ name: 'transit', prefixes: [prefix] }],
})

export function viewOf(bundle: string, isWell: boolean, serial: number | null = null): NodeView {
  return {
    bundle,
    serial,
    services: [
      {
        name: service,
        health: isWell ? 'healthy' : 'unhealthy',
        decision: isWell ? 'announce' : 'withdraw',
        reason: isWell ? 'healthy' : 'no-handshake',
        announced: isWell ? [{ neighbor: 'transit', prefix, degraded: false }] : [],
      },
    ],
    neighbors: [{ name: 'transit', session: 'up', bfd: null }],
    intent: { intent: 'serve', reason: null },
    alarms: [],
  }
}

/** Nodes in memory, and an engine whose memory may be lost. Its clock moves by a second a step. */
export class FleetModel {
  readonly nodes: readonly ModelNode[]
  readonly runs: Map<string, string>
  rollout: Rollout
  /** Of the bundles; none: they are not signed. */
  serials: ReadonlyMap<string, number> = new Map()
  /** Changes that the nodes carry out, with the steps that are left. They survive the engine. */
  #ordered = new Map<string, { digest: string; left: number }>()
  #busy = new Set<string>()
  #ended = new Map<string, ChangeResult>()
  #times: ReadonlyMap<string, NodeTimes> = new Map()
  #now = 0
  request: Input['request'] = null
  /** Called for each change that begins. */
  onStart: (node: string, to: 'target' | 'former') => void = () => {}

  constructor(nodes: readonly ModelNode[], waves: readonly WaveSettings[], soakMs: number) {
    this.nodes = nodes
    this.runs = new Map(nodes.map(({ node }) => [node, 'old']))
    this.rollout = {
      ...{ format: 1, id: 'r', startedBy: 'op', startedAt: '', sitesHash: '', soakMs },
      ...{ state: 'running', aim: 'forward', reason: null },
      waves: buildWaves(waves, nodes, new Set(nodes.map(({ node }) => node))).map((wave) => ({
        name: wave.name,
        nodes: wave.nodes.map(({ node, site }) => ({
          ...{
            node,
            site,
            state: 'waiting',
            detail: null,
            serial: null,
            failure: null,
            from: 'old',
            to: 'new',
            before: null,
          },
        })),
      })),
    }
  }

  get #facts(): readonly NodeFacts[] {
    const promise = (digest: string) => promised(digest, this.serials.get(digest))
    return this.nodes.map(({ node, site }) => ({
      ...{ node, site, services: [service] },
      change: { former: promise('old'), target: promise('new'), restarts: true, undrainMs: 0 },
    }))
  }

  isServing(node: string): boolean {
    const found = this.nodes.find((one) => one.node === node)!
    return !found.dead && !(found.poisoned && this.runs.get(node) === 'new')
  }

  /** Whether it is being changed, or is to prove itself. */
  isInFlux(node: string, to: 'target' | 'former'): boolean {
    const state = this.stateOf(node)
    if (to === 'target')
      return ['changing', 'changed', 'failed', 'undoing', 'reverted', 'stuck'].includes(state)
    return this.#busy.has(node) || state === 'reverted'
  }

  stateOf(node: string): string {
    return nodesOf(this.rollout).find((one) => one.node === node)!.state
  }

  /** One round of the engine. @param changeSteps how many steps a change takes that begins now */
  step(changeSteps: number): void {
    this.#now += stepMs
    for (const [node, order] of this.#ordered) {
      order.left -= 1
      if (order.left > 0) continue
      this.#ordered.delete(node)
      this.#carryOut(node, order.digest)
    }
    const seen = new Map<string, Seen>()
    for (const { node } of this.nodes) {
      if (this.#busy.has(node)) continue
      const bundle = this.runs.get(node)!
      seen.set(node, {
        outcome: 'seen',
        view: viewOf(bundle, this.isServing(node), this.serials.get(bundle) ?? null),
      })
    }
    const { rollout, times, starts } = advance(this.rollout, this.#times, {
      ...{ now: this.#now, facts: this.#facts, minSites: new Map([[service, 1]]), seen },
      ...{ busy: new Set(this.#busy), ended: new Map(this.#ended), request: this.request },
    })
    this.rollout = rollout
    this.#times = times
    this.#ended.clear()
    this.request = null
    for (const { node, to } of starts) {
      this.onStart(node, to)
      this.#busy.add(node)
      // A change that still runs on the node ends first.
      const left = (this.#ordered.get(node)?.left ?? 0) + changeSteps
      this.#ordered.set(node, { digest: to === 'target' ? 'new' : 'old', left })
    }
  }

  /** The engine is killed: its memory is lost, and the changes on the nodes end or do not. */
  crash(carriedOut: boolean): void {
    this.#busy = new Set()
    this.#ended = new Map()
    this.#times = new Map()
    for (const [node, { digest }] of this.#ordered) if (carriedOut) this.#carryOut(node, digest)
    this.#ordered = new Map()
  }

  #carryOut(node: string, digest: string): void {
    const { refuses } = this.nodes.find((one) => one.node === node)!
    const isTaken = digest === 'old' || !refuses
    if (isTaken) this.runs.set(node, digest)
    if (!this.#busy.delete(node)) return
    this.#ended.set(node, {
      outcome: isTaken ? 'changed' : 'failed',
      detail: isTaken ? 'it runs' : 'parser-refused',
    })
  }
}
