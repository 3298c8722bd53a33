import { findLink } from '../../../../linux/inspect/routes.ts'
import { type Check, type Found, warning } from '../../check.ts'
import { findUplinks } from '../../uplinks.ts'

/** IPv6 or IPv4, UDP, and WireGuard's header and authentication tag. */
const overhead = { ipv4: 60, ipv6: 80 } as const

export const mtu: Check = {
  name: 'mtu',
  reads:
    'the MTU of the WireGuard interface, with its overhead, against that of the interfaces to the neighbors',
  async examine({ manifest, services }) {
    if (manifest === null) return []
    const found: Found[] = []
    for (const { name, anycast, wireguard } of services) {
      const inner = await findLink(wireguard.interface)
      if (inner === null) continue
      const family = anycast.some((address) => address.includes(':')) ? 'ipv6' : 'ipv4'
      for (const uplink of await findUplinks(manifest)) {
        const outer = await findLink(uplink)
        if (outer === null || inner.mtu + overhead[family] <= outer.mtu) continue
        const fits = outer.mtu - overhead[family]
        const message = `full packets of ${name} do not fit on ${uplink}: ${wireguard.interface} has MTU ${inner.mtu}, and ${uplink} ${outer.mtu} less ${overhead[family]} for WireGuard`
        found.push(warning(message, `ip link set ${wireguard.interface} mtu ${fits}, at the clients too`))
      }
    }
    return found
  },
}
