import {
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto'
import type { Parsed } from '../../net/prefix.ts'

/** An X25519 key pair. The private half stays in OpenSSL, where `util.inspect` cannot print it. */
export interface KeyPair {
  readonly privateKey: KeyObject
  /** 32 bytes. */
  readonly publicKey: Buffer
}

const keyLength = 32
// RFC 8410: the prefix of the 32 raw bytes in PKCS #8.
const privateKeyHead = Buffer.from('302e020100300506032b656e04220420', 'hex')

/**
 * Parses a key as `wg` writes it: 32 bytes in base64, surrounding white space allowed.
 * The problem never quotes the text, because it may be a secret.
 */
export function parseKey(text: string): Parsed<Buffer> {
  const trimmed = text.trim()
  if (trimmed === '') {
    return {
      ok: false,
      problem: 'is empty',
      hint: 'write a key as wg genkey, wg pubkey or wg genpsk prints it',
    }
  }
  const bytes = Buffer.from(trimmed, 'base64')
  if (bytes.length !== keyLength) {
    return {
      ok: false,
      problem: 'is not a WireGuard key, which is 32 bytes in base64',
      hint: 'write the 44 characters that wg genkey, wg pubkey or wg genpsk prints',
    }
  }
  // The last character before the padding carries two unused bits: Node ignores them, wg rejects them.
  if (bytes.toString('base64') !== trimmed) {
    return {
      ok: false,
      problem: 'is not canonical base64',
      hint: 'copy the key again: a character is wrong or missing',
    }
  }
  return { ok: true, value: bytes }
}

/** Parses a public key. Rejects points of low order, which yield no shared secret. */
export function parsePublicKey(text: string): Parsed<Buffer> {
  const parsed = parseKey(text)
  if (!parsed.ok) return parsed
  if (agree(generateKeyPair().privateKey, publicKeyObject(parsed.value)) === null) {
    return {
      ok: false,
      problem: 'is not a usable public key',
      hint: "write what wg pubkey makes of the server's private key",
    }
  }
  return parsed
}

export function keyPairOf(privateKey: Uint8Array): KeyPair {
  const object = createPrivateKey({
    key: Buffer.concat([privateKeyHead, privateKey]),
    format: 'der',
    type: 'pkcs8',
  })
  return { privateKey: object, publicKey: rawPublicKey(createPublicKey(object)) }
}

/** The public half in base64, as `wg pubkey` prints it. */
export function publicKeyOf(privateKey: Uint8Array): string {
  return keyPairOf(privateKey).publicKey.toString('base64')
}

export function generateKeyPair(): KeyPair {
  const { d, x } = generateJwk()
  return {
    privateKey: createPrivateKey({ key: { kty: 'OKP', crv: 'X25519', d, x }, format: 'jwk' }),
    publicKey: Buffer.from(x, 'base64url'),
  }
}

/**
 * An X25519 key pair in the format of RFC 8037: `d` is the private half, `x` the public one, both base64url.
 * It is exported during generation, because a later export can deadlock Node: a garbage collection within the
 * export may free the key generation job, which waits for the lock that the export holds.
 */
export function generateJwk(): { readonly d: string; readonly x: string } {
  // @types/node 20 declares only PEM and DER.
  const encoding = { format: 'jwk' } as unknown as { format: 'der'; type: 'pkcs8' & 'spki' }
  const pair: unknown = generateKeyPairSync('x25519', {
    privateKeyEncoding: encoding,
    publicKeyEncoding: encoding,
  })
  return (pair as { privateKey: { d: string; x: string } }).privateKey
}

// As JWK (RFC 8037), because DER takes OpenSSL six times as long to read, and thirty times to write.
export function publicKeyObject(publicKey: Uint8Array): KeyObject {
  const x = Buffer.from(publicKey).toString('base64url')
  return createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x }, format: 'jwk' })
}

/** The shared secret of X25519; `null` if the other side's point is of low order. */
export function agree(privateKey: KeyObject, publicKey: KeyObject): Buffer | null {
  try {
    return diffieHellman({ privateKey, publicKey })
  } catch {
    return null
  }
}

function rawPublicKey(key: KeyObject): Buffer {
  return Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url')
}
