import { once } from 'node:events'
import { connect } from 'node:http2'

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
