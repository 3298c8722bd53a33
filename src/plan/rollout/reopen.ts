import { isOver, type Rollout, type RolloutNode } from './rollout.ts'

/** What an operator asks of a rollout that no engine drives. */
export type Reopening = 'resume' | 'pause' | 'abort' | 'undo'

/** The state to go on from; a text: why it is not possible. */
export function reopen(rollout: Rollout, kind: Reopening, by: string): Rollout | string {
  const { id, state } = rollout
  if (kind === 'undo') {
    if (state === 'undone') return `rollout ${id} is undone already`
    const stuck = (node: RolloutNode): RolloutNode =>
      node.state === 'stuck' ? { ...node, state: 'failed' } : node
    return { ...change(rollout, stuck), state: 'running', aim: 'undo', reason: `undone by ${by}` }
  }
  if (isOver(rollout)) return `rollout ${id} is over: ${state}`
  switch (kind) {
    case 'abort':
      return { ...rollout, state: 'running', aim: 'abort', reason: `aborted by ${by}` }
    case 'pause':
      return { ...rollout, aim: rollout.aim === 'forward' ? 'pause' : rollout.aim, reason: `paused by ${by}` }
    default: {
      // An engine that was killed was perhaps undoing a wave.
      if (state === 'running' && rollout.aim !== 'pause') return rollout
      const again = (node: RolloutNode): RolloutNode =>
        node.state === 'undone' ? { ...node, state: 'waiting', detail: null, failure: null } : node
      return { ...change(rollout, again), state: 'running', aim: 'forward', reason: null }
    }
  }
}

function change(rollout: Rollout, edit: (node: RolloutNode) => RolloutNode): Rollout {
  return {
    ...rollout,
    waves: rollout.waves.map(({ name, nodes }) => ({ name, nodes: nodes.map(edit) })),
  }
}
