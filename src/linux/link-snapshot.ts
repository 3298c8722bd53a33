export interface LinkState {
  /** IFF_UP: administratively up, with or without a carrier. */
  readonly up: boolean
  /** Without their prefix length, as the kernel prints them. */
  readonly addresses: readonly string[]
}

/** The links of this network namespace by interface name. */
export type LinkSnapshot = ReadonlyMap<string, LinkState>
