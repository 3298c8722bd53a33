import { rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { execa } from 'execa'
import { freeze } from '../freeze.ts'
import { until } from './until.ts'

interface DaemonOptions {
  readonly namespace: string
  readonly argv: readonly [string, ...string[]]
  readonly socketPath: string
  /** Loads the configuration, for a daemon that starts without one. */
  readonly afterStart?: () => Promise<void>
}

/** A daemon in the foreground, in a namespace; `ip netns exec` becomes it, so the pid is its own. */
export class Daemon {
  readonly #options: DaemonOptions
  #process: ReturnType<typeof run> | null = null

  constructor(options: DaemonOptions) {
    this.#options = options
  }

  get pid(): number {
    return this.#process!.pid!
  }

  async start(): Promise<void> {
    const { namespace, argv, socketPath, afterStart } = this.#options
    // A stale socket would be mistaken for a running daemon.
    await rm(socketPath, { force: true })
    this.#process = run(namespace, argv)
    await until(`${argv[0]} listens`, async () =>
      (await listens(socketPath)) ? null : 'the socket does not accept connections',
    )
    await afterStart?.()
  }

  freeze(): Promise<void> {
    return freeze(this.pid)
  }

  thaw(): void {
    process.kill(this.pid, 'SIGCONT')
  }

  /** By SIGKILL: the socket stays. */
  async kill(): Promise<void> {
    this.#process?.kill('SIGKILL')
    await this.#process
    this.#process = null
  }
}

function run(namespace: string, argv: readonly string[]) {
  return execa('ip', ['netns', 'exec', namespace, ...argv], { reject: false, stdin: 'ignore', all: true })
}

function listens(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path: socketPath })
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}
