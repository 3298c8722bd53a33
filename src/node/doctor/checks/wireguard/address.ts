import { findAddresses } from '../../../../linux/inspect/addresses.ts'
import { findLink } from '../../../../linux/inspect/routes.ts'
import { parseAddress } from '../../../../net/prefix.ts'
import { type Check, error, type Found, warning } from '../../check.ts'

/** The anycast addresses on the node, and the server's addresses inside the tunnel. */
export const address: Check = {
  name: 'address',
  reads: 'the anycast addresses on lo or another interface, and the addresses of the WireGuard interface',
  async examine({ services }) {
    const found: Found[] = []
    const holders = new Map(
      [...(await findAddresses())].map(([text, names]) => [canonical(text), names] as const),
    )
    for (const { name, anycast, wireguard } of services) {
      for (const one of anycast) {
        const names = holders.get(canonical(one))
        if (names === undefined) {
          const bits = one.includes(':') ? 128 : 32
          const cure = `ip addr add ${one}/${bits} dev lo, and in the configuration of the network`
          found.push(error(`the anycast address ${one} of ${name} is not on this node`, cure))
        } else if (names.includes(wireguard.interface)) {
          const message = `the anycast address ${one} of ${name} is on ${wireguard.interface} itself`
          found.push(
            warning(message, 'move it to lo: it goes with the interface, and routes into the tunnel'),
          )
        }
      }
      const missing = wireguard.addresses.filter((one) => !holders.has(canonical(one)))
      // The absence of the interface is the finding of another check.
      if (missing.length === 0 || (await findLink(wireguard.interface)) === null) continue
      for (const one of missing) {
        const cure = `ip addr add ${one}/LENGTH dev ${wireguard.interface}, with the length that wireguard.addresses in the YAML has, and in the interface's configuration file`
        found.push(error(`${one}, the address of ${name} inside the tunnel, is not on this node`, cure))
      }
    }
    return found
  },
}

/** The one spelling of an address. */
export function canonical(text: string): string {
  const parsed = parseAddress(text)
  return parsed.ok ? parsed.value.toString() : text
}
