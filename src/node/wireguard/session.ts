import { open, readCounter, seal, writeCounter } from './primitives.ts'

export interface SessionKeys {
  readonly localIndex: number
  readonly remoteIndex: number
  readonly send: Buffer
  readonly receive: Buffer
}

/** Type, index and counter. */
export const transportHeaderLength = 16

/** The initiator renews a session at this age (REKEY_AFTER_TIME). */
export const rekeyAfterMs = 120_000
/** Both sides reject a session beyond this age (REJECT_AFTER_TIME). */
export const rejectAfterMs = 180_000

/** The transport keys of one finished handshake. Times are the caller's monotonic milliseconds. */
export class Session {
  readonly localIndex: number
  readonly createdAtMs: number
  /** Whether the other side has sent in it. */
  isProven = false
  readonly #keys: SessionKeys
  readonly #replays = new ReplayWindow()
  #sent = 0

  constructor(keys: SessionKeys, createdAtMs: number) {
    this.#keys = keys
    this.localIndex = keys.localIndex
    this.createdAtMs = createdAtMs
  }

  isUsable(nowMs: number): boolean {
    return nowMs - this.createdAtMs < rejectAfterMs
  }

  /** A message of type 4; an empty `inner` makes a keepalive. */
  seal(inner: Uint8Array): Buffer {
    const padded = Buffer.alloc(Math.ceil(inner.length / 16) * 16)
    padded.set(inner)
    const header = Buffer.alloc(transportHeaderLength)
    header.writeUInt32LE(4, 0)
    header.writeUInt32LE(this.#keys.remoteIndex, 4)
    writeCounter(header, this.#sent, 8)
    const sealed = seal(this.#keys.send, this.#sent, padded)
    this.#sent += 1
    return Buffer.concat([header, sealed])
  }

  /** The inner packet with its padding; `null` if it does not authenticate or is a replay. */
  open(packet: Buffer): Buffer | null {
    const counter = readCounter(packet, 8)
    if (counter === null || this.#replays.has(counter)) return null
    const inner = open(this.#keys.receive, counter, packet.subarray(transportHeaderLength))
    if (inner === null) return null
    this.#replays.add(counter)
    this.isProven = true
    return inner
  }
}

const windowWords = 32
/** In packets. One word less than the bitmap, because its bits are cleared when the window moves. */
export const replayWindowSize = (windowWords - 1) * 32

/** Counters received so far (RFC 6479). A counter older than the window counts as received. */
export class ReplayWindow {
  readonly #bits = new Uint32Array(windowWords)
  #greatest = -1

  has(counter: number): boolean {
    if (counter > this.#greatest) return false
    if (this.#greatest - counter >= replayWindowSize) return true
    return ((this.#bits[this.#wordOf(counter)]! >>> (counter % 32)) & 1) === 1
  }

  /** Call only after the packet has authenticated: otherwise a forged packet could move the window. */
  add(counter: number): void {
    if (this.has(counter)) return
    const firstNew = Math.floor(this.#greatest / 32) + 1
    const last = Math.floor(counter / 32)
    const stale = Math.min(last - firstNew + 1, windowWords)
    for (let index = 0; index < stale; index += 1) this.#bits[(last - index) % windowWords] = 0
    this.#bits[this.#wordOf(counter)]! |= 1 << (counter % 32)
    this.#greatest = Math.max(this.#greatest, counter)
  }

  #wordOf(counter: number): number {
    return Math.floor(counter / 32) % windowWords
  }
}
