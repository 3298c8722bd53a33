/** One of the same kind, which is not `own`: private use (RFC 6996), or not. */
export function otherAsn(asn: number, own: number): number {
  const others = [asn + 1, asn - 1, asn + 2, asn - 2]
  return others.find((other) => other !== own && isPrivate(other) === isPrivate(asn))!
}

function isPrivate(asn: number): boolean {
  return (asn >= 64_512 && asn <= 65_534) || (asn >= 4_200_000_000 && asn <= 4_294_967_294)
}
