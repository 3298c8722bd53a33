import type { Family } from '../../net/prefix.ts'
import type { IrrFilter } from './fleet.ts'

/** The key of a filter's set for one family, the same for every neighbor with the same filter. */
export function irrKey(filter: IrrFilter, family: Family): string {
  return `${irrName(filter)} ${family}`
}

/** The name of an object in the IRR, or the path of a file. */
export function irrName(filter: IrrFilter): string {
  switch (filter.type) {
    case 'as-set':
      return filter.asSet
    case 'asn':
      return `AS${filter.asn}`
    case 'route-set':
      return filter.routeSet
    case 'file':
      return filter.file
  }
}
