import { degradedByFilter, originators } from '../../../manifest/announcements.ts'
import type { ManifestNeighbor } from '../../../manifest/manifest.ts'
import type { Announcements, Grade } from '../../../net/announcements.ts'
import { familyOf } from '../../../net/prefix.ts'
import type { OwnRoutes } from './own-routes.ts'
import { quoteProtocol } from './sessions.ts'

interface ObservedExport {
  readonly announced: Announcements
  /** What the engineer's configuration does with a prefix, by prefix. */
  readonly remarks: ReadonlyMap<string, string>
}

/**
 * The routes of ours that a session of the engineer's own configuration exports. Its filter may refuse them, or export
 * a degraded one as a normal one; and other protocols may originate the same prefixes.
 */
export async function observeExport(
  routes: OwnRoutes,
  protocol: string,
  { family, prefixes, session }: ManifestNeighbor,
  originated: Announcements,
): Promise<ObservedExport> {
  const originator = originators[family]
  const name = quoteProtocol(protocol)
  const grades = new Map<string, Grade>()
  const remarks = new Map<string, string>()
  for (const { prefix, grade, protocol: source } of await routes.list(family, `exported ${name}`)) {
    if (source !== originator) remarks.set(prefix, `the route of ${source}, in your own configuration`)
    if (grades.get(prefix) !== 'degraded') grades.set(prefix, grade)
  }
  const degrades = session === undefined || 'degraded' in session.exportRules
  if (degrades && [...grades.values()].includes('degraded')) {
    // The export map shows the route before the filter.
    const filtered = await routes.list(family, `export ${name}`)
    const done = new Set(
      filtered.filter(({ preference }) => preference === degradedByFilter).map(({ prefix }) => prefix),
    )
    for (const [prefix, grade] of grades) {
      if (grade !== 'degraded' || done.has(prefix)) continue
      grades.set(prefix, 'normal')
      remarks.set(prefix, `the export filter of ${protocol} does not call the function that degrades it`)
    }
  }
  const missing = prefixes.filter(
    (prefix) => familyOf(prefix) === family && originated.has(prefix) && !grades.has(prefix),
  )
  if (missing.length > 0) {
    const best = new Map(
      (await routes.list(family, 'primary')).map(({ prefix, protocol: source }) => [prefix, source]),
    )
    for (const prefix of missing) {
      const source = best.get(prefix) ?? originator
      remarks.set(
        prefix,
        source === originator
          ? `the export filter of ${protocol} does not accept the routes of ${originator}`
          : `BIRD prefers the route of ${source}, in your own configuration`,
      )
    }
  }
  return { announced: grades, remarks }
}

/** Why nothing is originated: the protocols of the owned include file do not run. */
export function missingInclude(announceGlob: string): string {
  return `BIRD has no protocol ${Object.values(originators).join(' or ')}: its configuration needs the line include "${announceGlob}";`
}
