import type { Prefix } from '../net/prefix.ts'
import type { ValidationState } from './validation.ts'

/** A validated ROA payload (RFC 6811). */
export interface Vrp {
  readonly prefix: Prefix
  readonly maxLength: number
  readonly asn: number
}

/** An indexed set of VRPs. */
export interface VrpSet {
  /** How many VRPs are in it. */
  readonly size: number
  /** `originAsn` is null where the path ends in an AS_SET or is empty, which no VRP can match (RFC 6907, 7.1.9). */
  validate(prefix: Prefix, originAsn: number | null): ValidationState
  /** Every VRP whose prefix contains this one, shorter before longer, then by AS number. */
  covering(prefix: Prefix): readonly Vrp[]
}
