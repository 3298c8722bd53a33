import { DaemonConnection } from '../connection.ts'
import { DaemonError } from '../daemon.ts'
import { type BirdReply, BirdReplyReader, wordsOf } from './reply.ts'

interface BirdClientOptions {
  readonly socketPath: string
  /** For each single reply. */
  readonly deadlineMs?: number
}

/** BIRD resets the connection if a command is longer than some 900 bytes. */
export const maxCommandBytes = 900

/** A client of BIRD's control socket, which accepts the commands of `birdc`. */
export class BirdClient {
  readonly #connection: DaemonConnection<BirdReply>
  #version = ''

  constructor(options: BirdClientOptions) {
    this.#connection = new DaemonConnection({
      daemon: 'BIRD',
      socketPath: options.socketPath,
      deadlineMs: options.deadlineMs ?? 1000,
      createReader: () => new BirdReplyReader(),
      greet: async (exchange) => {
        const greeting = await exchange(null)
        const version = /^BIRD (\S+) ready\.$/.exec(greeting.lines.at(-1)!.text)?.[1]
        if (greeting.code !== 1 || version === undefined) {
          throw new DaemonError('protocol', 'BIRD sent no greeting', { reply: wordsOf(greeting) })
        }
        this.#version = version
      },
    })
  }

  /** BIRD's version, from its greeting. Throws DaemonError. */
  async version(): Promise<string> {
    await this.#connection.open()
    return this.#version
  }

  /**
   * Returns the reply whatever its code; only a failed connection throws a DaemonError. Throws a RangeError if
   * BIRD would not read the command as one.
   */
  send(command: string): Promise<BirdReply> {
    if (Buffer.byteLength(command) > maxCommandBytes || /[\r\n\0]/.test(command)) {
      throw new RangeError('a command is one line of at most 900 bytes')
    }
    return this.#connection.send(`${command}\n`)
  }

  close(): void {
    this.#connection.close()
  }

  /** Closes; resolves when the process may end. */
  leave(): Promise<void> {
    return this.#connection.leave()
  }
}
