import { endianness } from 'node:os'

// linux/netfilter/nfnetlink_log.h and linux/netlink.h
const subsystem = 4
const messageOfPacket = subsystem << 8
const messageOfConfig = (subsystem << 8) | 1
const messageOfError = 2
const requestWithAck = 0x05
const headerBytes = 16
const familyHeaderBytes = 4
const config = { command: 1, mode: 2, threshold: 5 } as const
const bindCommand = 1
const copyPacket = 2
const packet = { payload: 9, prefix: 10 } as const
const typeMask = 0x3fff

/** The kernel's messages about a packet have some 100 bytes more than the part that is copied of it. */
const maxMessageBytes = 8192

/** netlink(7) is in the byte order of the machine, what belongs to packets in that of the network. */
const isLittle = endianness() === 'LE'

export type NflogMessage =
  /** `code`: 0, or a negative errno. */
  | { readonly type: 'answer'; readonly code: number }
  /** `payload`: the packet from its IP header on, cut where the rule says. It is valid until the next message. */
  | { readonly type: 'packet'; readonly prefix: string; readonly payload: Uint8Array }

/** How many answers follow `bindRequests`. */
export const bindAnswers = 3

/** Asks the kernel for the packets of an NFLOG group, each at once. */
export function bindRequests(group: number, copyBytes: number): Buffer {
  const mode = Buffer.alloc(6)
  mode.writeUInt32BE(copyBytes, 0)
  mode[4] = copyPacket
  const threshold = Buffer.alloc(4)
  threshold.writeUInt32BE(1)
  return Buffer.concat([
    configRequest(group, config.command, Buffer.of(bindCommand)),
    configRequest(group, config.mode, mode),
    configRequest(group, config.threshold, threshold),
  ])
}

function configRequest(group: number, attribute: number, value: Uint8Array): Buffer {
  const attributeBytes = 4 + value.length
  const request = Buffer.alloc(headerBytes + familyHeaderBytes + align(attributeBytes))
  const view = viewOf(request)
  view.setUint32(0, request.length, isLittle)
  view.setUint16(4, messageOfConfig, isLittle)
  view.setUint16(6, requestWithAck, isLittle)
  view.setUint16(headerBytes + 2, group)
  view.setUint16(headerBytes + familyHeaderBytes, attributeBytes, isLittle)
  view.setUint16(headerBytes + familyHeaderBytes + 2, attribute, isLittle)
  request.set(value, headerBytes + familyHeaderBytes + 4)
  return request
}

/** Cuts the kernel's stream into messages. Its memory is bounded by the longest message. */
export class NflogStream {
  readonly #take: (message: NflogMessage) => void
  #rest: Buffer = Buffer.alloc(0)

  constructor(take: (message: NflogMessage) => void) {
    this.#take = take
  }

  /** Throws a RangeError for what is not a stream of netlink messages; then no later byte can be read either. */
  push(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const view = viewOf(bytes)
    let at = 0
    while (bytes.length - at >= headerBytes) {
      const length = view.getUint32(at, isLittle)
      if (length < headerBytes || length > maxMessageBytes) {
        throw new RangeError(`a netlink message of ${length} bytes`)
      }
      if (bytes.length - at < align(length)) break
      const message = readMessage(bytes.subarray(at, at + length))
      if (message !== null) this.#take(message)
      at += align(length)
    }
    this.#rest = Buffer.from(bytes.subarray(at))
  }
}

/** `null`: a message of another type, or without a packet. */
function readMessage(message: Buffer): NflogMessage | null {
  const view = viewOf(message)
  const type = view.getUint16(4, isLittle)
  if (type === messageOfError && message.length >= headerBytes + 4) {
    return { type: 'answer', code: view.getInt32(headerBytes, isLittle) }
  }
  return type === messageOfPacket ? readPacket(message, view) : null
}

function readPacket(message: Buffer, view: DataView): NflogMessage | null {
  let prefix = ''
  let payload: Uint8Array | null = null
  for (let at = headerBytes + familyHeaderBytes; message.length - at >= 4; ) {
    const length = view.getUint16(at, isLittle)
    if (length < 4 || length > message.length - at) return null
    const type = view.getUint16(at + 2, isLittle) & typeMask
    const value = message.subarray(at + 4, at + length)
    if (type === packet.payload) payload = value
    if (type === packet.prefix) prefix = value.toString('latin1').replace(/\0.*/s, '')
    at += align(length)
  }
  return payload === null ? null : { type: 'packet', prefix, payload }
}

function align(bytes: number): number {
  return (bytes + 3) & ~3
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
