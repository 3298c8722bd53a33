import type { NeighborKind } from '../../manifest/words.ts'
import type { AsPath } from '../../net/as-path.ts'
import type { Community } from '../../net/community.ts'
import type { Address, Family, Prefix } from '../../net/prefix.ts'
import type { PrefixRange } from '../../net/prefix-range.ts'
import type { ValidationState } from '../rpki/validation.ts'
import type { RuleId } from './rules.ts'

/** The routes accepted from a neighbor, or advertised to it: rules in order of evaluation, as any daemon can implement them. */
export interface Policy {
  readonly direction: 'import' | 'export'
  readonly kind: NeighborKind
  readonly family: Family
  /** That of our side of the session. */
  readonly ourAsn: number
  /** That of the node, which differs with `localAs`. */
  readonly nodeAsn: number
  readonly neighborAsn: number
  /** The last rule accepts or rejects every route, so each route has a verdict. */
  readonly rules: readonly Rule[]
  /** Maximum prefixes (RFC 4486, RFC 7454 section 8): the session stops (import), or no more are sent (export). */
  readonly limit: number
  /** The rules that the YAML removes, as they would have been. */
  readonly relaxed: readonly Rule[]
}

export interface Rule {
  readonly id: RuleId
  /** Distinguishes the rules of one id, as those of each service; `null`: there is one rule of that id. */
  readonly of: string | null
  /** All of them must match; an empty list matches every route. */
  readonly match: readonly Condition[]
  readonly action: Action
  readonly why: string
  /** Its source, such as `RFC 7454, section 6.1.1`. */
  readonly source: string | null
  /** Whether the daemon does this itself, so that no filter line is needed. */
  readonly native: boolean
}

export type Condition =
  | { readonly type: 'prefix'; readonly in: readonly PrefixRange[] }
  | { readonly type: 'prefix-not'; readonly in: readonly PrefixRange[] }
  /** Counted as RFC 4271, section 9.1.2.2 does: an AS_SET is one. */
  | { readonly type: 'path-longer'; readonly than: number }
  | { readonly type: 'path-contains'; readonly asns: readonly AsnRange[] }
  | { readonly type: 'path-empty' }
  | { readonly type: 'path-has-set' }
  | { readonly type: 'first-asn-not'; readonly asn: number }
  | { readonly type: 'next-hop'; readonly address: Address }
  | { readonly type: 'next-hop-not'; readonly address: Address }
  /** For a neighbor that is known by its interface; `neighbor` is `null` where it is unnumbered. */
  | { readonly type: 'next-hop-not-link-local'; readonly neighbor: Address | null }
  /** RFC 6811. `ours`: of our own announcement, whose path has no origin yet. */
  | { readonly type: 'validation'; readonly state: 'invalid' | 'not-found'; readonly origin: 'path' | 'ours' }
  | { readonly type: 'community'; readonly community: Community }
  /** ONLY_TO_CUSTOMER (RFC 9234) is set and is not this number; `null`: is set. */
  | { readonly type: 'otc-not'; readonly asn: number | null }
  /**
   * Not originated on this node: learned from any neighbor, iBGP too. `always`: besides the controller, the daemon itself
   * originates prefixes.
   */
  | { readonly type: 'learned'; readonly always?: true }
  /** Originated on this node, and announced degraded. */
  | { readonly type: 'degraded' }

/** First and last AS number, both included. */
export interface AsnRange {
  readonly first: number
  readonly last: number
}

export type Action =
  | { readonly type: 'accept' }
  | { readonly type: 'reject' }
  /** Changes the route and continues at the next rule. */
  | { readonly type: 'set'; readonly changes: readonly Change[] }

export type Change =
  | { readonly type: 'local-pref'; readonly value: number }
  | { readonly type: 'add-communities'; readonly communities: readonly Community[] }
  /** Every large community whose first part is that number. */
  | { readonly type: 'remove-large-communities'; readonly asn: number }
  /** Every one (RFC 4360). */
  | { readonly type: 'remove-extended-communities' }
  | { readonly type: 'med'; readonly value: number }
  /** Prepends that number to the path, this many times. */
  | { readonly type: 'prepend'; readonly asn: number; readonly times: number }
  /** ONLY_TO_CUSTOMER, unless the route has one. */
  | { readonly type: 'mark-only-to-customer'; readonly asn: number }

/** A route as received from a neighbor, or as originated on this node. */
export interface Route {
  readonly prefix: Prefix

  readonly asPath: AsPath
  readonly nextHop: Address | null
  readonly origin: 'igp' | 'egp' | 'incomplete'
  readonly localPref: number
  /** MULTI_EXIT_DISC, or `null`. */
  readonly med: number | null
  readonly communities: readonly Community[]
  /** ONLY_TO_CUSTOMER, or `null`. */
  readonly otc: number | null
  /** Originated on this node. */
  readonly local: boolean
  /** The controller announces it degraded; never so unless it is `local`. */
  readonly degraded: boolean
}

export interface Verdict {
  readonly verdict: 'accept' | 'reject'
  /** The rule that decided. */
  readonly rule: Rule
  /** Rules that changed the route before that. */
  readonly changedBy: readonly Rule[]
  /** The route after those changes; a rejected route is unchanged. */
  readonly route: Route
}

/** Returns the validation state of a route; without VRPs every route is not found. */
export type Validate = (prefix: Prefix, originAsn: number | null) => ValidationState
