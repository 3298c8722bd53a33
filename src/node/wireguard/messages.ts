import { xchacha20poly1305 } from '@noble/ciphers/chacha.js'
import type { KeyPair } from './key.ts'
import {
  type BegunHandshake,
  beginHandshake,
  finishHandshake,
  firstMessageOverhead,
  type InitiatorKeys,
  secondMessageOverhead,
} from './noise.ts'
import { equalBytes, hash, mac } from './primitives.ts'
import { type SessionKeys, transportHeaderLength } from './session.ts'

// The WireGuard paper, section 5.4. Each message starts with its type and three zero bytes.
const headerLength = 8
const macLength = 16
const timestampLength = 12
const initiationLength = headerLength + firstMessageOverhead + timestampLength + 2 * macLength
const responseLength = headerLength + 4 + secondMessageOverhead + 2 * macLength
const cookieReplyLength = headerLength + 24 + macLength + 16

type MessageType = 'initiation' | 'response' | 'cookie-reply' | 'transport'

/** The type of a packet; `null` if its length or type is not that of a WireGuard message. */
export function messageType(packet: Buffer): MessageType | null {
  if (packet.length < headerLength) return null
  // Type and reserved bytes together: some clients use the reserved bytes, which WireGuard does not allow.
  switch (packet.readUInt32LE(0)) {
    case 1:
      return packet.length === initiationLength ? 'initiation' : null
    case 2:
      return packet.length === responseLength ? 'response' : null
    case 3:
      return packet.length === cookieReplyLength ? 'cookie-reply' : null
    case 4:
      return packet.length >= transportHeaderLength + 16 && packet.length % 16 === 0 ? 'transport' : null
    default:
      return null
  }
}

/** The index that the receiver chose. Only for a packet that `messageType` recognizes. */
export function receiverIndex(packet: Buffer, type: Exclude<MessageType, 'initiation'>): number {
  return packet.readUInt32LE(type === 'response' ? headerLength : 4)
}

/** The MAC keys: they depend on the receiver's public key. */
export interface MacKeys {
  /** For what we send. */
  readonly outgoing: Buffer
  /** For what we receive. */
  readonly incoming: Buffer
  readonly cookie: Buffer
}

export function macKeys(ownPublicKey: Uint8Array, remotePublicKey: Uint8Array): MacKeys {
  const label = Buffer.from('mac1----')
  return {
    outgoing: hash(label, remotePublicKey),
    incoming: hash(label, ownPublicKey),
    cookie: hash(Buffer.from('cookie--'), remotePublicKey),
  }
}

export interface Initiation {
  readonly index: number
  readonly packet: Buffer
  readonly begun: BegunHandshake
}

/** A message of type 1; mac2 is left zero for `setCookieMac`. */
export function buildInitiation(
  keys: InitiatorKeys,
  macs: MacKeys,
  index: number,
  ephemeral: KeyPair,
  timestamp: Uint8Array,
): Initiation {
  const begun = beginHandshake(keys, ephemeral, timestamp)
  const packet = Buffer.alloc(initiationLength)
  packet.writeUInt32LE(1, 0)
  packet.writeUInt32LE(index, 4)
  packet.set(begun.message, headerLength)
  const mac1At = initiationLength - 2 * macLength
  packet.set(mac(macs.outgoing, packet.subarray(0, mac1At)), mac1At)
  return { index, packet, begun }
}

/** The packet with its mac2, which proves our address to a loaded server; without mac2 if `cookie` is `null`. */
export function withCookieMac(packet: Buffer, cookie: Uint8Array | null): Buffer {
  const copy = Buffer.from(packet)
  const mac2At = initiationLength - macLength
  if (cookie === null) copy.fill(0, mac2At)
  else copy.set(mac(cookie, copy.subarray(0, mac2At)), mac2At)
  return copy
}

/** `null` if a message of type 2 does not authenticate. */
export function readResponse(
  keys: InitiatorKeys,
  macs: MacKeys,
  initiation: Initiation,
  packet: Buffer,
): SessionKeys | null {
  const mac1At = responseLength - 2 * macLength
  // Checked before the two X25519 operations, so that forged packets cost little.
  if (
    !equalBytes(mac(macs.incoming, packet.subarray(0, mac1At)), packet.subarray(mac1At, mac1At + macLength))
  ) {
    return null
  }
  const finished = finishHandshake(keys, initiation.begun, packet.subarray(headerLength + 4, mac1At))
  if (finished === null) return null
  return {
    localIndex: initiation.index,
    remoteIndex: packet.readUInt32LE(4),
    send: finished.send,
    receive: finished.receive,
  }
}

/** The cookie of a message of type 3; `null` if it does not answer this packet. */
export function readCookieReply(macs: MacKeys, initiation: Initiation, packet: Buffer): Uint8Array | null {
  const mac1At = initiationLength - 2 * macLength
  const nonce = packet.subarray(headerLength, headerLength + 24)
  const mac1 = initiation.packet.subarray(mac1At, mac1At + macLength)
  try {
    return xchacha20poly1305(macs.cookie, nonce, mac1).decrypt(packet.subarray(headerLength + 24))
  } catch {
    return null
  }
}
