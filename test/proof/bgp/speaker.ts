import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Family } from '../../../src/net/prefix.ts'
import { patience } from '../../patience.ts'
import { readUpdate } from './read-update.ts'
import {
  encodeEndOfRib,
  encodeMessage,
  encodeOpen,
  encodeRefresh,
  encodeUpdate,
  encodeWithdrawal,
  messageTypes,
  type WireRoute,
} from './wire.ts'

export interface SpeakerOptions {
  /** The Unix socket of the relay in the neighbor's namespace. */
  readonly relay: string
  readonly asn: number
  readonly routerId: string
  readonly address: string
  /** The daemon's end of the session. */
  readonly peerAddress: string
  readonly families: readonly Family[]
  /** RFC 8950. */
  readonly extendsNextHops: boolean
  /** The interface, for link-local addresses. */
  readonly link: string | null
  /** RFC 9234: the number in the capability; `null`: the neighbor does not support roles. */
  readonly role: number | null
}

/** A neighbor that advertises the given routes, and records the routes that it received. */
export class Speaker {
  /** The routes that the daemon has announced and not withdrawn, by prefix. */
  readonly received = new Map<string, WireRoute>()
  /** UPDATEs sent on this session, End-of-RIB included. */
  updatesSent = 0
  readonly #options: SpeakerOptions
  readonly #socket: Socket
  #buffer = Buffer.alloc(0)
  #established = false
  #endsOfRib = 0
  #refreshesEnded = 0
  #ending: string | null = null
  readonly #keepalive = setInterval(() => this.#sendKeepalive(), 30_000)

  private constructor(options: SpeakerOptions, socket: Socket) {
    this.#options = options
    this.#socket = socket
    socket.on('data', (data: Buffer) => this.#read(data))
    socket.on('close', () => this.#end('the daemon closed the connection'))
    socket.on('error', (error) => this.#end(error.message))
    this.#write(encodeOpen(options))
    socket.resume()
  }

  /** Connects until the session is established. A daemon that refuses for `withinMs` is an error with its last message. */
  static async open(options: SpeakerOptions, withinMs = 30_000): Promise<Speaker> {
    const end = performance.now() + patience(withinMs)
    for (;;) {
      const socket = await dial(options)
      let why = typeof socket === 'string' ? socket : ''
      if (typeof socket !== 'string') {
        const speaker = new Speaker(options, socket)
        const failure = await speaker.#until(() => speaker.#established, 5_000).catch(String)
        if (failure === undefined) return speaker
        speaker.close()
        why = failure
      }
      if (performance.now() > end) {
        throw new Error(`no session from ${options.address} (AS${options.asn}) in ${withinMs} ms: ${why}`)
      }
      await delay(20)
    }
  }

  announce(routes: readonly WireRoute[]): void {
    for (const route of routes) this.#write(encodeUpdate(route))
    this.updatesSent += routes.length
  }

  withdraw(prefixes: readonly string[]): void {
    for (const prefix of prefixes) this.#write(encodeWithdrawal(prefix))
    this.updatesSent += prefixes.length
  }

  endOfRib(): void {
    for (const family of this.#options.families) this.#write(encodeEndOfRib(family))
    this.updatesSent += this.#options.families.length
  }

  /**
   * Asks for everything again and waits for the end marker (RFC 7313). A daemon reads its neighbor's messages in
   * order, so what was announced before has been through its filters then.
   */
  async refresh(withinMs = 20_000): Promise<void> {
    const { families } = this.#options
    const wanted = this.#refreshesEnded + families.length
    const untilAwake = (done: () => boolean) =>
      this.#until(() => {
        // Wakes BIRD, whose main loop would sleep up to three seconds on the event that sends a marker.
        this.#sendKeepalive()
        return done()
      }, withinMs)
    // BIRD ignores a refresh request during its initial advertisement.
    await untilAwake(() => this.#endsOfRib >= families.length)
    for (const family of families) this.#write(encodeRefresh(family))
    await untilAwake(() => this.#refreshesEnded >= wanted)
  }

  /** Throws the daemon's last message if the session has ended. */
  assertUp(): void {
    if (this.#ending !== null) throw new Error(`AS${this.#options.asn}: ${this.#ending}`)
  }

  close(): void {
    clearInterval(this.#keepalive)
    this.#ending ??= 'closed here'
    this.#socket.destroy()
  }

  async #until(done: () => boolean, withinMs: number): Promise<void> {
    const end = performance.now() + patience(withinMs)
    while (!done()) {
      this.assertUp()
      if (performance.now() > end) throw new Error(`AS${this.#options.asn}: no answer in ${withinMs} ms`)
      await delay(5)
    }
  }

  #sendKeepalive(): void {
    this.#write(encodeMessage(messageTypes.keepalive, new Uint8Array()))
  }

  #write(message: Buffer): void {
    if (this.#ending === null) this.#socket.write(message)
  }

  #end(why: string): void {
    this.#ending ??= why
    clearInterval(this.#keepalive)
  }

  #read(data: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, data])
    while (this.#buffer.length >= 19) {
      const length = this.#buffer.readUInt16BE(16)
      if (this.#buffer.length < length) return
      const type = this.#buffer[18]!
      const body = this.#buffer.subarray(19, length)
      this.#buffer = this.#buffer.subarray(length)
      this.#take(type, body)
    }
  }

  #take(type: number, body: Buffer): void {
    if (type === messageTypes.open) this.#sendKeepalive()
    else if (type === messageTypes.keepalive) this.#established = true
    else if (type === messageTypes.notification)
      this.#end(`NOTIFICATION ${body[0]}/${body[1]} ${body.subarray(2).toString('latin1')}`)
    // Subtype 2 is EoRR.
    else if (type === messageTypes.refresh && body[2] === 2) this.#refreshesEnded += 1
    else if (type === messageTypes.update) {
      const { announced, withdrawn } = readUpdate(body)
      if (announced.length === 0 && withdrawn.length === 0) this.#endsOfRib += 1
      for (const prefix of withdrawn) this.received.delete(prefix)
      for (const route of announced) this.received.set(route.prefix, route)
    }
  }
}

/** The connection, or why there is none. */
function dial({ relay, address, peerAddress, link }: SpeakerOptions): Promise<Socket | string> {
  return new Promise((resolve) => {
    const socket = connect({ path: relay })
    const zone = link === null ? '' : `%${link}`
    socket.write(JSON.stringify({ from: address + zone, to: peerAddress + zone, port: 179 }))
    socket.once('error', (error) => resolve(error.message))
    socket.once('data', (answer: Buffer) => {
      // The daemon sends nothing before it has accepted, but its OPEN may arrive in the same chunk.
      const lineEnd = answer.indexOf('\n') + 1
      if (answer[0] !== 0x2b) return resolve(answer.subarray(1).toString().trim())
      socket.removeAllListeners('error')
      socket.pause()
      if (answer.length > lineEnd) socket.unshift(answer.subarray(lineEnd))
      resolve(socket)
    })
  })
}

/** Makes the relay listen in its namespace and pass each connection to a server on a Unix socket. */
export function forwardPort(
  relay: string,
  listener: { readonly listen: string; readonly port: number; readonly forward: string },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path: relay })
    socket.write(JSON.stringify(listener))
    socket.once('error', reject)
    socket.once('data', () => {
      socket.destroy()
      resolve()
    })
  })
}
