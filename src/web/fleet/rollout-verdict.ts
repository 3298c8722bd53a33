import type { RolloutAnswer, RolloutStatus } from '../../control/rollout-status.ts'
import type { Level } from '../node/verdict.ts'
import { lasting } from '../words.ts'

export interface RolloutVerdict {
  readonly level: Level
  /** Without times: a screen reader speaks it when it changes. */
  readonly sentence: string
  readonly lasts: string | null
  /** What to do, or what is to be known; may be empty. */
  readonly hints: readonly string[]
}

const levels: Readonly<Record<RolloutStatus['state'], Level>> = {
  running: 'planned',
  paused: 'warn',
  done: 'ok',
  undone: 'warn',
  failed: 'bad',
}

/** The words are those of the rollout itself: the engine is what judges it. */
export function judgeRollout({ rollout, isDriven }: RolloutAnswer, now: string): RolloutVerdict | null {
  if (rollout === null) return null
  const { state, since, sentence, startedBy } = rollout
  const isLost = state === 'running' && isDriven === false
  return {
    level: isLost ? 'warn' : levels[state],
    sentence: `${sentence}; started by ${startedBy}`,
    lasts: since === null ? null : lasting(Date.parse(now) - Date.parse(since)),
    hints: [
      ...(isLost ? ['no command drives it: continue it with `anyward rollout resume`'] : []),
      ...(state === 'paused'
        ? [
            'continue it with `anyward rollout resume`, or give every node its former bundle with `anyward rollout undo`',
          ]
        : []),
    ],
  }
}

const ofWave: Readonly<Record<string, Level>> = {
  ...{ done: 'ok', running: 'planned', soaking: 'planned', waiting: 'planned' },
  ...{ paused: 'warn', undone: 'warn', undoing: 'warn', failed: 'bad' },
}

export function levelOfWave(state: string): Level {
  return ofWave[state] ?? 'warn'
}

const ofNode: Readonly<Record<string, Level>> = {
  ...{ done: 'ok', waiting: 'planned', changing: 'planned', changed: 'planned' },
  ...{ undoing: 'warn', reverted: 'warn', undone: 'warn', failed: 'bad', stuck: 'bad' },
}

export function levelOfNode(state: string): Level {
  return ofNode[state] ?? 'warn'
}

/** `2 of 3 done, 1 in work`. */
export function describeCounts(counts: RolloutStatus['waves'][number]['counts']): string {
  const all = Object.values(counts).reduce((sum, amount) => sum + amount, 0)
  const parts = [
    `${counts.done} of ${all} done`,
    ...(counts.working > 0 ? [`${counts.working} in work`] : []),
    ...(counts.waiting > 0 ? [`${counts.waiting} to come`] : []),
    ...(counts.failed > 0 ? [`${counts.failed} failed`] : []),
    ...(counts.undone > 0 ? [`${counts.undone} undone`] : []),
  ]
  return parts.join(', ')
}

/** A rollout that has ended is of interest for a day. */
export function isRecent({ state, since }: RolloutStatus, now: string): boolean {
  const rests = state === 'done' || state === 'undone' || state === 'failed'
  return !rests || (since !== null && Date.parse(now) - Date.parse(since) < 86_400_000)
}
