import { count } from '../../text/count.ts'
import type { MissingSite, ServiceCoverage } from '../compile/coverage.ts'

const reasons: Readonly<Record<MissingSite['reason'], string>> = {
  'not-served': 'no node serves it',
  'told-nobody': 'its covering prefix may not be advertised to any neighbor',
}

/** Services with too few sites, and the missing sites. */
export function describeRefusal(short: readonly ServiceCoverage[], least: number): string {
  return short
    .map(({ service, sites, missing }) => {
      const at = sites.length === 0 ? 'at no site' : `at ${count(sites.length, 'site')} (${sites.join(', ')})`
      const without = missing.map(({ site, reason }) => `${site}: ${reasons[reason]}`).join(', ')
      return `${service} would be announced ${at}, fewer than ${least}${without === '' ? '' : `; missing: ${without}`}`
    })
    .join('\n    ')
}
