import { dirname } from 'node:path'
import type { Manifest } from '../../../../manifest/manifest.ts'
import { defaultVrf } from '../../../../manifest/vrfs.ts'
import { type Family, familyOf } from '../../../../net/prefix.ts'
import { listOpenExports } from '../../../routing/bird/open-exports.ts'
import { findOpenSessions } from '../../../routing/frr/open-sessions.ts'
import { Vtysh } from '../../../routing/frr/vtysh.ts'
import { type Check, type Found, unseen } from '../../check.ts'

/** For one answer, within the limit of a check. */
const deadlineMs = 10_000

/** A session of the engineer's own gets our prefixes too, unless a filter of it refuses them. */
export const filters: Check = {
  name: 'filters',
  reads:
    'on an attached node: the sessions that have no outbound filter, and so get the prefixes of the services too',
  async examine({ manifest }) {
    if (manifest === null || manifest.routing !== 'attached') return []
    const { daemonSocket } = manifest.paths
    if (manifest.daemon === 'bird') {
      const open = await listOpenExports(daemonSocket, deadlineMs)
      return open.flatMap(({ protocol, families }) => describeOpen(manifest, { who: protocol, families }))
    }
    return describeOpenFrr(manifest, await new Vtysh(dirname(daemonSocket), deadlineMs).readRunning())
  },
}

/** @param running the configuration as FRR prints it */
export function describeOpenFrr(manifest: Manifest, running: string): Found[] {
  const vrfs = new Set(manifest.neighbors.map(({ vrf }) => vrf ?? defaultVrf))
  return findOpenSessions(running)
    .filter(({ vrf }) => vrfs.has(vrf))
    .flatMap(({ neighbor, vrf, families }) =>
      describeOpen(manifest, {
        who: vrf === defaultVrf ? neighbor : `${neighbor} in VRF ${vrf}`,
        families,
        neighbor,
      }),
    )
}

interface Open {
  readonly who: string
  readonly families: readonly Family[]
  /** FRR only: its name in `neighbor`. */
  readonly neighbor?: string
}

function describeOpen(manifest: Manifest, { who, families, neighbor }: Open): Found[] {
  const prefixes = [...new Set(manifest.services.flatMap((service) => service.prefixes))].filter((prefix) =>
    families.includes(familyOf(prefix)),
  )
  if (prefixes.length === 0) return []
  const cure =
    neighbor === undefined
      ? 'call the filter of the bundle in its export filter (docs/attached.md), or refuse the prefix there'
      : `give it an outbound route-map, \`neighbor ${neighbor} route-map NAME out\`: that of the bundle (docs/attached.md), or one that refuses the prefix`
  return [unseen(`the session ${who} has no outbound filter: it gets ${prefixes.join(', ')} too`, cure)]
}
