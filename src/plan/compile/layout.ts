import type { DaemonKind } from '../../manifest/daemon-kinds.ts'
import type { NodePaths } from '../../manifest/manifest.ts'
import type { Fleet, FleetNode } from '../sites/fleet.ts'
import type { NodeLayout } from './plan.ts'

const debianPaths: Readonly<
  Record<DaemonKind, Pick<NodePaths, 'daemonSocket' | 'announceFile' | 'configFile'>>
> = {
  bird: {
    daemonSocket: '/run/bird/bird.ctl',
    announceFile: '/run/anyward/announce.conf',
    configFile: '/etc/bird/bird.conf',
  },
  frr: { daemonSocket: '/run/frr/bgpd.vty', announceFile: null, configFile: '/etc/frr/frr.conf' },
}

/** Paths of the Debian packages, for a real node. */
export function debianLayout(fleet: Fleet, node: FleetNode): NodeLayout {
  return {
    paths: {
      ...debianPaths[node.daemon],
      bundleDir: '/etc/anyward/bundle',
      runtimeDir: '/run/anyward',
      stateDir: '/var/lib/anyward',
    },
    listen: [fleet.listen],
    logFile: null,
  }
}
