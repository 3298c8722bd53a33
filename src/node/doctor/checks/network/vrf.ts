import { findVrfRoutes, findVrfs } from '../../../../linux/inspect/routes.ts'
import { readSysctl } from '../../../../linux/inspect/sysctl.ts'
import { type Check, error, type Found } from '../../check.ts'

/** The VRFs of the neighbors, and what WireGuard needs to serve clients that come through one. */
export const vrf: Check = {
  name: 'vrf',
  reads:
    'the VRFs of the neighbors, whether each neighbor is reached in its VRF, and `udp_l3mdev_accept`, without which WireGuard takes no packets from a VRF',
  async examine({ manifest }) {
    const inVrf = (manifest?.neighbors ?? []).filter((neighbor) => neighbor.vrf !== undefined)
    if (inVrf.length === 0) return []
    const found: Found[] = []
    const known = await findVrfs()
    for (const name of new Set(inVrf.map((neighbor) => neighbor.vrf!))) {
      if (known.includes(name)) continue
      const cure = `ip link add ${name} type vrf table NUMBER, then ip link set ${name} up, and ip link set INTERFACE master ${name} for its links`
      found.push(error(`there is no VRF ${name} on this node`, cure))
    }
    for (const { name, address, interface: link, vrf: its, session } of inVrf) {
      if (address === null || link !== undefined || !known.includes(its!)) continue
      const routes = await findVrfRoutes(its!, address)
      // A session without multihop needs the link of the neighbor, which is not where a default route goes.
      const isDirect = (session?.multihop ?? null) === null
      if (routes.some(({ gateway }) => !isDirect || gateway === undefined)) continue
      const cure = `ip link set INTERFACE master ${its}, for the interface that ${name} is on`
      found.push(error(`${name} (${address}) is not reached in the VRF ${its}`, cure))
    }
    if ((await readSysctl('net/ipv4/udp_l3mdev_accept')) === 0) {
      const message = 'WireGuard takes no packets that arrive in a VRF: net.ipv4.udp_l3mdev_accept is 0'
      found.push(error(message, 'set net.ipv4.udp_l3mdev_accept to 1, in /etc/sysctl.d'))
    }
    return found
  },
}
