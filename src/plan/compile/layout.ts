import type { Fleet, FleetNode } from '../sites/fleet.ts'
import type { NodeLayout } from './plan.ts'

/** Paths of the Debian packages, for a real node. */
export function debianLayout(fleet: Fleet, node: FleetNode): NodeLayout {
  return {
    paths: {
      daemonSocket: node.daemon === 'bird' ? '/run/bird/bird.ctl' : '/run/frr/bgpd.vty',
      announceFile: node.daemon === 'bird' ? '/run/anyward/announce.conf' : null,
      configFile: node.daemon === 'bird' ? '/etc/bird/bird.conf' : '/etc/frr/frr.conf',
      bundleDir: '/etc/anyward/bundle',
      runtimeDir: '/run/anyward',
      stateDir: '/var/lib/anyward',
    },
    listen: [fleet.listen],
    logFile: null,
  }
}
