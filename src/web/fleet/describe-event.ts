import type { FleetEvent } from '../../control/page/page-state.ts'
import { type Level, stateOf } from '../node/verdict.ts'
import { lasting } from '../words.ts'

const causes = { permit: 'with a permit', fact: 'by a fact', order: 'by order' } as const

/** A change at a node, in words. `level`: how its state is since then. */
export function describeEvent(event: FleetEvent): { readonly level: Level; readonly text: string } {
  switch (event.what) {
    case 'service': {
      const announced =
        event.announced === 'nothing'
          ? []
          : [{ neighbor: '', prefix: '', degraded: event.announced === 'degraded' }]
      const { level, state } = stateOf({ ...event, announced }, true)
      const to = event.neighbors === '' ? '' : `, to ${event.neighbors}`
      return { level, text: `${event.service} ${state}${to}` }
    }
    case 'service-removed':
      return { level: 'planned', text: `${event.service} is no service of it any more` }
    case 'bundle':
      return {
        level: 'ok',
        text: `runs ${event.serial === null ? 'an unsigned bundle' : `bundle ${event.serial}`}`,
      }
    case 'silent':
      return { level: 'bad', text: 'silent: whether it still announces is not known' }
    case 'back':
      return { level: 'ok', text: `reports again, after ${lasting(event.afterMs)}` }
    case 'registered':
      return {
        level: 'planned',
        text: `in the register of ${event.service}, ${causes[event.cause]} (${event.reason})`,
      }
    case 'unregistered':
      return { level: 'ok', text: `no longer in the register of ${event.service}` }
    case 'added':
      return { level: 'ok', text: 'is new in the store' }
    case 'removed':
      return { level: 'planned', text: 'its status was removed from the store' }
    case 'store':
      return event.ok
        ? { level: 'ok', text: 'has an answer of the store again' }
        : { level: 'warn', text: 'has no answer of the store' }
  }
}
