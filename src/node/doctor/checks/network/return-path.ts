import { findAddresses } from '../../../../linux/inspect/addresses.ts'
import { anywhere, findRoute } from '../../../../linux/inspect/routes.ts'
import { RunError } from '../../../../linux/run.ts'
import { type Check, error, type Found } from '../../check.ts'
import { canonical } from '../wireguard/address.ts'

/** A reply leaves with the anycast address as its source: that needs a route, also with source routing. */
export const returnPath: Check = {
  name: 'return-path',
  reads: 'the route that replies take, with the anycast address and the port of WireGuard as their source',
  async examine({ services, manifest, askController }) {
    const found: Found[] = []
    // Out of a VRF the controller makes the route.
    const isInVrf = manifest?.neighbors.some(({ vrf }) => vrf !== undefined) === true
    if (isInVrf && (await askController?.().catch(() => null)) === null) return []
    const present = new Set([...(await findAddresses()).keys()].map(canonical))
    for (const { name, anycast, wireguard } of services) {
      for (const address of anycast) {
        // Its absence is the finding of another check.
        if (!present.has(canonical(address))) continue
        const family = address.includes(':') ? 'ipv6' : 'ipv4'
        const version = family.slice(3)
        const cure = `check \`ip -${version} rule\` and \`ip -${version} route get ${anywhere[family]} from ${address} ipproto 17 sport ${wireguard.port}\`: a default route, or a source route for ${address}, must exist`
        try {
          const route = await findRoute(anywhere[family], { from: address, fromPort: wireguard.port })
          const isBad = route === null || ['unreachable', 'blackhole', 'prohibit'].includes(route.type ?? '')
          if (isBad || route.dev === 'lo') {
            const where = route === null ? 'no route' : (route.type ?? 'a route to lo')
            found.push(error(`replies of ${name} from ${address} have ${where}`, cure))
          }
        } catch (cause) {
          if (!(cause instanceof RunError) || cause.kind !== 'failed') throw cause
          found.push(error(`replies of ${name} from ${address} have no route`, cure))
        }
      }
    }
    return found
  },
}
