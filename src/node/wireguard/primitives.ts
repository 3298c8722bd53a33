import { createCipheriv, createDecipheriv, createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { blake2s } from '@noble/hashes/blake2.js'

/** BLAKE2s-256. */
export function hash(...parts: Uint8Array[]): Buffer {
  const blake = createHash('blake2s256')
  for (const part of parts) blake.update(part)
  return blake.digest()
}

/** Keyed BLAKE2s-128 (not HMAC), for mac1, mac2 and the cookie. */
export function mac(key: Uint8Array, data: Uint8Array): Uint8Array {
  return blake2s(data, { key, dkLen: 16 })
}

/** `count` keys of 32 bytes: HKDF (RFC 5869) with HMAC-BLAKE2s. */
export function deriveKeys(count: 1 | 2 | 3, chainingKey: Uint8Array, input: Uint8Array): Buffer[] {
  const secret = hmac(chainingKey, input)
  const keys: Buffer[] = []
  let previous = Buffer.alloc(0)
  for (let index = 1; index <= count; index += 1) {
    previous = hmac(secret, Buffer.concat([previous, Buffer.of(index)]))
    keys.push(previous)
  }
  return keys
}

export const tagLength = 16

/** ChaCha20-Poly1305 (RFC 8439) under WireGuard's nonce: four zero bytes, then the counter, little endian. */
export function seal(key: Uint8Array, counter: number, plain: Uint8Array, associated?: Uint8Array): Buffer {
  const cipher = createCipheriv('chacha20-poly1305', key, nonceOf(counter), { authTagLength: tagLength })
  if (associated !== undefined) cipher.setAAD(associated, { plaintextLength: plain.length })
  const text = cipher.update(plain)
  cipher.final()
  return Buffer.concat([text, cipher.getAuthTag()])
}

/** `null` if the text does not authenticate. */
export function open(
  key: Uint8Array,
  counter: number,
  sealed: Uint8Array,
  associated?: Uint8Array,
): Buffer | null {
  if (sealed.length < tagLength) return null
  const textLength = sealed.length - tagLength
  const decipher = createDecipheriv('chacha20-poly1305', key, nonceOf(counter), { authTagLength: tagLength })
  if (associated !== undefined) decipher.setAAD(associated, { plaintextLength: textLength })
  decipher.setAuthTag(sealed.subarray(textLength))
  const plain = decipher.update(sealed.subarray(0, textLength))
  try {
    decipher.final()
  } catch {
    return null
  }
  return plain
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}

/** Counters stay below 2^53: a probe would need millions of years to pass that. */
function nonceOf(counter: number): Buffer {
  const nonce = Buffer.alloc(12)
  writeCounter(nonce, counter, 4)
  return nonce
}

export function writeCounter(target: Buffer, counter: number, offset: number): void {
  target.writeUInt32LE(counter % 2 ** 32, offset)
  target.writeUInt32LE(Math.floor(counter / 2 ** 32), offset + 4)
}

/** `null` beyond 2^53, which no valid peer reaches. */
export function readCounter(source: Buffer, offset: number): number | null {
  const counter = source.readUInt32LE(offset + 4) * 2 ** 32 + source.readUInt32LE(offset)
  return Number.isSafeInteger(counter) ? counter : null
}

function hmac(key: Uint8Array, data: Uint8Array): Buffer<ArrayBuffer> {
  return createHmac('blake2s256', key).update(data).digest()
}
