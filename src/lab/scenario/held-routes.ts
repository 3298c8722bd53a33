import type { Manifest, ManifestService } from '../../manifest/manifest.ts'
import { expectedPrefixes, sessionsOf } from '../readiness.ts'
import type { Scenario, Stage } from './scenario.ts'
import type { Held } from './watch.ts'

/** The routes that the fault should take from the node's neighbors. */
export function findHeld(stage: Stage, scenario: Scenario): Held[] {
  const { state, node, manifest } = stage
  const affected = affectedPrefixes(manifest, (service) => isAffected(scenario, stage, service))
  return sessionsOf(state, node.name).flatMap(({ router, session }): Held[] => {
    const prefixes = expectedPrefixes(manifest, session.neighbor).filter((prefix) => affected.has(prefix))
    if (prefixes.length === 0) return []
    if (scenario.needs === 'bfd' && session.bfdIntervalMs === null) return []
    return [{ router, protocol: session.protocol, prefixes }]
  })
}

/** A prefix that two services share stays announced while one of them is healthy. */
export function affectedPrefixes(
  manifest: Manifest,
  isGone: (service: ManifestService) => boolean,
): Set<string> {
  const of = (services: readonly ManifestService[]) => services.flatMap(({ prefixes }) => prefixes)
  const kept = new Set(of(manifest.services.filter((service) => !isGone(service))))
  return new Set(of(manifest.services.filter(isGone)).filter((prefix) => !kept.has(prefix)))
}

function isAffected({ affects }: Scenario, { wireguard }: Stage, service: ManifestService): boolean {
  switch (affects) {
    case 'node':
      return true
    case 'guarded':
      return service.deadManMs !== null
    case 'service':
      return service.name === wireguard.service
  }
}
