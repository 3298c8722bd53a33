import type { Family } from '../../net/prefix.ts'
import type { IrrFilter } from './fleet.ts'

/** The key of a filter's set for one family, the same for every neighbor with the same filter. */
export function irrKey(filter: IrrFilter, family: Family): string {
  return `${filter.type === 'as-set' ? filter.asSet : filter.file} ${family}`
}
