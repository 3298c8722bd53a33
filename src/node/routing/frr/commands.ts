import { frrDegraded } from '../../../manifest/announcements.ts'
import { defaultVrf } from '../../../manifest/vrfs.ts'
import type { Announcements, Grade } from '../../../net/announcements.ts'
import { type Family, families, familyOf } from '../../../net/prefix.ts'

/** The change of one instance of bgpd. */
export interface Lines {
  readonly falling: readonly string[]
  /** New announcements, and those of another grade: the new line replaces the old one. */
  readonly rising: Announcements
  readonly stuck: readonly string[]
}

/** For messages: `the default VRF`, `the VRF red`. */
export function describeVrf(vrf: string): string {
  return vrf === defaultVrf ? 'the default VRF' : `the VRF ${vrf}`
}

/** The command that enters the instance of a VRF. */
export function routerCommand(asn: number, vrf: string): string {
  return vrf === defaultVrf ? `router bgp ${asn}` : `router bgp ${asn} vrf ${vrf}`
}

/** `show bgp …` about a VRF. */
export function showBgp(vrf: string, rest: string): string {
  return vrf === defaultVrf ? `show bgp ${rest}` : `show bgp vrf ${vrf} ${rest}`
}

export function isEmpty({ falling, rising, stuck }: Lines): boolean {
  return falling.length === 0 && rising.size === 0 && stuck.length === 0
}

/** The commands of each address family that has any. */
export function commandsByFamily(lines: Lines): ReadonlyMap<Family, readonly string[]> {
  const all = families.map((family) => {
    const commands = [
      ...lines.falling.filter(isOf(family)).map((prefix) => `no network ${prefix}`),
      // bgpd processes the prefix once, after both lines: the line is gone, so it withdraws.
      ...lines.stuck.filter(isOf(family)).flatMap((prefix) => [`network ${prefix}`, `no network ${prefix}`]),
      ...[...lines.rising].filter(([prefix]) => familyOf(prefix) === family).map(announcing),
    ]
    return [family, commands] as const
  })
  return new Map(all.filter(([, commands]) => commands.length > 0))
}

function isOf(family: Family): (prefix: string) => boolean {
  return (prefix) => familyOf(prefix) === family
}

function announcing([prefix, grade]: readonly [string, Grade]): string {
  return grade === 'degraded' ? `network ${prefix} route-map ${frrDegraded.map}` : `network ${prefix}`
}
