import type { RolloutEvent } from '../../../plan/rollout/events.ts'
import type { Rollout } from '../../../plan/rollout/rollout.ts'
import type { Reporter } from '../../../plan/service/rollout/rollout-service.ts'
import { canRedraw } from '../../../text/color.ts'
import { LiveBlock } from '../../terminal/live-block.ts'
import { createProgress } from '../../terminal/progress.ts'
import { describeStatus, formatEvent } from './print.ts'

/**
 * Shows a rollout on stderr: on a terminal its table, which is drawn again at each change, below the events; otherwise the
 * events alone.
 */
export function createReport(): Pick<Reporter, 'onStep' | 'onEvent' | 'onState'> {
  const { stderr } = process
  const isTerminal = canRedraw(stderr, process.env)
  const block = new LiveBlock(stderr)
  let shown = ''
  const before = createProgress({ lines: 'slow', stream: stderr })
  let table: readonly string[] = []
  return {
    onStep: (step) => before.step(step),
    onEvent(event: RolloutEvent) {
      before.end()
      if (isTerminal) block.draw(table, [formatEvent(event)])
      else stderr.write(`${formatEvent(event)}\n`)
    },
    onState(rollout: Rollout) {
      before.end()
      table = describeStatus(rollout).slice(0, Math.max(4, (stderr.rows || 24) - 2))
      if (!isTerminal || table.join('\n') === shown) return
      shown = table.join('\n')
      block.draw(table)
    },
  }
}
