import { findAddresses } from '../../../../linux/inspect/addresses.ts'
import { anywhere, findRoute } from '../../../../linux/inspect/routes.ts'
import { RunError } from '../../../../linux/run.ts'
import { families, familyOf } from '../../../../net/prefix.ts'
import { type Check, error, type Found } from '../../check.ts'
import { canonical } from '../wireguard/address.ts'

/** WireGuard forgets the source of a peer at each retransmission, and the kernel then takes that of the route. */
export const source: Check = {
  name: 'source',
  reads:
    'while the controller runs: the source that the kernel gives to packets from the port of WireGuard without one',
  async examine({ services, askController }) {
    // The controller makes the route. What keeps it from answering is the finding of another check.
    const words = (await askController?.().catch(() => null)) ?? null
    if (words === null) return []
    const addresses = new Set([...(await findAddresses()).keys()].map(canonical))
    const found: Found[] = []
    for (const { name, anycast, wireguard } of services) {
      for (const family of families) {
        const own = anycast.filter((address) => familyOf(address) === family)
        // Its absence is the finding of another check.
        if (!own.some((address) => addresses.has(canonical(address)))) continue
        const prefsrc = await findSource(anywhere[family], wireguard.port)
        if (prefsrc === null || own.map(canonical).includes(canonical(prefsrc))) continue
        const ip = family === 'ipv4' ? 'ip' : 'ip -6'
        found.push(
          error(
            `what WireGuard sends first, or repeats, for ${name} leaves from ${prefsrc} and not from ${own[0]}: clients behind NAT lose it, the others leave the anycast address`,
            `\`${ip} rule\`: one before 5190 decides; or the log of the controller says what the kernel refused. In a VRF the address has to be on an interface of it too: \`${ip} addr add ${own[0]}/${family === 'ipv4' ? 32 : 128} dev VRF\``,
          ),
        )
      }
    }
    return found
  },
}

/** `null`: there is no route, which is the finding of another check. */
async function findSource(to: string, fromPort: number): Promise<string | null> {
  try {
    return (await findRoute(to, { fromPort }))?.prefsrc ?? null
  } catch (cause) {
    if (!(cause instanceof RunError) || cause.kind !== 'failed') throw cause
    return null
  }
}
