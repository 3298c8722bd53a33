import { findMissingPrograms, type MissingProgram } from '../../linux/programs.ts'
import type { Fleet } from '../../plan/sites/fleet.ts'
import { kernelHasWireguard } from './namespaces.ts'

/** The programs that this fleet's lab calls and this machine lacks. */
export async function findMissingLabPrograms(fleet: Fleet): Promise<MissingProgram[]> {
  const hasFrr = fleet.sites.some((site) => site.nodes.some((node) => node.daemon === 'frr'))
  const missing = await findMissingPrograms([
    ...['ip', 'unshare', 'nsenter', 'xargs', 'sysctl', 'nft', 'ping', 'wg', 'bird'],
    ...(hasFrr ? ['zebra', 'staticd', 'bfdd', 'bgpd', 'bgpd_rpki.so', 'vtysh'] : []),
  ])
  if (missing.some(({ program }) => program === 'ip' || program === 'unshare')) return missing
  // Only where the kernel has none of its own.
  const daemon = (await kernelHasWireguard()) ? [] : await findMissingPrograms(['wireguard-go'])
  return [...missing, ...daemon]
}
