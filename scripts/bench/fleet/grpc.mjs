import { once } from 'node:events'
import { connect, constants } from 'node:http2'

/** A connection to a member, with as little work as possible for each message. `onFailure` counts what failed. */
export class Grpc {
  #session
  #onFailure

  constructor(session, onFailure) {
    this.#session = session
    this.#onFailure = onFailure
  }

  /** Again, until the member has taken it. */
  static async connect(endpoint, credentials, onFailure) {
    for (;;) {
      const session = connect(endpoint, credentials)
      session.on('error', onFailure)
      const isThere = await once(session, 'connect').then(
        () => true,
        () => false,
      )
      if (isThere) return new Grpc(session, onFailure)
    }
  }

  get isOpen() {
    return !this.#session.destroyed && !this.#session.closed
  }

  /** One request and one reply, which is not read. */
  call(path, message) {
    // The member has ended the connection.
    if (!this.isOpen) return this.#onFailure()
    const stream = this.open(path)
    stream.on('response', (headers) => this.#judge(headers))
    stream.on('trailers', (headers) => this.#judge(headers))
    stream.resume()
    stream.end(frame(message))
  }

  /** `onMessage` gets each message of the reply. */
  open(path, onMessage) {
    const stream = this.#session.request({
      ...{ ':method': 'POST', ':path': path, te: 'trailers' },
      ...{ 'content-type': 'application/grpc', hasleader: 'true' },
    })
    stream.on('error', this.#onFailure)
    if (onMessage !== undefined) readFrames(stream, onMessage)
    return stream
  }

  #judge({ 'grpc-status': status = '0' }) {
    if (status !== '0') this.#onFailure()
  }
}

const ended = new WeakSet()

/** By this side. */
export function end(stream) {
  ended.add(stream)
  stream.removeAllListeners('data')
  stream.close(constants.NGHTTP2_CANCEL)
}

export function isEnded(stream) {
  return ended.has(stream)
}

export function frame(message) {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}

function readFrames(stream, onMessage) {
  let rest = Buffer.alloc(0)
  stream.on('data', (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    while (rest.length >= 5) {
      const next = 5 + rest.readUInt32BE(1)
      if (rest.length < next) return
      const message = rest.subarray(5, next)
      rest = rest.subarray(next)
      onMessage(message)
    }
  })
}

/** Of a response of a watch: the revision of the store, and whether there are changes. */
export function lookAt(response) {
  let revision = 0n
  let hasEvents = false
  for (const { field, value } of fieldsOf(response)) {
    if (field === 1) revision = fieldsOf(value).find((one) => one.field === 3)?.value ?? 0n
    if (field === 11) hasEvents = true
  }
  return { revision, hasEvents }
}

/** Varints and texts: etcd's messages have nothing else. It ends at the first change, because there may be many. */
function fieldsOf(message) {
  const fields = []
  let at = 0
  const varint = () => {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = message[at++]
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
  }
  while (at < message.length) {
    const tag = Number(varint())
    const field = tag >> 3
    if ((tag & 7) === 0) fields.push({ field, value: varint() })
    else {
      const length = Number(varint())
      fields.push({ field, value: message.subarray(at, at + length) })
      at += length
    }
    if (field === 11) break
  }
  return fields
}
