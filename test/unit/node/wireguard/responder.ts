import { randomBytes, randomInt } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js'
import { expect, vi } from 'vitest'
import type { Endpoint } from '../../../../src/node/wireguard/endpoint-socket.ts'
import { agree, generateKeyPair, type KeyPair, publicKeyObject } from '../../../../src/node/wireguard/key.ts'
import { deriveKeys, equalBytes, hash, mac, open, seal } from '../../../../src/node/wireguard/primitives.ts'
import { Session } from '../../../../src/node/wireguard/session.ts'

export type Play =
  | 'normal'
  | 'silent'
  /** Requires a cookie, then serves clients that return it. */
  | 'loaded'
  /** Always requires a cookie. */
  | 'overloaded'
  /** Answers handshakes, but nothing inside the tunnel. */
  | 'no-echo'
  /** Answers with the keys of another server. */
  | 'other-identity'
  /** Answers with bytes that are not WireGuard. */
  | 'garbage'
  /** Sends each answer twice, and once more with each later one. */
  | 'replay'

export interface ResponderOptions {
  readonly clientPublicKey: Uint8Array
  readonly presharedKey?: Uint8Array
  /** That many sockets, all of one server with one session. */
  readonly sockets?: number
  readonly isIpv6?: boolean
}

interface Peer {
  readonly socket: Socket
  readonly address: string
  readonly port: number
}

/** A WireGuard responder for tests: one peer, and every kind of misbehavior. */
export class Responder {
  readonly keys: KeyPair = generateKeyPair()
  readonly endpoints: Endpoint[] = []
  play: Play = 'normal'
  delayMs = 0
  /** Answers that get lost, from now on. */
  losses = 0
  /** Whether answers wait for `release`. */
  isHolding = false
  /** Every initiation (type 1) that arrived, unchanged. */
  readonly initiations: Buffer[] = []
  readonly timestamps: Buffer[] = []
  echoes = 0
  keepalives = 0
  /** The packet last sent to a client, for tests that repeat or corrupt it. */
  readonly sent: Buffer[] = []
  readonly #options: ResponderOptions
  readonly #sockets: Socket[] = []
  readonly #cookieSecret = randomBytes(32)
  readonly #timers = new Set<NodeJS.Timeout>()
  readonly #held: (() => void)[] = []
  /** The newest, and the one that the client has last used: WireGuard paper, section 5.4.5. */
  #session: Session | null = null
  #used: Session | null = null
  #client: Peer | null = null

  private constructor(options: ResponderOptions) {
    this.#options = options
  }

  static async start(options: ResponderOptions): Promise<Responder> {
    const responder = new Responder(options)
    for (let index = 0; index < (options.sockets ?? 1); index += 1) {
      const address = options.isIpv6 ? '::1' : `127.0.0.${index + 1}`
      const socket = createSocket(options.isIpv6 ? 'udp6' : 'udp4')
      socket.on('message', (packet, from) => responder.#receive({ socket, ...from }, packet))
      socket.bind(0, address)
      await once(socket, 'listening')
      responder.#sockets.push(socket)
      responder.endpoints.push({ address, port: socket.address().port })
    }
    return responder
  }

  get endpoint(): Endpoint {
    return this.endpoints[0]!
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer)
    for (const socket of this.#sockets.splice(0)) {
      socket.close()
      await once(socket, 'close')
    }
  }

