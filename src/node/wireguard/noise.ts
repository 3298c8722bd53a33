import type { KeyObject } from 'node:crypto'
import { agree, type KeyPair, publicKeyObject } from './key.ts'
import { deriveKeys, hash, open, seal, tagLength } from './primitives.ts'

/** Bytes that IKpsk2 adds to the payload of its first message, and of its second. */
export const firstMessageOverhead = 32 + 32 + tagLength + tagLength
export const secondMessageOverhead = 32 + tagLength

/** What an initiator needs for every handshake with one server, computed once. */
export interface InitiatorKeys {
  readonly own: KeyPair
  readonly remote: KeyObject
  readonly presharedKey: Uint8Array
  /** The shared secret of both static keys: the same in every handshake. */
  readonly staticSecret: Buffer
  readonly startChainingKey: Buffer
  readonly startHash: Buffer
}

/** A started handshake, valid for one reply. */
export interface BegunHandshake {
  readonly ephemeral: KeyPair
  readonly chainingKey: Buffer
  readonly hash: Buffer
  readonly message: Buffer
}

interface TransportKeys {
  readonly send: Buffer
  readonly receive: Buffer
  readonly payload: Buffer
}

const protocolName = Buffer.from('Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s')
const wireguardPrologue = Buffer.from('WireGuard v1 zx2c4 Jason@zx2c4.com')
const noPresharedKey = Buffer.alloc(32)

/** `null` if the server's public key is a point of low order. */
export function prepareInitiator(
  own: KeyPair,
  remotePublicKey: Uint8Array,
  presharedKey: Uint8Array | null,
  prologue: Uint8Array = wireguardPrologue,
): InitiatorKeys | null {
  const remote = publicKeyObject(remotePublicKey)
  const staticSecret = agree(own.privateKey, remote)
  if (staticSecret === null) return null
  const startChainingKey = hash(protocolName)
  return {
    own,
    remote,
    presharedKey: presharedKey ?? noPresharedKey,
    staticSecret,
    startChainingKey,
    startHash: hash(hash(startChainingKey, prologue), remotePublicKey),
  }
}

/** The first message of IKpsk2: e, es, s, ss. `payload` is WireGuard's timestamp. */
export function beginHandshake(keys: InitiatorKeys, ephemeral: KeyPair, payload: Uint8Array): BegunHandshake {
  const ephemeralSecret = agree(ephemeral.privateKey, keys.remote)
  // The remote key agreed with our static key in prepareInitiator, so it is not of low order.
  if (ephemeralSecret === null) throw new Error('X25519 failed with a public key that was checked')
  let transcript = hash(keys.startHash, ephemeral.publicKey)
  // In a psk handshake every e is mixed into the key as well (Noise, section 9.2).
  const mixed = deriveKeys(1, keys.startChainingKey, ephemeral.publicKey)[0]!
  const [afterEphemeral, staticKey] = deriveKeys(2, mixed, ephemeralSecret) as [Buffer, Buffer]
  const sealedStatic = seal(staticKey, 0, keys.own.publicKey, transcript)
  transcript = hash(transcript, sealedStatic)
  const [chainingKey, payloadKey] = deriveKeys(2, afterEphemeral, keys.staticSecret) as [Buffer, Buffer]
  const sealedPayload = seal(payloadKey, 0, payload, transcript)
  return {
    ephemeral,
    chainingKey,
    hash: hash(transcript, sealedPayload),
    message: Buffer.concat([ephemeral.publicKey, sealedStatic, sealedPayload]),
  }
}

/** The second message: e, ee, se, psk. `null` where it does not authenticate: another key, another preshared key. */
export function finishHandshake(
  keys: InitiatorKeys,
  begun: BegunHandshake,
  message: Uint8Array,
): TransportKeys | null {
  if (message.length < secondMessageOverhead) return null
  const remoteEphemeral = message.subarray(0, 32)
  const remote = publicKeyObject(remoteEphemeral)
  const ephemeralSecret = agree(begun.ephemeral.privateKey, remote)
  const staticSecret = agree(keys.own.privateKey, remote)
  if (ephemeralSecret === null || staticSecret === null) return null
  let chainingKey = deriveKeys(1, begun.chainingKey, remoteEphemeral)[0]!
  chainingKey = deriveKeys(1, chainingKey, ephemeralSecret)[0]!
  chainingKey = deriveKeys(1, chainingKey, staticSecret)[0]!
  const [last, mixed, payloadKey] = deriveKeys(3, chainingKey, keys.presharedKey) as [Buffer, Buffer, Buffer]
  const transcript = hash(hash(begun.hash, remoteEphemeral), mixed)
  const payload = open(payloadKey, 0, message.subarray(32), transcript)
  if (payload === null) return null
  const [send, receive] = deriveKeys(2, last, Buffer.alloc(0)) as [Buffer, Buffer]
  return { send, receive, payload }
}
