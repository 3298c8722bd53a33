import { chmodSync, closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** From a handshake of a peer to the next, in seconds: REKEY_AFTER_TIME of WireGuard. */
export const renewalS = 120

const header = `${'a'.repeat(43)}=\t${'b'.repeat(43)}=\t51820\toff\n`

/**
 * Peers that no WireGuard has: a program `wg` prints them from a file with lines of one length, so that a change is a few bytes at a
 * place. wireguard-go has no more than 65,536, and no handshakes without clients.
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
    // The oldest first: they are renewed in this order.
    const agoOf = (number) => renewalS - Math.floor((number * renewalS) / count)
    const lines = Array.from({ length: count }, (_, number) => lineOf(number, 51_820, nowS - agoOf(number)))
    writeFileSync(join(folder, 'wg0.dump'), header + lines.join(''))
    writeFileSync(join(folder, 'wg1.dump'), header)
    this.file = openSync(join(folder, 'wg0.dump'), 'r+')
    this.ports = new Map()
    this.next = 0
  }

  /** Renews the handshakes of so many, one in ten from another port. */
  renew(count) {
    const nowS = Math.floor(Date.now() / 1000)
    for (let done = 0; done < count; done += 1) {
      const number = this.next % this.count
      this.next += 1
      if (number % 10 === 0) this.ports.set(number, 20_000 + (this.next % 40_000))
      const line = lineOf(number, this.ports.get(number) ?? 51_820, nowS)
      writeSync(this.file, line, header.length + number * line.length, 'latin1')
    }
  }

  close() {
    closeSync(this.file)
  }
}

function lineOf(number, port, seconds) {
  const [a, b, c] = [number >> 14, (number >> 7) & 127, number & 127].map((part) => 100 + part)
  const settings = `(none)\t198.${a}.${b}.${c}:${port}\t10.${a}.${b}.${c}/32`
  return `${keyOf(number)}\t${settings}\t${seconds}\t1000000\t1000000\toff\n`
}

export function keyOf(number) {
  const bytes = Buffer.alloc(32)
  bytes.writeUInt32BE(number)
  return bytes.toString('base64')
}
