import { defaultVrf } from '../../../manifest/vrfs.ts'
import { plainFromAsdot } from '../../../net/asn.ts'

/** An instance of bgpd. */
export interface RouterLine {
  readonly asn: number
  /** The default one is the empty text. */
  readonly vrf: string
}

/**
 * Reads `router bgp …` as bgpd prints it, and as files have it; `null`: the line is another one. From FRR 9 on, the number
 * may be in another notation. `router bgp N view X` is a table of its own, without routes of the kernel, and none of ours.
 */
export function readRouterLine(line: string): RouterLine | null {
  const router = /^router bgp (\d+(?:\.\d+)?)(?: vrf (\S+))?(?: as-notation \S+)?$/.exec(line)
  if (router === null) return null
  const [, number, vrf = defaultVrf] = router
  const asn = number!.includes('.') ? plainFromAsdot(number!) : Number(number)
  return asn === null ? null : { asn, vrf }
}
