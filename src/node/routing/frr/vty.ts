import { DaemonConnection } from '../connection.ts'
import { DaemonError } from '../daemon.ts'
import { type VtyReply, VtyReplyReader } from './reply.ts'

interface VtyOptions {
  /** The process, for messages. Left out: bgpd. */
  readonly daemon?: string
  readonly socketPath: string
  /** For each single reply. */
  readonly deadlineMs?: number
}

/** A client of the vty socket of bgpd or another of FRR's daemons, in the mode that `enable` gives. */
export class Vty {
  readonly #connection: DaemonConnection<VtyReply>
  readonly #daemon: string
  #connections = 0

  constructor(options: VtyOptions) {
    const { daemon = 'bgpd' } = options
    this.#daemon = daemon
    this.#connection = new DaemonConnection({
      daemon,
      socketPath: options.socketPath,
      deadlineMs: options.deadlineMs ?? 1000,
      createReader: () => new VtyReplyReader(),
      greet: async (exchange) => {
        const reply = await exchange('enable\0')
        if (reply.status !== 0) throw refusal('enable', reply, daemon)
        this.#connections++
      },
    })
  }

  /** The number of connections so far: an increase may mean that bgpd has restarted. */
  get connections(): number {
    return this.#connections
  }

  /** Returns the reply whatever its status; only a failed connection throws a DaemonError. */
  send(command: string): Promise<VtyReply> {
    if (/[\r\n\0]/.test(command)) throw new RangeError('a command is one line')
    return this.#connection.send(`${command}\0`)
  }

  /** The text of a reply with status 0. Throws DaemonError. */
  async ask(command: string): Promise<string> {
    const reply = await this.send(command)
    if (reply.status !== 0) throw refusal(command, reply, this.#daemon)
    return reply.text
  }

  /** Leaves the current mode by closing the connection; the next command connects again. */
  drop(): void {
    this.#connection.drop()
  }

  close(): void {
    this.#connection.close()
  }

  /** Closes; resolves when the process may end. */
  leave(): Promise<void> {
    return this.#connection.leave()
  }
}

export function refusal(command: string, reply: VtyReply, daemon = 'bgpd'): DaemonError {
  const words = reply.text.trim()
  return new DaemonError('refused', `${daemon} refused "${command}" (status ${reply.status}): ${words}`, {
    reply: words,
  })
}
