/** The routing daemons that Anyward can use. */
export const daemonKinds = ['bird', 'frr'] as const
export type DaemonKind = (typeof daemonKinds)[number]

interface DaemonNames {
  /** As its project writes it. */
  readonly project: string
  /** The process that speaks BGP, as the kernel and messages name it. */
  readonly process: string
  /** Its file in a bundle. */
  readonly configFile: string
  /** The group that may use its socket, in Debian's package. */
  readonly socketGroup: string
}

export const daemonNames: Readonly<Record<DaemonKind, DaemonNames>> = {
  bird: { project: 'BIRD', process: 'bird', configFile: 'bird.conf', socketGroup: 'bird' },
  frr: { project: 'FRR', process: 'bgpd', configFile: 'frr.conf', socketGroup: 'frrvty' },
}
