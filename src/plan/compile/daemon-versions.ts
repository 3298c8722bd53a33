import { compareVersions, type DaemonVersions } from '../../manifest/daemon-versions.ts'
import { firstVersions, hasFeature, versions } from '../sites/checks/versions.ts'
import type { FleetNode, Rpki } from '../sites/fleet.ts'
import { type SessionPlan, usesVrps } from './plan.ts'

interface Need {
  readonly from: string | null
  readonly below: string | null
  readonly because: string
}

/** The versions of its daemon that a node's configuration is written for, by what it uses. */
export function versionsFor(
  node: FleetNode,
  { sessions, rpki }: { readonly sessions: readonly SessionPlan[]; readonly rpki: Rpki | null },
): DaemonVersions {
  const { oldest, lacks } = versions[node.daemon]
  const needs: Need[] = [{ from: oldest, below: null, because: `an older one: ${lacks}` }]
  if (sessions.some(({ role }) => role !== null)) {
    needs.push({ from: firstVersions.roles[node.daemon], below: null, because: 'BGP roles' })
  }
  const transport = firstVersions['cache-transport'][node.daemon]
  if (rpki !== null && transport !== null) {
    const writes = hasFeature(node, 'cache-transport')
    needs.push({ from: writes ? transport : null, below: writes ? null : transport, because: 'RPKI caches' })
  }
  const ofVrf = firstVersions['rpki-of-vrf'][node.daemon]
  if (
    ofVrf !== null &&
    !hasFeature(node, 'rpki-of-vrf') &&
    sessions.some((session) => session.vrf !== null && usesVrps(session))
  ) {
    needs.push({ from: null, below: ofVrf, because: 'origin validation in a VRF' })
  }
  const from = needs.reduce((most, need) => (isOlder(most.from, need.from) ? need : most))
  const below = needs.reduce<Need | undefined>(
    (least, need) =>
      need.below !== null && (least === undefined || isOlder(need.below, least.below)) ? need : least,
    undefined,
  )
  const because = [...new Set([...(below === undefined ? [] : [below]), from].map((need) => need.because))]
  return { from: from.from, below: below?.below ?? null, because: because.join(', ') }
}

function isOlder(one: string | null, other: string | null): boolean {
  return other !== null && (one === null || compareVersions(one, other) < 0)
}
