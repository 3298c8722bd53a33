import type { RolloutEvent } from '../../../plan/rollout/events.ts'
import type { Rollout } from '../../../plan/rollout/rollout.ts'
import type { Reporter } from '../../../plan/service/rollout/rollout-service.ts'
import { describeStatus, formatEvent } from './print.ts'

/**
 * Shows a rollout on stderr: on a terminal its table, which is drawn again at each change, below the events; otherwise the
 * events alone.
 */
export function createProgress(): Pick<Reporter, 'onEvent' | 'onState'> {
  const { stderr } = process
  const isTerminal = stderr.isTTY === true
  let drawn = 0
  let shown = ''
  const draw = (lines: readonly string[], below: readonly string[]) => {
    const width = stderr.columns || 80
    const cut = below.map((line) => line.slice(0, width - 1))
    const up = drawn === 0 ? '' : `\x1b[${drawn}A\x1b[J`
    stderr.write(`${up}${[...lines, ...cut].map((line) => `${line}\n`).join('')}`)
    drawn = cut.length
  }
  let table: readonly string[] = []
  return {
    onEvent(event: RolloutEvent) {
      if (isTerminal) draw([formatEvent(event)], table)
      else stderr.write(`${formatEvent(event)}\n`)
    },
    onState(rollout: Rollout) {
      table = describeStatus(rollout).slice(0, Math.max(4, (stderr.rows || 24) - 2))
      if (!isTerminal || table.join('\n') === shown) return
      shown = table.join('\n')
      draw([], table)
    },
  }
}
