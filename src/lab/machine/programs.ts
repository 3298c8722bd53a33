import { findMissingPrograms, type MissingProgram } from '../../linux/programs.ts'
import { type DaemonKind, daemonKinds } from '../../manifest/daemon-kinds.ts'
import type { Fleet } from '../../plan/sites/fleet.ts'
import { kernelHasWireguard } from './namespaces.ts'

/** The programs of a node's daemon. BIRD is in every lab, because the neighbors run it. */
const daemonPrograms: Readonly<Record<DaemonKind, readonly string[]>> = {
  bird: [],
  frr: ['zebra', 'staticd', 'bfdd', 'bgpd', 'bgpd_rpki.so', 'vtysh'],
}

/** The programs that this fleet's lab calls and this machine lacks. */
export async function findMissingLabPrograms(fleet: Fleet, withStore: boolean): Promise<MissingProgram[]> {
  const used = new Set(fleet.sites.flatMap((site) => site.nodes.map(({ daemon }) => daemon)))
  const missing = await findMissingPrograms([
    ...['ip', 'unshare', 'nsenter', 'xargs', 'sysctl', 'nft', 'ping', 'wg', 'bird'],
    ...(withStore ? ['etcd', 'etcdctl', 'openssl'] : []),
    ...(fleet.rescue === null ? [] : ['openssl']),
    ...daemonKinds.filter((kind) => used.has(kind)).flatMap((kind) => daemonPrograms[kind]),
  ])
  if (missing.some(({ program }) => program === 'ip' || program === 'unshare')) return missing
  // Only where the kernel has none of its own.
  const daemon = (await kernelHasWireguard()) ? [] : await findMissingPrograms(['wireguard-go'])
  return [...missing, ...daemon]
}
