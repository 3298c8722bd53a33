import { connect, type Socket } from 'node:net'
import type { Clock, Timer } from '../../clock/clock.ts'
import { readArgv } from '../../linux/proc.ts'
import { trySignal } from '../../linux/try-signal.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import type { Log } from '../../telemetry/log.ts'
import { termsOf } from './guard.ts'
import { type GuardReply, type GuardRequest, guardSocketOf, readReplies } from './protocol.ts'

interface GuardClientOptions {
  readonly manifest: Manifest
  /** Of the bundle. A guard with another serial is replaced. */
  readonly serial: string
  /** Starts a guard that outlives this process. */
  readonly spawn: () => Promise<SpawnedGuard>
  readonly log: Log
  readonly clock: Clock
}

export interface SpawnedGuard {
  readonly pid: number
  readonly ended: () => boolean
}

/** The controller's side of the watchdog deadlines. No method throws or waits for the guard. */
export interface GuardClient {
  /** How often to call `renew`: a fifth of the shortest `deadMan` time. */
  readonly intervalMs: number
  /** Connects to the running guard, or starts one. Retries until `close`. */
  start(): void
  /** Renews the deadlines of these services. Services with `deadMan: keep` are ignored. */
  renew(services: readonly string[]): void
  /** Ends the deadlines of these services without a withdrawal. Resolves on the guard's reply, or after 500 ms. */
  release(services: readonly string[]): Promise<void>
  /** Extends the deadlines until the next controller starts. Resolves like `release`. */
  handOver(): Promise<void>
  /** Ends the connection. The deadlines stay. */
  close(): void
  readonly state: GuardState
}

export interface GuardState {
  /** Whether the guard answered the last renewal in time. */
  readonly holding: boolean
  readonly pid: number | null
  /** Why the services are not guarded, as a sentence. */
  readonly problem: string | null
}

/** Milliseconds. */
const timing = {
  reconnect: 50,
  release: 500,
  /** In which a guard normally answers after the controller's start, also where it replaces one of another bundle. */
  firstAnswer: 5_000,
  /** How long a guard may take to start on a machine that is busy. One that is killed too early never starts. */
  start: 30_000,
  respawnFirst: 100,
  respawnMost: 30_000,
} as const

/** `null` if no service has a `deadMan` time: there is nothing to guard. */
export function createGuardClient(options: GuardClientOptions): GuardClient | null {
  const terms = termsOf(options.manifest)
  return terms.size === 0 ? null : new Client(options, terms)
}

class Client implements GuardClient {
  readonly intervalMs: number
  readonly #options: GuardClientOptions
  readonly #guarded: ReadonlySet<string>
  readonly #termMs: number
  #socket: Socket | null = null
  #timer: Timer | undefined
  #guard: GuardReply | null = null
  #unanswered = 0
  /** When the oldest message that has no answer yet was sent. */
  #unansweredSince: number | null = null
  #answered = new Set<() => void>()
  #renewed: { services: readonly string[]; at: number } | null = null
  /** The final request of this controller. */
  #last: GuardRequest | null = null
  #problem: string | null = 'the guard has not started yet'
  #loggedProblem: string | null = null
  #startedAt: number | null = null
  #hasHeld = false
  #spawned: SpawnedGuard | null = null
  #spawning = false
  #spawnedAt = Number.NEGATIVE_INFINITY
  #respawnMs: number = timing.respawnFirst
  #closed = false

  constructor(options: GuardClientOptions, terms: ReadonlyMap<string, number>) {
    this.#options = options
    this.#guarded = new Set(terms.keys())
    this.#termMs = Math.min(...terms.values())
    this.intervalMs = this.#termMs / 5
  }

