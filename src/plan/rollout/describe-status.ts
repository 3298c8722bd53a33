import { withoutControls } from '../../text/wording.ts'
import { describeRollout } from './events.ts'
import { type NodeState, nodesOf, type Rollout, type RolloutWave, shownWaveState } from './rollout.ts'

/** Beyond it, a wave has the nodes in it that are neither done nor waiting. */
const mostNodes = 200
const longest = 300

const kinds: Readonly<Record<NodeState, 'done' | 'working' | 'waiting' | 'failed' | 'undone'>> = {
  waiting: 'waiting',
  changing: 'working',
  changed: 'working',
  done: 'done',
  failed: 'failed',
  undoing: 'working',
  reverted: 'working',
  undone: 'undone',
  stuck: 'failed',
}

/** For people who look at it from elsewhere: what `anyward rollout status` prints, and times. */
export function describeForPage(rollout: Rollout) {
  const { id, startedBy, startedAt, state, since = null, soakMs, waves } = rollout
  const isLarge = nodesOf(rollout).length > mostNodes
  return {
    ...{ id, startedBy, startedAt, state, since, soakMs },
    sentence: cut(describeRollout(rollout)),
    waves: waves.map((wave) => ({
      name: wave.name,
      state: shownWaveState(wave, rollout),
      counts: countNodes(wave),
      nodes: wave.nodes
        .filter((node) => !isLarge || !['done', 'waiting'].includes(kinds[node.state]))
        .slice(0, mostNodes)
        .map(({ node, site, state, detail, since = null }) => ({
          ...{ node, site, state, since },
          detail: detail === null ? null : cut(detail),
        })),
    })),
  }
}

function countNodes({ nodes }: RolloutWave) {
  const counts = { done: 0, working: 0, waiting: 0, failed: 0, undone: 0 }
  for (const { state } of nodes) counts[kinds[state]] += 1
  return counts
}

function cut(raw: string): string {
  const text = withoutControls(raw)
  return text.length <= longest ? text : `${text.slice(0, longest - 1)}…`
}

/** The state with the times at which its parts have become what they are. */
export function stampTimes(before: Rollout, after: Rollout, time: string): Rollout {
  const had = new Map(nodesOf(before).map((node) => [node.node, node]))
  const isSame = before.state === after.state && before.aim === after.aim && before.reason === after.reason
  return {
    ...after,
    since: isSame ? (before.since ?? time) : time,
    waves: after.waves.map((wave) => ({
      ...wave,
      nodes: wave.nodes.map((node) => {
        const earlier = had.get(node.node)
        const stays = earlier?.state === node.state && earlier.detail === node.detail
        return { ...node, since: stays ? (earlier.since ?? time) : time }
      }),
    })),
  }
}
