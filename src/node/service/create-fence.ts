import { systemClock } from '../../clock/clock.ts'
import type { Say } from '../../telemetry/say.ts'
import { Fence } from '../rescue/fence/fence.ts'

/** The fence of the node's services, reported when it changes. */
export function createFence(say: Say): Fence {
  return new Fence({
    clock: systemClock,
    onProblem: (problem) => {
      if (problem === null) say('info', { event: 'fence' }, 'the fence can be set again')
      else {
        const message = `the fence cannot be set: while a service is not announced, its WireGuard may take clients from other sites (${problem})`
        say('error', { event: 'fence', cause: problem }, message)
      }
    },
  })
}