  /** Sends these bytes to the client's latest port. */
  throwAtClient(packet: Uint8Array): void {
    if (this.#client === null) throw new Error('no client was heard yet')
    const { socket, port, address } = this.#client
    socket.send(packet, port, address)
  }

  /** A transport packet that authenticates, with any inner packet. */
  sealForClient(inner: Uint8Array): Buffer {
    if (this.#session === null) throw new Error('there is no session')
    return this.#session.seal(inner)
  }

  #receive(from: Peer, packet: Buffer): void {
    if (this.play === 'silent') return
    if (this.play === 'garbage') {
      this.#client = from
      this.#answer(from, randomBytes(randomInt(1, 200)))
      return
    }
    if (packet[0] === 1 && packet.length === 148) this.#receiveInitiation(from, packet)
    else if (packet[0] === 4) this.#receiveTransport(from, packet)
  }

  #receiveInitiation(from: Peer, packet: Buffer): void {
    const mac1Key = hash(Buffer.from('mac1----'), this.keys.publicKey)
    if (!equalBytes(mac(mac1Key, packet.subarray(0, 116)), packet.subarray(116, 132))) return
    this.initiations.push(packet)
    this.#client = from
    if (this.play === 'loaded' || this.play === 'overloaded') {
      const cookie = mac(this.#cookieSecret, Buffer.from(`${from.address} ${from.port}`))
      const proves = equalBytes(mac(cookie, packet.subarray(0, 132)), packet.subarray(132))
      if (!proves || this.play === 'overloaded') {
        this.#answer(from, this.#cookieReply(packet, cookie))
        return
      }
    }
    const response = this.#respond(packet)
    if (response !== null) this.#answer(from, response)
  }

  #respond(packet: Buffer): Buffer | null {
    const own = this.play === 'other-identity' ? generateKeyPair() : this.keys
    const clientEphemeral = packet.subarray(8, 40)
    const ephemeralKey = publicKeyObject(clientEphemeral)
    const staticKey = publicKeyObject(this.#options.clientPublicKey)

    let chainingKey = hash(Buffer.from('Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s'))
    let transcript = hash(
      hash(chainingKey, Buffer.from('WireGuard v1 zx2c4 Jason@zx2c4.com')),
      this.keys.publicKey,
    )
    transcript = hash(transcript, clientEphemeral)
    chainingKey = deriveKeys(1, chainingKey, clientEphemeral)[0]!
    const [ck1, k1] = deriveKeys(2, chainingKey, agree(this.keys.privateKey, ephemeralKey)!) as [
      Buffer,
      Buffer,
    ]
    const sealedStatic = packet.subarray(40, 88)
    const clientStatic = open(k1, 0, sealedStatic, transcript)
    if (clientStatic === null || !clientStatic.equals(this.#options.clientPublicKey)) return null
    transcript = hash(transcript, sealedStatic)
    const [ck2, k2] = deriveKeys(2, ck1, agree(this.keys.privateKey, staticKey)!) as [Buffer, Buffer]
    const sealedTimestamp = packet.subarray(88, 116)
    const timestamp = open(k2, 0, sealedTimestamp, transcript)
    if (timestamp === null) return null
    const last = this.timestamps.at(-1)
    if (last !== undefined && last.compare(timestamp) >= 0) return null
    this.timestamps.push(timestamp)
    transcript = hash(transcript, sealedTimestamp)

    const ephemeral = generateKeyPair()
    const signer = this.play === 'other-identity' ? own : ephemeral
    transcript = hash(transcript, ephemeral.publicKey)
    chainingKey = deriveKeys(1, ck2, ephemeral.publicKey)[0]!
    chainingKey = deriveKeys(1, chainingKey, agree(signer.privateKey, ephemeralKey)!)[0]!
    chainingKey = deriveKeys(1, chainingKey, agree(signer.privateKey, staticKey)!)[0]!
    const psk = this.#options.presharedKey ?? Buffer.alloc(32)
    const [ck3, mixed, k3] = deriveKeys(3, chainingKey, psk) as [Buffer, Buffer, Buffer]
    const sealedNothing = seal(k3, 0, Buffer.alloc(0), hash(transcript, mixed))
    const [receive, send] = deriveKeys(2, ck3, Buffer.alloc(0)) as [Buffer, Buffer]

    const response = Buffer.alloc(92)
    const localIndex = randomInt(2 ** 32)
    response.writeUInt32LE(2, 0)
    response.writeUInt32LE(localIndex, 4)
    packet.copy(response, 8, 4, 8)
    response.set(ephemeral.publicKey, 12)
    response.set(sealedNothing, 44)
    const mac1Key = hash(Buffer.from('mac1----'), this.#options.clientPublicKey)
    response.set(mac(mac1Key, response.subarray(0, 60)), 60)
    const keys = { localIndex, remoteIndex: packet.readUInt32LE(4), send, receive }
    this.#session = new Session(keys, performance.now())
    return response
  }

  #receiveTransport(from: Peer, packet: Buffer): void {
    const index = packet.readUInt32LE(4)
    const session = [this.#session, this.#used].find((known) => known?.localIndex === index)
    const inner = session?.open(packet) ?? null
    if (!session || inner === null) return
    this.#used = session
    this.#client = from
    if (inner.length === 0) {
      this.keepalives += 1
      return
    }
    this.echoes += 1
    if (this.play === 'no-echo') return
    this.#answer(from, session.seal(turnEchoAround(inner)))
  }

  #cookieReply(packet: Buffer, cookie: Uint8Array): Buffer {
    const nonce = randomBytes(24)
    const key = hash(Buffer.from('cookie--'), this.keys.publicKey)
    const sealed = xchacha20poly1305(key, nonce, packet.subarray(116, 132)).encrypt(cookie)
    return Buffer.concat([Buffer.of(3, 0, 0, 0), packet.subarray(4, 8), nonce, sealed])
  }

  #answer(to: Peer, packet: Buffer): void {
    const packets = this.play === 'replay' ? [packet, packet, ...this.sent] : [packet]
    this.sent.push(packet)
    if (this.losses > 0) {
      this.losses -= 1
      return
    }
    const { delayMs } = this
    const answer = () => {
      for (const each of packets)
        if (this.#sockets.includes(to.socket)) to.socket.send(each, to.port, to.address)
    }
    if (this.isHolding) {
      this.#held.push(answer)
      return
    }
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      answer()
    }, delayMs)
    this.#timers.add(timer)
  }

  /** Sends the answers that wait, of which there is one at least. */
  async release(): Promise<void> {
    await vi.waitFor(() => expect(this.#held).not.toHaveLength(0), { timeout: 5000 })
    this.isHolding = false
    for (const answer of this.#held.splice(0)) answer()
  }
}

/** The request with its addresses exchanged, as a kernel would answer it. */
export function turnEchoAround(request: Buffer): Buffer {
  const reply = Buffer.from(request)
  const isIpv6 = request[0]! >>> 4 === 6
  const [at, length, icmpAt] = isIpv6 ? [8, 16, 40] : [12, 4, 20]
  request.copy(reply, at, at + length, at + 2 * length)
  request.copy(reply, at + length, at, at + length)
  reply[icmpAt] = isIpv6 ? 129 : 0
  // RFC 1624: only the type changed, and with it the checksum. The pseudo-header's sum stays the same.
  const changed = (isIpv6 ? 1 : -8) << 8
  let sum = (~request.readUInt16BE(icmpAt + 2) & 0xffff) + changed
  if (sum < 0) sum += 0xffff
  if (sum > 0xffff) sum -= 0xffff
  reply.writeUInt16BE(~sum & 0xffff, icmpAt + 2)
  return reply
}
