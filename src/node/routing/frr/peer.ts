import type { ManifestNeighbor } from '../../../manifest/manifest.ts'
import { interfacePattern } from '../../../manifest/values.ts'
import { defaultVrf } from '../../../manifest/vrfs.ts'
import { parseAddress } from '../../../net/prefix.ts'

/**
 * A neighbor as bgpd names it: by its address, or by its interface if the session is unnumbered. It becomes part of
 * commands, and an edited manifest must not inject one: throws a TypeError.
 */
export function peerOf({ name, address, interface: link }: ManifestNeighbor): string {
  if (address === null) {
    if (link !== undefined && interfacePattern.test(link)) return link
    throw new TypeError(`neighbor ${name}: "${link}" is not the name of an interface`)
  }
  const parsed = parseAddress(address)
  if (!parsed.ok) throw new TypeError(`neighbor ${name}: "${address}" ${parsed.problem}`)
  return parsed.value.toString()
}

/** The VRF of a neighbor, which becomes part of commands too; the default one is the empty text. Throws a TypeError. */
export function vrfOf({ name, vrf }: ManifestNeighbor): string {
  if (vrf === undefined) return defaultVrf
  if (interfacePattern.test(vrf)) return vrf
  throw new TypeError(`neighbor ${name}: "${vrf}" is not the name of a VRF`)
}
