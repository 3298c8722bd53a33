/** What one probe cycle found. */
export type ProbeResult =
  | { readonly outcome: 'good'; readonly handshakeMs: number | null; readonly pingMs: number | null }
  | {
      readonly outcome: 'bad'
      readonly check: 'handshake' | 'ping'
      /** A word for metrics and decisions, such as `refused` or `wrong-key`. */
      readonly cause: string
      /** A sentence for a person. */
      readonly detail: string
    }
  /** Says nothing of the endpoint: it is alive and loaded, or this machine was too late to look. */
  | { readonly outcome: 'inconclusive'; readonly cause: 'under-load' | 'starved'; readonly detail: string }
