type EgressCause = 'egress-refused' | 'egress-unreachable' | 'egress-dns-failed'

/**
 * `detail` goes on where the target's name ends. `farewell`: a packet that ends what the question began. `forgeable`: an
 * ICMP error, which a sender off the path can guess within seconds: the target's own answer outweighs it.
 */
export type EgressReply =
  | { readonly ok: true; readonly farewell: Buffer | null }
  | { readonly ok: false; readonly cause: EgressCause; readonly detail: string; readonly forgeable?: true }
