import { connect, type Socket } from 'node:net'
import { DaemonError } from './daemon.ts'
import { LateAnswers } from './late-answers.ts'
import { Turns } from './turns.ts'

/** Assembles one reply from its chunks. */
export interface ReplyReader<Reply> {
  /** The reply when it is complete, `null` until then. Throws DaemonError('protocol'). */
  read(chunk: Buffer): Reply | null
}

interface ConnectionOptions<Reply> {
  /** The daemon's name in messages. */
  readonly daemon: string
  readonly socketPath: string
  /** For each single reply. */
  readonly deadlineMs: number
  readonly createReader: () => ReplyReader<Reply>
  /** The first exchange on a new connection; a `null` request waits for the daemon's greeting. */
  readonly greet: (exchange: (request: string | null) => Promise<Reply>) => Promise<void>
}

interface Pending<Reply> {
  readonly socket: Socket
  readonly isGreeting: boolean
  readonly reader: ReplyReader<Reply>
  readonly resolve: (reply: Reply) => void
  readonly reject: (error: Error) => void
  readonly timer: NodeJS.Timeout
}

/**
 * One connection to a daemon's control socket: opened on demand, kept open, one request at a time. After an error the next
 * request uses another, so that a late reply is never read as its answer.
 */
export class DaemonConnection<Reply> {
  readonly #options: ConnectionOptions<Reply>
  readonly #turns = new Turns()
  readonly #late = new LateAnswers()
  #socket: Socket | null = null
  #pending: Pending<Reply> | null = null
  #closed = false

  constructor(options: ConnectionOptions<Reply>) {
    this.#options = options
  }

  /** Connects unless connected. Throws DaemonError. */
  open(): Promise<void> {
    return this.#take(async () => {
      await this.#connected()
    })
  }

  /** Throws DaemonError. */
  send(request: string): Promise<Reply> {
    return this.#take(async () => this.#exchange(await this.#connected(), request))
  }

  /** Rejects the current request; a later call connects again. */
  drop(): void {
    if (this.#socket !== null) this.#drop(this.#socket, this.#gone('dropped'))
  }

  /** Rejects the current request, queued requests and every later call. */
  close(): void {
    this.#closed = true
    this.drop()
  }

  /** Closes. Resolves when the daemon has completed its answers, or after two seconds: then the process may end. */
  leave(): Promise<void> {
    this.close()
    return this.#late.end()
  }

  #take<T>(job: () => Promise<T>): Promise<T> {
    return this.#turns.take(async () => {
      if (this.#closed) throw this.#gone('closed')
      return job()
    })
  }

  async #connected(): Promise<Socket> {
    if (this.#socket !== null) return this.#socket
    const socket = connect({ path: this.#options.socketPath })
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => this.#receive(socket, chunk))
    socket.on('error', (error) => this.#drop(socket, this.#explain(error)))
    socket.on('close', () => {
      this.#drop(socket, new DaemonError('disconnected', `${this.#options.daemon} closed the connection`))
    })
    try {
      await this.#options.greet((request) => this.#exchange(socket, request, true))
    } catch (error) {
      this.#drop(socket, error as Error)
      throw error
    }
    return socket
  }

  #exchange(socket: Socket, request: string | null, isGreeting = false): Promise<Reply> {
    const { daemon, deadlineMs, createReader } = this.#options
    return new Promise<Reply>((resolve, reject) => {
      if (this.#socket !== socket) {
        reject(new DaemonError('disconnected', `the connection to ${daemon} broke`))
        return
      }
      const expire = () => {
        if (this.#pending !== pending) return
        const waited = request === null ? 'the greeting' : `the answer to "${request.replace(/[\0\n]$/, '')}"`
        this.#drop(socket, new DaemonError('timeout', `${daemon} did not send ${waited} in ${deadlineMs} ms`))
      }
      const pending: Pending<Reply> = {
        socket,
        isGreeting,
        reader: createReader(),
        resolve,
        reject,
        // On a busy host the answer may have arrived when the timer fires late: the immediate runs after pending
        // input.
        timer: setTimeout(() => setImmediate(expire), deadlineMs),
      }
      this.#pending = pending
      if (request !== null) socket.write(request)
    })
  }

  #receive(socket: Socket, chunk: Buffer): void {
    const pending = this.#pending
    if (pending === null || pending.socket !== socket) {
      this.#drop(socket, new DaemonError('protocol', `${this.#options.daemon} sent data without a request`))
      return
    }
    try {
      const reply = pending.reader.read(chunk)
      if (reply === null) return
      this.#pending = null
      clearTimeout(pending.timer)
      pending.resolve(reply)
    } catch (error) {
      this.#drop(socket, error as Error)
    }
  }

  #drop(socket: Socket, error: Error): void {
    if (this.#socket === socket) this.#socket = null
    const pending = this.#pending?.socket === socket ? this.#pending : null
    if (pending?.isGreeting === false && !socket.destroyed) this.#late.add(socket)
    else socket.destroy()
    if (pending === null) return
    this.#pending = null
    clearTimeout(pending.timer)
    pending.reject(error)
  }

  #explain(error: NodeJS.ErrnoException): DaemonError {
    const { daemon, socketPath } = this.#options
    switch (error.code) {
      case 'ENOENT':
      case 'ECONNREFUSED':
      case 'ENOTSOCK':
      case 'ENOTDIR':
        return new DaemonError('not-running', `${daemon} does not listen on ${socketPath} (${error.code})`, {
          cause: error,
        })
      case 'EACCES':
      case 'EPERM':
        return new DaemonError('permission', `no permission to open ${daemon}'s socket ${socketPath}`, {
          cause: error,
        })
      // The backlog of a stopped daemon is full of abandoned connections.
      case 'EAGAIN':
        return new DaemonError('timeout', `${daemon} accepts no more connections on ${socketPath}`, {
          cause: error,
        })
      default:
        return new DaemonError('disconnected', `the connection to ${daemon} broke (${error.code})`, {
          cause: error,
        })
    }
  }

  #gone(how: 'closed' | 'dropped'): DaemonError {
    return new DaemonError('disconnected', `the connection to ${this.#options.daemon} was ${how}`)
  }
}
