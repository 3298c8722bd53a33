import type { NodeView } from '../../change/view.ts'
import type { Promised } from './view.ts'

/** `paused`: an operator decides; `failed`: some nodes run one bundle and some another, and the rollout is over. */
export type RolloutState = 'running' | 'paused' | 'done' | 'undone' | 'failed'

/** What the engine works on. */
type Aim =
  | 'forward'
  /** No node is started any more. */
  | 'pause'
  /** The current wave gets its former bundles back. */
  | 'undo-wave'
  /** The same, and then the rollout is over. */
  | 'abort'
  /** Every node gets its former bundle back. */
  | 'undo'

/**
 * - `changing`, `undoing`: the change to the new or the former bundle is ordered, and may have begun.
 * - `changed`, `reverted`: it runs that bundle, and is watched.
 * - `stuck`: it could not be undone.
 */
export type NodeState =
  | 'waiting'
  | 'changing'
  | 'changed'
  | 'done'
  | 'failed'
  | 'undoing'
  | 'reverted'
  | 'undone'
  | 'stuck'

export interface RolloutNode {
  readonly node: string
  readonly site: string
  readonly state: NodeState
  readonly detail: string | null
  /** Of the bundle that it runs, when it was seen last; `null`: that one is not signed. */
  readonly serial: number | null
  /** Why it made its wave fail. */
  readonly failure: string | null
  /** Of the bundle that it runs before the rollout, and of the new one. */
  readonly from: string
  readonly to: string
  /** Before the change. `null`: no controller, or not changed yet. */
  readonly before: NodeView | null
  /** Since when its state and detail are these; missing: an earlier version did not store it. */
  readonly since?: string
}

export interface RolloutWave {
  readonly name: string
  readonly nodes: readonly RolloutNode[]
}

/** The state of a rollout, as it is on the disk. */
export interface Rollout {
  readonly format: 1
  readonly id: string
  readonly startedBy: string
  readonly startedAt: string
  /** Of the YAML at the start. */
  readonly sitesHash: string
  readonly soakMs: number
  readonly state: RolloutState
  readonly aim: Aim
  readonly reason: string | null
  /** Since when its state, aim and reason are these. */
  readonly since?: string
  readonly waves: readonly RolloutWave[]
}

/** What does not change during a rollout, of each node of the fleet. */
export interface NodeFacts {
  readonly node: string
  readonly site: string
  readonly services: readonly string[]
  /** `null`: it has no part in the rollout. */
  readonly change: {
    readonly former: Promised
    readonly target: Promised
    /** Whether the change restarts a session. */
    readonly restarts: boolean
    /** How long its routes stay degraded after a drain. */
    readonly undrainMs: number
  } | null
}

export function waveState(wave: RolloutWave): string {
  const has = (...states: readonly NodeState[]) => wave.nodes.some(({ state }) => states.includes(state))
  const all = (...states: readonly NodeState[]) => wave.nodes.every(({ state }) => states.includes(state))
  if (all('done')) return 'done'
  if (all('waiting')) return 'waiting'
  if (has('stuck')) return 'failed'
  if (all('undone', 'waiting')) return 'undone'
  if (has('undoing', 'reverted', 'failed')) return 'undoing'
  return all('changed', 'done') ? 'soaking' : 'running'
}

/** While the rollout is paused nothing goes on in a wave that is not over. */
export function shownWaveState(wave: RolloutWave, { state }: Pick<Rollout, 'state'>): string {
  const ofWave = waveState(wave)
  return state === 'paused' && (ofWave === 'running' || ofWave === 'soaking') ? 'paused' : ofWave
}

/** The first wave that is not complete. */
export function currentWave({ waves }: Rollout): RolloutWave | null {
  return waves.find(({ nodes }) => nodes.some(({ state }) => state !== 'done')) ?? null
}

const touched: readonly NodeState[] = ['changing', 'changed', 'failed', 'undoing', 'reverted', 'done']

/** The nodes to undo now, of the last wave that has any; `null`: none. @param isWhole also in waves that are complete */
export function waveToUndo({ waves }: Rollout, isWhole: boolean): readonly RolloutNode[] | null {
  for (const { nodes } of [...waves].reverse()) {
    if (!isWhole && nodes.every(({ state }) => state === 'done')) continue
    const open = nodes.filter(({ state }) => touched.includes(state))
    if (open.length > 0) return open
  }
  return null
}

export function isOver({ state }: Rollout): boolean {
  return state === 'done' || state === 'undone' || state === 'failed'
}

export function nodesOf({ waves }: Pick<Rollout, 'waves'>): readonly RolloutNode[] {
  return waves.flatMap(({ nodes }) => nodes)
}
