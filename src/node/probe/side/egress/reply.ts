type EgressCause = 'egress-refused' | 'egress-unreachable' | 'egress-dns-failed'

/**
 * `detail` completes a sentence that starts with the target's name. `farewell`: a packet that closes the
 * connection. `forgeable`: an ICMP error, which an off-path sender can forge within seconds: the target's own
 * answer takes precedence.
 */
export type EgressReply =
  | { readonly ok: true; readonly farewell: Buffer | null }
  | { readonly ok: false; readonly cause: EgressCause; readonly detail: string; readonly forgeable?: true }
