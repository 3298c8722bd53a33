/** The field and the order of the subgroup of Curve25519 (RFC 7748, 4.1). */
const prime = 2n ** 255n - 19n
const order = 2n ** 252n + 27742317777372353535851937790883648493n

/**
 * Whether a key of 32 bytes is a private one for certain: `wg genkey` clears and sets bits, which one in 16 public keys
 * has by chance too, but then it is a multiple of the base point, as only one in 16 private keys is by chance.
 */
export function isPrivateKey(key: Uint8Array): boolean {
  if ((key[0]! & 7) !== 0 || (key[31]! & 0xc0) !== 0x40) return false
  const u = key.reduceRight((value, byte) => value * 256n + BigInt(byte), 0n)
  return !vanishesAtOrder(u)
}

/** Whether the order of the subgroup times the point is the point at infinity: the ladder of RFC 7748, section 5. */
function vanishesAtOrder(u: bigint): boolean {
  let [x2, z2, x3, z3] = [1n, 0n, u, 1n]
  for (let at = 252n; at >= 0n; at -= 1n) {
    const bit = ((order >> at) & 1n) === 1n
    if (bit) [x2, z2, x3, z3] = [x3, z3, x2, z2]
    const [sum, difference] = [x2 + z2, x2 - z2]
    const [aa, bb] = [(sum * sum) % prime, (difference * difference) % prime]
    const e = aa - bb
    const da = (x3 - z3) * sum
    const cb = (x3 + z3) * difference
    x3 = (da + cb) ** 2n % prime
    z3 = (u * ((da - cb) ** 2n % prime)) % prime
    x2 = (aa * bb) % prime
    z2 = (e * (aa + 121665n * e)) % prime
    if (bit) [x2, z2, x3, z3] = [x3, z3, x2, z2]
  }
  return z2 % prime === 0n
}
