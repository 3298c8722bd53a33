/** What one probe cycle found. */
export type ProbeResult =
  | {
      readonly outcome: 'good'
      /** The slowest handshake of the cycle; `null` without one. */
      readonly handshakeMs: number | null
      /** The slowest ping of the cycle; `null` if none is configured. */
      readonly pingMs: number | null
      /** A packet, or its answer, was lost, of this cycle or of one before, in a check: the endpoint answers, but not each time. */
      readonly lost?: 'handshake' | 'ping'
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
