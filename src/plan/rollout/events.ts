import { nodesOf, type Rollout, waveState } from './rollout.ts'

/** A step of a rollout. */
export interface RolloutEvent {
  readonly time: string
  readonly event: 'rollout' | 'wave' | 'node' | 'step'
  readonly wave?: string
  readonly node?: string
  readonly state?: string
  readonly message: string
}

type Untimed = Omit<RolloutEvent, 'time'>

/** The steps between two states. */
export function findEvents(before: Rollout | null, after: Rollout): Untimed[] {
  const events: Untimed[] = []
  const nodes = new Map(before === null ? [] : nodesOf(before).map((node) => [node.node, node]))
  const waves = new Map((before?.waves ?? []).map((wave) => [wave.name, waveState(wave)]))
  for (const wave of after.waves) {
    for (const { node, state, detail } of wave.nodes) {
      const had = nodes.get(node)
      if ((had?.state ?? 'waiting') === state) continue
      events.push({
        ...{ event: 'node', wave: wave.name, node, state },
        message: `${node}: ${state}${detail === null ? '' : `: ${detail}`}`,
      })
    }
    const state = waveState(wave)
    if ((waves.get(wave.name) ?? 'waiting') === state) continue
    events.push({ event: 'wave', wave: wave.name, state, message: `wave ${wave.name}: ${state}` })
  }
  if (before?.state !== after.state || before.aim !== after.aim) {
    events.push({ event: 'rollout', state: after.state, message: describeRollout(after) })
  }
  return events
}

export function describeRollout({ id, state, aim, reason }: Rollout): string {
  const aims = {
    forward: state,
    pause: state === 'running' ? 'comes to rest' : state,
    'undo-wave': state === 'running' ? 'undoes the wave' : state,
    abort: state === 'running' ? 'undoes the wave, and ends' : state,
    undo: state === 'running' ? 'undoes everything' : state,
  } as const
  return `rollout ${id}: ${aims[aim]}${reason === null ? '' : `: ${reason}`}`
}
