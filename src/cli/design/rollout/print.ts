import { describeWorld } from '../../../plan/compile/world.ts'
import type { RolloutEvent } from '../../../plan/rollout/events.ts'
import { type Rollout, shownWaveState } from '../../../plan/rollout/rollout.ts'
import type { Prepared, PreparedNode } from '../../../plan/service/rollout/prepare.ts'
import { count } from '../../../text/count.ts'

/** The JSON of a rollout. */
export function documentOf(rollout: Rollout): object {
  const { id, state, waves, reason } = rollout
  return {
    ...{ id, state },
    waves: waves.map((wave) => ({
      name: wave.name,
      state: shownWaveState(wave, rollout),
      nodes: wave.nodes.map(({ node, state, serial, detail }) => ({ node, state, serial, detail })),
    })),
    reason,
  }
}

/** A line for the rollout, for each wave and for each of its nodes. */
export function describeStatus(rollout: Rollout): string[] {
  const nodes = rollout.waves.flatMap((wave) => wave.nodes)
  const width = nodes.reduce((most, { node }) => Math.max(most, node.length), 0)
  return [
    `rollout ${rollout.id}, started by ${rollout.startedBy}: ${rollout.state}`,
    ...(rollout.reason === null ? [] : [`  ${rollout.reason}`]),
    ...rollout.waves.flatMap((wave) => [
      `  ${wave.name}: ${shownWaveState(wave, rollout)}`,
      ...wave.nodes.map(({ node, state, detail }) =>
        `    ${node.padEnd(width)}  ${state.padEnd(8)}  ${detail ?? ''}`.trimEnd(),
      ),
    ]),
  ]
}

export function formatEvent({ time, message }: RolloutEvent): string {
  return `${time.slice(11, 19)} ${message}`
}

/** The waves, the drains, and what the neighbors of each node will see. */
export function describePreview({ nodes, waves }: Prepared): string[] {
  const byName = new Map(nodes.map((node) => [node.node, node]))
  const changed = waves.flatMap((wave) => wave.nodes).length
  if (changed === 0) return ['every node has its bundle already']
  return [
    ...describeWorld(nodes.map(({ comparison }) => comparison)),
    ...waves.flatMap((wave, index) => [
      `wave ${index + 1}, ${wave.name}: ${count(wave.nodes.length, 'node')}`,
      ...wave.nodes.flatMap(({ node }) => describeNode(byName.get(node)!)),
    ]),
    `${count(changed, 'node')} of ${nodes.length} in ${count(waves.length, 'wave')}; nothing was changed`,
  ]
}

function describeNode({ node, host, comparison }: PreparedNode): string[] {
  const { effect, sessions, announcements, why } = comparison
  const effects = {
    none: 'no reload',
    reload: 'a reload, sessions stay up',
    'session-restart': 'is drained first: sessions restart',
  } as const
  return [
    `  ${node}${host === node ? '' : ` (${host})`}: ${effects[effect]}`,
    ...sessions.map((session) => {
      const reasons = session.why.length === 0 ? '' : `: ${session.why.join('; ')}`
      return `    ${session.neighbor}: ${session.effect}${reasons}`
    }),
    ...why.map((reason) => `    ${reason}`),
    ...announcements
      .filter(({ change }) => change !== 'same')
      .map(({ neighbor, prefix, change }) =>
        change === 'new' ? `    ${neighbor} gets ${prefix}` : `    ${neighbor} loses ${prefix}`,
      ),
  ]
}

/** The JSON of a preview. */
export function previewDocument({ nodes, waves }: Prepared): object {
  const byName = new Map(nodes.map((node) => [node.node, node]))
  return {
    waves: waves.map(({ name, nodes: members }) => ({
      name,
      nodes: members.map(({ node }) => {
        const { effect, sessions, announcements } = byName.get(node)!.comparison
        return {
          ...{ node, effect, drained: effect === 'session-restart' },
          sessions: sessions.map(({ neighbor, effect, why }) => ({ neighbor, effect, why })),
          announcements: announcements.filter(({ change }) => change !== 'same'),
        }
      }),
    })),
  }
}
