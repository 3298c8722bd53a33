/**
 * TAI64N labels that always increase. A server silently drops an initiation whose label is not above the last
 * one from this key, so the labels must not follow a clock that jumps back.
 */
export class TimestampSource {
  readonly #wallClockMs: () => number
  readonly #keep: (label: Buffer) => void
  #lastNs: bigint
  #keptNs: bigint

  /**
   * `floor` is the label that an earlier process saved, 12 bytes; every label is above it. `keep` saves a
   * label some seconds ahead, before any label above the last saved one is used; so it is called rarely.
   */
  constructor(
    options: {
      floor?: Uint8Array | null
      wallClockMs?: () => number
      keep?: (label: Buffer) => void
    } = {},
  ) {
    this.#wallClockMs = options.wallClockMs ?? Date.now
    this.#keep = options.keep ?? (() => {})
    this.#lastNs = options.floor == null ? 0n : (decodeTai64n(options.floor) ?? 0n)
    this.#keptNs = this.#lastNs
  }

  next(): Buffer {
    const nowNs = BigInt(Math.max(0, Math.floor(this.#wallClockMs()))) * 1_000_000n
    this.#lastNs = nowNs > this.#lastNs ? nowNs : this.#lastNs + 1n
    if (this.#lastNs > this.#keptNs) {
      this.#keptNs = this.#lastNs + keptAheadNs
      this.#keep(encodeTai64n(this.#keptNs))
    }
    return encodeTai64n(this.#lastNs)
  }
}

const keptAheadNs = 10_000_000_000n

// 2^62 marks a label after 1970. TAI was ten seconds ahead of UTC then; WireGuard ignores leap seconds.
const tai64Base = 2n ** 62n + 10n
const nanosecondsPerSecond = 1_000_000_000n

function encodeTai64n(ns: bigint): Buffer {
  const label = Buffer.alloc(12)
  label.writeBigUInt64BE(tai64Base + ns / nanosecondsPerSecond)
  label.writeUInt32BE(Number(ns % nanosecondsPerSecond), 8)
  return label
}

/** Nanoseconds since 1970; `null` if it is not a label after 1970. */
function decodeTai64n(label: Uint8Array): bigint | null {
  if (label.length !== 12) return null
  const view = new DataView(label.buffer, label.byteOffset, label.byteLength)
  const seconds = view.getBigUint64(0) - tai64Base
  const nanoseconds = BigInt(view.getUint32(8))
  if (seconds < 0n || seconds >= 2n ** 62n || nanoseconds >= nanosecondsPerSecond) return null
  return seconds * nanosecondsPerSecond + nanoseconds
}
