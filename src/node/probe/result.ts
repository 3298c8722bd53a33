/** What one probe cycle found. */
export type ProbeResult =
  | {
      readonly outcome: 'good'
      /** The slowest of the cycle's handshakes; `null` where it needed none. */
      readonly handshakeMs: number | null
      /** The slowest of the cycle's pings; `null` where none is asked for. */
      readonly pingMs: number | null
    }
  | {
      readonly outcome: 'bad'
      readonly check: 'handshake' | 'ping'
      /** A word for metrics and decisions, such as `refused` or `wrong-key`. */
      readonly cause: string
      /** A sentence for a person. */
      readonly detail: string
    }
  /**
   * Says nothing of the endpoint: it is alive and loaded, or this machine was too late to look, or the
   * probe was closed meanwhile.
   */
  | {
      readonly outcome: 'inconclusive'
      readonly cause: 'under-load' | 'starved' | 'closed'
      readonly detail: string
    }