  get state(): GuardState {
    return { holding: this.#problem === null, pid: this.#guard?.pid ?? null, problem: this.#problem }
  }

  start(): void {
    if (this.#closed || this.#socket !== null) return
    this.#startedAt ??= this.#options.clock.now()
    const socket = connect({ path: guardSocketOf(this.#options.manifest) })
    this.#socket = socket
    socket.setEncoding('utf8')
    const reader = readReplies()
    let cause = 'the guard closed the connection'
    let wasThere = false
    socket.on('connect', () => {
      wasThere = true
      const { manifest } = this.#options
      this.#send(this.#firstRequest())
      this.#options.log.debug({ event: 'guard', node: manifest.node }, 'connected to the guard')
    })
    socket.on('data', (chunk: string) => {
      try {
        for (const reply of reader.read(chunk)) this.#take(reply)
      } catch (error) {
        cause = `the reply of the guard is not valid: ${(error as Error).message}`
        socket.destroy()
      }
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      cause = `the guard cannot be reached (${error.code})`
    })
    socket.on('close', () => {
      this.#socket = null
      this.#unanswered = 0
      this.#unansweredSince = null
      if (this.#closed) return
      this.#fail(cause)
      if (!wasThere) void this.#spawn()
      this.#timer = this.#options.clock.after(timing.reconnect, () => this.start())
    })
  }

  renew(services: readonly string[]): void {
    if (this.#last !== null) return
    const now = this.#options.clock.now()
    this.#renewed = { services: services.filter((service) => this.#guarded.has(service)), at: now }
    if (this.#socket === null || this.#socket.connecting) return
    if (this.#unansweredSince !== null) {
      const silentMs = now - this.#unansweredSince
      if (silentMs > this.intervalMs * 2) this.#fail('the guard does not answer')
      // A guard that hangs this long guards nothing, and blocks the socket for another one.
      if (silentMs > this.#termMs) void this.#killHung()
      // Unread requests must not fill the memory.
      if (silentMs > this.intervalMs * 2) return
    }
    this.#send({ type: 'renew', services: this.#renewed.services })
  }

  release(services: readonly string[]): Promise<void> {
    return this.#sendLast({ type: 'release', services: [...services] })
  }

  handOver(): Promise<void> {
    return this.#sendLast({ type: 'hand-over' })
  }

  /**
   * Sends the final request of this controller: no renewal follows it. While one guard replaces another, there is no
   * connection for a moment, and the request would get lost: it is sent on the next one.
   */
  async #sendLast(request: GuardRequest): Promise<void> {
    this.#last = request
    // No guard has ever answered, and none is starting: there is no deadline to end or extend.
    if (this.#socket === null && this.#guard === null && this.#spawned?.ended() !== false) return
    await new Promise<void>((resolve) => {
      const timer = this.#options.clock.after(timing.release, resolve)
      // Replies come in order: the last one is for this request.
      const waitForLast = () => {
        if (this.#unansweredSince !== null) {
          this.#answered.add(waitForLast)
          return
        }
        timer.cancel()
        resolve()
      }
      if (this.#socket?.readyState === 'open') this.#send(request)
      this.#answered.add(waitForLast)
    })
  }

  #firstRequest(): GuardRequest {
    if (this.#last !== null) return this.#last
    // Repeat the last renewal: the deadlines may have ended with the previous guard.
    const fresh = this.#renewed !== null && this.#options.clock.now() - this.#renewed.at < this.intervalMs
    return fresh ? { type: 'renew', services: this.#renewed!.services } : { type: 'ask' }
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
    this.#socket?.destroy()
  }

  #send(request: GuardRequest): void {
    this.#unanswered += 1
    this.#unansweredSince ??= this.#options.clock.now()
    this.#socket?.write(`${JSON.stringify(request)}\n`)
  }

  #take(reply: GuardReply): void {
    this.#unanswered = Math.max(0, this.#unanswered - 1)
    this.#unansweredSince = this.#unanswered === 0 ? null : this.#options.clock.now()
    this.#guard = reply
    const waiting = [...this.#answered]
    this.#answered.clear()
    for (const resolve of waiting) resolve()
    if (reply.serial !== this.#options.serial) {
      this.#fail('the running guard has another bundle')
      void this.#spawn()
      return
    }
    this.#respawnMs = timing.respawnFirst
    if (this.#problem !== null) {
      this.#options.log.info({ event: 'guard', pid: reply.pid }, 'the guard holds the watchdog deadlines')
    }
    this.#problem = null
    this.#loggedProblem = null
    this.#hasHeld = true
  }

  #fail(problem: string): void {
    this.#problem = problem
    // While the first guard starts, this is not an error. One that has ended does not start.
    const ageMs = this.#options.clock.now() - (this.#startedAt ?? Number.NEGATIVE_INFINITY)
    if (!this.#hasHeld && ageMs < timing.firstAnswer && this.#spawned?.ended() !== true) return
    if (this.#loggedProblem === problem) return
    this.#loggedProblem = problem
    this.#options.log.error(
      { event: 'guard', cause: problem },
      `${problem}: nothing withdraws if this controller fails`,
    )
  }

  /** Starts one guard at a time, and no further one while one is still starting. */
  async #spawn(): Promise<void> {
    const now = this.#options.clock.now()
    const isStarting = this.#spawned?.ended() === false && now - this.#spawnedAt < timing.start
    if (
      this.#closed ||
      this.#last !== null ||
      this.#spawning ||
      isStarting ||
      now - this.#spawnedAt < this.#respawnMs
    )
      return
    this.#spawning = true
    this.#spawnedAt = now
    this.#respawnMs = Math.min(this.#respawnMs * 2, timing.respawnMost)
    try {
      // Only a guard that never listened, not one that is being replaced for another bundle.
      if (this.#socket === null && this.#spawned?.ended() === false)
        process.kill(this.#spawned.pid, 'SIGKILL')
      this.#spawned = await this.#options.spawn()
    } catch (error) {
      this.#loggedProblem = null
      this.#options.log.error(
        { event: 'guard', cause: (error as Error).message },
        `the guard cannot be started: ${(error as Error).message}`,
      )
    } finally {
      this.#spawning = false
    }
  }

  /** A guard that hangs keeps the lock, so that no other guard can start. */
  async #killHung(): Promise<void> {
    const pid = this.#guard?.pid
    this.#unansweredSince = this.#options.clock.now()
    if (pid === undefined) return
    if (!(await readArgv(pid)).includes('guard')) return
    this.#options.log.error(
      { event: 'guard', pid },
      'the guard hangs: it is killed, and another one is started',
    )
    trySignal(pid, 'SIGKILL')
  }
}
