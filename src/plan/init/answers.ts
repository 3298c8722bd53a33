import type { Place } from '../../syntax/config-text.ts'

/** A BGP session for the YAML: its fields in their order, and a comment for some of them. */
export interface NewNeighbor {
  readonly values: Readonly<Record<string, unknown>>
  readonly comments: Readonly<Record<string, string>>
  /** The session in the configuration that is taken over; `null`: it is in none. */
  readonly source: (Place & { readonly name: string }) | null
}

/** What `init` knows so far, as text: the same readers check it that check the YAML. */
export interface Answers {
  readonly asn?: string
  readonly site?: string
  readonly node?: string
  readonly daemon?: string
  /** Of the daemon on this machine. */
  readonly daemonVersion?: string
  readonly routerId?: string
  readonly service: string
  readonly anycast?: readonly string[]
  readonly covering?: readonly string[]
  /** Bogon ranges that are used intentionally. */
  readonly allow: readonly string[]
  readonly interface?: string
  readonly port?: string
  readonly publicKey?: string
  readonly tunnelAddress?: readonly string[]
  readonly probeAddress?: string
  readonly neighbors: readonly NewNeighbor[]
}

export const noAnswers: Answers = { service: 'vpn', allow: [], neighbors: [] }
