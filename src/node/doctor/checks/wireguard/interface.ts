import { findLink } from '../../../../linux/inspect/routes.ts'
import { type Check, error, type Found } from '../../check.ts'

export const wireguardInterface: Check = {
  name: 'wireguard',
  reads: 'the WireGuard interface of each service: that it exists and is up',
  async examine({ services }) {
    const found: Found[] = []
    for (const { name, wireguard } of services) {
      const link = await findLink(wireguard.interface)
      if (link === null) {
        const cure = `create it: \`wg-quick up ${wireguard.interface}\`, or systemd-networkd`
        found.push(error(`the interface ${wireguard.interface} of ${name} does not exist`, cure))
      } else if (!link.flags.includes('UP')) {
        const cure = `ip link set ${wireguard.interface} up`
        found.push(error(`the interface ${wireguard.interface} of ${name} is down`, cure))
      }
    }
    return found
  },
}
