import { findMissingPrograms, type MissingProgram } from '../bundle/programs.ts'
import type { Fleet } from '../sites/fleet.ts'

/** The programs that this fleet's lab calls and this machine lacks. */
export async function findMissingLabPrograms(fleet: Fleet): Promise<MissingProgram[]> {
  const hasFrr = fleet.sites.some((site) => site.nodes.some((node) => node.daemon === 'frr'))
  return findMissingPrograms([
    ...['ip', 'bridge', 'nft', 'ping', 'wg', 'wireguard-go', 'bird'],
    ...(hasFrr ? ['zebra', 'staticd', 'bfdd', 'bgpd', 'vtysh'] : []),
  ])
}
