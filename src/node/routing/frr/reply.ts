import type { ReplyReader } from '../connection.ts'
import { DaemonError } from '../daemon.ts'

export interface VtyReply {
  /** 0 success, 1 warning, 2 unknown command, 13 configuration failed: lib/command.h of FRR. */
  readonly status: number
  readonly text: string
}

const maxReplyBytes = 4 * 1024 * 1024

/** Reads text up to three NULs and one status byte. */
export class VtyReplyReader implements ReplyReader<VtyReply> {
  readonly #chunks: Buffer[] = []
  #bytes = 0
  /** The end of the text; -1 until it is known. */
  #textBytes = -1

  read(chunk: Buffer): VtyReply | null {
    const nul = this.#textBytes === -1 ? chunk.indexOf(0) : -1
    if (nul !== -1) this.#textBytes = this.#bytes + nul
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    if (this.#bytes > maxReplyBytes) throw unreadable(`sent more than ${maxReplyBytes} bytes`)
    if (this.#textBytes === -1 || this.#bytes < this.#textBytes + 4) return null
    const whole = Buffer.concat(this.#chunks)
    const tail = whole.subarray(this.#textBytes)
    if (tail.length > 4) throw unreadable('went on after the end of its reply')
    if (tail[1] !== 0 || tail[2] !== 0) throw unreadable('ended a reply without three NULs')
    return { status: tail[3]!, text: whole.toString('utf8', 0, this.#textBytes) }
  }
}

function unreadable(problem: string): DaemonError {
  return new DaemonError('protocol', `bgpd ${problem}`)
}
