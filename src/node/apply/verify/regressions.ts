import type { Manifest } from '../../../manifest/manifest.ts'
import type { Observation } from '../../routing/daemon.ts'

/**
 * Returns what is worse after the change than before, and what contradicts the bundle; empty: no regression. A prefix
 * that is not originated any more is no regression: the controller may have withdrawn it meanwhile.
 * @param promised the prefixes in the controller's file; `null`: the daemon has no such file
 */
export function findRegressions(
  before: Observation,
  after: Observation,
  manifest: Manifest,
  promised: ReadonlySet<string> | null,
): string[] {
  const regressions: string[] = []
  const { originated } = after
  // The bundle of an attached node configures no session: what was not there before may follow later.
  const isAttached = manifest.routing === 'attached'
  const own = new Set(manifest.services.flatMap(({ prefixes }) => prefixes))
  for (const prefix of promised ?? []) {
    if (isAttached && !before.originated.has(prefix)) continue
    if (own.has(prefix) && !originated.has(prefix)) regressions.push(`${prefix} is not originated any more`)
  }
  const hadByName = new Map(before.neighbors.map((state) => [state.neighbor, state]))
  const hasByName = new Map(after.neighbors.map((state) => [state.neighbor, state]))
  for (const { name, prefixes } of manifest.neighbors) {
    const had = hadByName.get(name)
    const has = hasByName.get(name)
    const isMissing = has === undefined || has.session === 'missing'
    const wasMissing = had === undefined || had.session === 'missing'
    if (isMissing && !(isAttached && wasMissing)) regressions.push(`there is no session to ${name}`)
    else if (has?.session === 'down' && had?.session === 'up') {
      regressions.push(`the session to ${name} does not come back`)
    }
    if (has?.session !== 'up') continue
    for (const prefix of had?.announced.keys() ?? []) {
      if (prefixes.includes(prefix) && originated.has(prefix) && !has.announced.has(prefix)) {
        regressions.push(`${prefix} is not advertised to ${name} any more`)
      }
    }
    for (const prefix of has.announced.keys()) {
      if (isAttached && had?.announced.has(prefix)) continue
      if (!prefixes.includes(prefix))
        regressions.push(`${prefix} is advertised to ${name}, but the bundle does not allow it`)
    }
  }
  return regressions
}
