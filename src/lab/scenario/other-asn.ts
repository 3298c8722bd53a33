import { isPrivateAsn } from '../../net/asn.ts'

/** One of the same kind, which is not `own`: private use (RFC 6996), or not. */
export function otherAsn(asn: number, own: number): number {
  const others = [asn + 1, asn - 1, asn + 2, asn - 2]
  return others.find((other) => other !== own && isPrivateAsn(other) === isPrivateAsn(asn))!
}
