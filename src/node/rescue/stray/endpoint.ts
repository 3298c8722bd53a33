import { isLinkLocal, parseAddress } from '../../../net/prefix.ts'

/** Where the packets of a client come from. */
export interface Endpoint {
  /** What the watch reports is in its canonical form. */
  readonly address: string
  readonly port: number
}

/**
 * An endpoint in the form of nft's sets. `null`: no packet from another machine can have it. What other nodes send goes
 * through here into the input of `nft`.
 */
export function elementOf({ address, port }: Endpoint): string | null {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) return null
  const parsed = parseAddress(address)
  return parsed.ok && !isLinkLocal(parsed.value) ? `${parsed.value} . ${port}` : null
}
