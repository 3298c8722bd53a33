import { join } from 'node:path'
import { StateFile, type StateFileOptions } from '../../files/state-file.ts'
import { anyText, anything, map, optional, record, word } from '../../text/shape.ts'
import { instantShape, intentShape } from '../decision/intent.ts'

type OnProblem = StateFileOptions<unknown>['onProblem']

const operatorShape = record({ format: word(1), operator: intentShape })

/** The operator's intent. A drain outlives a restart. */
export function operatorFile(stateDir: string, onProblem: OnProblem) {
  return new StateFile({ path: join(stateDir, 'operator.json'), shape: operatorShape, onProblem })
}

const servicesShape = record({
  format: word(1),
  /** Milliseconds since 1970. */
  savedAt: instantShape,
  /** By name. The reader checks each part. */
  services: map(
    anyText(),
    record({ health: anything, drain: anything, silences: optional(anything) }),
    Number.POSITIVE_INFINITY,
  ),
})

/** Flap history, hold-downs, stages of drains, and pauses of endpoints. */
export function servicesFile(stateDir: string, onProblem: OnProblem) {
  return new StateFile({ path: join(stateDir, 'services.json'), shape: servicesShape, onProblem })
}
