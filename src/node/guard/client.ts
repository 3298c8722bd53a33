import { readFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import type { Manifest } from '../../manifest/manifest.ts'
import type { Log } from '../../telemetry/log.ts'
import { termsOf } from './guard.ts'
import { type GuardReply, type GuardRequest, guardSocketOf, readReplies } from './protocol.ts'

interface GuardClientOptions {
  readonly manifest: Manifest
  /** Of the bundle: a guard with another one is replaced. */
  readonly serial: string
  /** Starts a guard that outlives us. */
  readonly spawn: () => Promise<SpawnedGuard>
  readonly log: Log
}

export interface SpawnedGuard {
  readonly pid: number
  readonly ended: () => boolean
}

/** The controller's side of the lease. Nothing of it throws or waits for the guard. */
export interface GuardClient {
  /** How often `renew` is to be called: a fifth of the shortest dead man's time. */
  readonly intervalMs: number
  /** Connects to the guard that runs, or starts one; goes on doing so until `close`. */
  start(): void
  /** Vouches for these services; those with `deadMan: keep` are left out by itself. */
  renew(services: readonly string[]): void
  /** Ends the leases of these services without a withdrawal. Resolves when the guard has it, or after 500 ms. */
  release(services: readonly string[]): Promise<void>
  /** The next controller has some time more to come. Resolves like `release`. */
  handOver(): Promise<void>
  /** Ends the connection. The leases run on. */
  close(): void
  readonly state: GuardState
}

export interface GuardState {
  /** Whether the guard answered the last renewal in time. */
  readonly holding: boolean
  readonly pid: number | null
  /** Why it does not hold, in words. */
  readonly problem: string | null
}

/** Milliseconds. */
const timing = {
  reconnect: 50,
  release: 500,
  /** How long a guard may take to start on a machine that is busy. */
  start: 10_000,
  respawnFirst: 100,
  respawnMost: 30_000,
} as const

/** `null` where no service has a dead man: there is nothing to guard. */
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
  #timer: NodeJS.Timeout | undefined
  #guard: GuardReply | null = null
  #unanswered = 0
  /** When the oldest message that has no answer yet was sent. */
  #unansweredSince: number | null = null
  #answered = new Set<() => void>()
  #vouched: { services: readonly string[]; at: number } | null = null
  #problem: string | null = 'the guard is not there yet'
  #saidProblem: string | null = null
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
    const socket = connect({ path: guardSocketOf(this.#options.manifest) })
    this.#socket = socket
    socket.setEncoding('utf8')
    const reader = readReplies()
    let cause = 'the guard ended the connection'
    let wasThere = false
    socket.on('connect', () => {
      wasThere = true
      const { manifest } = this.#options
      // What was vouched for while nobody listened; the guard before it may have ended with the lease.
      const fresh = this.#vouched !== null && performance.now() - this.#vouched.at < this.intervalMs
      this.#send(fresh ? { type: 'renew', services: this.#vouched!.services } : { type: 'ask' })
      this.#options.log.debug({ event: 'guard', node: manifest.node }, 'connected to the guard')
    })
    socket.on('data', (chunk: string) => {
      try {
        for (const reply of reader.read(chunk)) this.#take(reply)
      } catch (error) {
        cause = `the guard does not speak as one: ${(error as Error).message}`
        socket.destroy()
      }
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      cause = `the guard can not be reached (${error.code})`
    })
    socket.on('close', () => {
      this.#socket = null
      this.#unansweredSince = null
      if (this.#closed) return
      this.#fail(cause)
      if (!wasThere) void this.#spawn()
      this.#timer = setTimeout(() => this.start(), timing.reconnect)
    })
  }

  renew(services: readonly string[]): void {
    const now = performance.now()
    this.#vouched = { services: services.filter((service) => this.#guarded.has(service)), at: now }
    if (this.#socket === null || this.#socket.connecting) return
    if (this.#unansweredSince !== null) {
      const silentMs = now - this.#unansweredSince
      if (silentMs > this.intervalMs * 2) this.#fail('the guard does not answer')
      // It would hold the lease against us, or nobody's: either way it is none.
      if (silentMs > this.#termMs) void this.#killHung()
      // Nor must what nobody reads fill our memory.
      if (silentMs > this.intervalMs * 2) return
    }
    this.#send({ type: 'renew', services: this.#vouched.services })
  }

  release(services: readonly string[]): Promise<void> {
    return this.#say({ type: 'release', services: [...services] })
  }

  handOver(): Promise<void> {
    return this.#say({ type: 'hand-over' })
  }

  /** The last word: there is no renewal after it. */
  async #say(request: GuardRequest): Promise<void> {
    this.#vouched = null
    if (this.#socket === null) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timing.release)
      const done = () => {
        clearTimeout(timer)
        resolve()
      }
      // The answers come in order: the last of them is this one's.
      const waitForLast = () => {
        if (this.#unansweredSince === null) done()
        else this.#answered.add(waitForLast)
      }
      this.#send(request)
      this.#answered.add(waitForLast)
    })
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#socket?.destroy()
  }

  #send(request: GuardRequest): void {
    this.#unanswered += 1
    this.#unansweredSince ??= performance.now()
    this.#socket?.write(`${JSON.stringify(request)}\n`)
  }

  #take(reply: GuardReply): void {
    this.#unanswered = Math.max(0, this.#unanswered - 1)
    this.#unansweredSince = this.#unanswered === 0 ? null : performance.now()
    this.#guard = reply
    const waiting = [...this.#answered]
    this.#answered.clear()
    for (const tell of waiting) tell()
    if (reply.serial !== this.#options.serial) {
      this.#fail('the guard that runs knows another bundle')
      void this.#spawn()
      return
    }
    this.#respawnMs = timing.respawnFirst
    if (this.#problem !== null) {
      this.#options.log.info({ event: 'guard', pid: reply.pid }, 'the guard holds the lease')
    }
    this.#problem = null
    this.#saidProblem = null
  }

  #fail(problem: string): void {
    this.#problem = problem
    // The first second of a guard that is being started is no trouble.
    if (this.#guard === null && performance.now() - this.#spawnedAt < timing.start) return
    if (this.#saidProblem === problem) return
    this.#saidProblem = problem
    this.#options.log.error(
      { event: 'guard', cause: problem },
      `${problem}: nobody withdraws if this controller dies`,
    )
  }

  /** One at a time, and never a second beside one that is still coming up. */
  async #spawn(): Promise<void> {
    const now = performance.now()
    const isComingUp = this.#spawned?.ended() === false && now - this.#spawnedAt < timing.start
    if (this.#closed || this.#spawning || isComingUp || now - this.#spawnedAt < this.#respawnMs) return
    this.#spawning = true
    this.#spawnedAt = now
    this.#respawnMs = Math.min(this.#respawnMs * 2, timing.respawnMost)
    try {
      // One that never came up; not one that makes room for another bundle's.
      if (this.#socket === null && this.#spawned?.ended() === false)
        process.kill(this.#spawned.pid, 'SIGKILL')
      this.#spawned = await this.#options.spawn()
    } catch (error) {
      this.#saidProblem = null
      this.#options.log.error(
        { event: 'guard', cause: (error as Error).message },
        `no guard can be started: ${(error as Error).message}`,
      )
    } finally {
      this.#spawning = false
    }
  }

  /** A guard that is stopped holds the place, so that no other can guard. */
  async #killHung(): Promise<void> {
    const pid = this.#guard?.pid
    this.#unansweredSince = performance.now()
    if (pid === undefined) return
    const argv = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    if (!argv.split('\0').includes('guard')) return
    this.#options.log.error(
      { event: 'guard', pid },
      'the guard hangs: it is killed, and another takes its place',
    )
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It is gone, or not ours.
    }
  }
}
