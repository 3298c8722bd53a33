/** What one probe cycle found. */
export type ProbeResult =
  | {
      readonly outcome: 'good'
      /** The slowest handshake of the cycle; `null` without one. */
      readonly handshakeMs: number | null
      /** The slowest ping of the cycle; `null` if none is configured. */
      readonly pingMs: number | null
    }
  | {
      readonly outcome: 'bad'
      readonly check: 'handshake' | 'ping'
      /** A word for metrics and decisions, such as `refused` or `wrong-key`. */
      readonly cause: string
      /** A sentence for the operator. */
      readonly detail: string
    }
  /**
   * Proves nothing about the endpoint: it is alive and loaded, or this machine had no CPU time, or the probe was
   * closed.
   */
  | {
      readonly outcome: 'inconclusive'
      readonly cause: 'under-load' | 'starved' | 'closed'
      readonly detail: string
    }
