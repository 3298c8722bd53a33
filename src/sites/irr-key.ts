import type { Family } from '../net/prefix.ts'
import type { IrrFilter } from './fleet.ts'

/** Names the set that a filter takes of one family, the same for every neighbor that has the same filter. */
export function irrKey(filter: IrrFilter, family: Family): string {
  return `${filter.type === 'as-set' ? filter.asSet : filter.file} ${family}`
}
