import { join } from 'node:path'
import * as z from 'zod'
import { StateFile, type StateFileOptions } from '../../files/state-file.ts'
import { instantSchema, intentSchema } from '../decision/intent.ts'

type OnProblem = StateFileOptions<unknown>['onProblem']

const operatorSchema = z.strictObject({ format: z.literal(1), operator: intentSchema })

/** The operator's intent. A drain outlives a restart. */
export function operatorFile(stateDir: string, onProblem: OnProblem) {
  return new StateFile({ path: join(stateDir, 'operator.json'), schema: operatorSchema, onProblem })
}

const servicesSchema = z.strictObject({
  format: z.literal(1),
  /** Milliseconds since 1970. */
  savedAt: instantSchema,
  /** By name. The reader checks each part. */
  services: z.record(z.string(), z.strictObject({ health: z.unknown(), drain: z.unknown() })),
})

/** Flap history, hold-downs and stages of drains. */
export function servicesFile(stateDir: string, onProblem: OnProblem) {
  return new StateFile({ path: join(stateDir, 'services.json'), schema: servicesSchema, onProblem })
}
