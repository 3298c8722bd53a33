import { chmodSync, closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** From a handshake of a peer to the next, in seconds: REKEY_AFTER_TIME of WireGuard. */
export const renewalS = 120

/**
 * Peers that no WireGuard has: a program `wg` prints them from two files with lines of one length, so that a change is a few bytes at a place. wireguard-go has
 * no more than 65,536, and no handshakes without clients.
 */
export class FakePeers {
  constructor(folder, count) {
    this.count = count
    /** To be first in PATH. */
    this.programs = join(folder, 'programs')
    mkdirSync(this.programs, { recursive: true })
    const wg = join(this.programs, 'wg')
    writeFileSync(wg, `#!/bin/sh\nexec cat "${folder}/$2.$3"\n`)
    chmodSync(wg, 0o755)
    const nowS = Math.floor(Date.now() / 1000)
    const numbers = Array.from({ length: count }, (_, number) => number)
    const of = (name) => join(folder, `wg0.${name}`)
    writeFileSync(
      of('latest-handshakes'),
      // The oldest first: they are renewed in this order.
      numbers
        .map((number) => handshakeLine(number, nowS - renewalS + Math.floor((number * renewalS) / count)))
        .join(''),
    )
    writeFileSync(of('endpoints'), numbers.map((number) => endpointLine(number, 51_820)).join(''))
    writeFileSync(of('transfer'), numbers.map((number) => `${keyOf(number)}\t1000000\t1000000\n`).join(''))
    this.handshakes = openSync(of('latest-handshakes'), 'r+')
    this.endpoints = openSync(of('endpoints'), 'r+')
    for (const name of ['latest-handshakes', 'transfer', 'endpoints'])
      writeFileSync(join(folder, `wg1.${name}`), '')
    this.next = 0
  }

  /** Renews the handshakes of so many, one in ten from another port. */
  renew(count) {
    const nowS = Math.floor(Date.now() / 1000)
    for (let done = 0; done < count; done += 1) {
      const number = this.next % this.count
      this.next += 1
      write(this.handshakes, number, handshakeLine(number, nowS))
      if (number % 10 === 0)
        write(this.endpoints, number, endpointLine(number, 20_000 + (this.next % 40_000)))
    }
  }

  close() {
    closeSync(this.handshakes)
    closeSync(this.endpoints)
  }
}

function write(file, number, line) {
  writeSync(file, line, number * line.length, 'latin1')
}

function handshakeLine(number, seconds) {
  return `${keyOf(number)}\t${seconds}\n`
}

function endpointLine(number, port) {
  const address = `198.${100 + (number >> 14)}.${100 + ((number >> 7) & 127)}.${100 + (number & 127)}`
  return `${keyOf(number)}\t${address}:${port}\n`
}

export function keyOf(number) {
  const bytes = Buffer.alloc(32)
  bytes.writeUInt32BE(number)
  return bytes.toString('base64')
}
