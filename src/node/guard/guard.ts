import type { Socket } from 'node:net'
import type { Clock, Timer } from '../../clock/clock.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import type { Log } from '../../telemetry/log.ts'
import type { Withdrawal } from '../withdraw/ladder.ts'
import { Leases } from './leases.ts'
import { type Place, retakePlace } from './place.ts'
import { type GuardReply, type GuardRequest, readRequests } from './protocol.ts'

interface GuardParts {
  readonly manifest: Manifest
  readonly serial: string
  readonly place: Place
  readonly clock: Clock
  readonly log: Log
  /** Stops between its steps once `isOver` returns true. Never rejects. */
  readonly withdraw: (services: ReadonlySet<string>, isOver: () => boolean) => Promise<Withdrawal>
  /** Whether they are not announced again. Never rejects. */
  readonly isStillWithdrawn: (services: ReadonlySet<string>) => Promise<boolean>
  /** Restores the addresses that a withdrawal removed. Never rejects. */
  readonly putBack: () => Promise<unknown>
  /** Whether it keeps running with nothing to guard: under a supervisor, which would only restart it. */
  readonly stay: boolean
}

/** Milliseconds. */
const timing = {
  retryFirst: 250,
  retryMost: 2000,
  /** Between checks of what is withdrawn: a controller that works in part may announce it again. */
  resync: 2000,
  /** How long it runs without any connection since its start, and after the last one. */
  lonely: 30_000,
  idle: 1000,
  retakeAgain: 1000,
} as const

/**
 * Holds a watchdog deadline for each service, which the controller renews while it works, and withdraws the services
 * whose deadline passes. It does not probe, decide or announce.
 */
export class Guard {
  readonly #parts: GuardParts
  readonly #leases: Leases
  readonly #sockets = new Set<Socket>()
  /** Services whose withdrawal was observed after their deadline passed. */
  readonly #withdrawn = new Set<string>()
  /** Services whose passed deadline was logged and acted on. */
  readonly #givenUp = new Set<string>()
  #place: Place
  #successor: Socket | null = null
  #expired: ReadonlySet<string> = new Set()
  #withdrawing = false
  #retryAt = 0
  #retryMs: number = timing.retryFirst
  #logged = ''
  #idleSince: number
  #wasNeeded = false
  /** Set by `stop`: services to renew, release or withdraw before the guard ends. */
  #owed: Set<string> | null = null
  #timer: Timer | undefined
  #end: (() => void) | null = null

  constructor(parts: GuardParts) {
    this.#parts = parts
    this.#place = parts.place
    const now = parts.clock.now()
    this.#leases = new Leases(termsOf(parts.manifest), now)
    const inherited = parts.place.inherited?.leases ?? {}
    this.#leases.adopt(inherited, now)
    this.#idleSince = now
  }

  /** Resolves when there is nothing left to guard, or another guard has replaced this one. */
  async run(): Promise<void> {
    const ended = new Promise<void>((resolve) => {
      this.#end = resolve
    })
    await this.#place.open((socket) => this.#serve(socket))
    const { log, serial, place } = this.#parts
    log.info({ event: 'guard', serial, inherited: place.inherited?.leases ?? null }, 'the guard has started')
    this.#tick()
    await ended
    this.#timer?.cancel()
    for (const socket of this.#sockets) socket.destroy()
    this.#place.leave()
  }

  /** Ends it as soon as each deadline was renewed once more, released, or followed by a withdrawal. */
  stop(): void {
    this.#owed ??= new Set(Object.keys(this.#leases.left(this.#parts.clock.now())))
    for (const service of this.#withdrawn) this.#owed.delete(service)
    this.#endIfIdle(this.#parts.clock.now())
  }

  #tick(): void {
    const now = this.#parts.clock.now()
    this.#expired = new Set(this.#leases.look(now))
    // A deadline that has just passed does not wait for the retry pause of another service.
    const isNew = [...this.#expired].some((service) => !this.#givenUp.has(service))
    if (!this.#withdrawing && this.#expired.size > 0 && (isNew || now >= this.#retryAt)) void this.#withdraw()
    this.#endIfIdle(now)
    this.#timer = this.#parts.clock.after(this.#leases.lookMs, () => this.#tick())
  }

  async #withdraw(): Promise<void> {
    const { log, manifest } = this.#parts
    // All expired services, also those withdrawn already: a prefix that only they share must go too.
    const services = this.#expired
    const now = this.#parts.clock.now()
    this.#withdrawing = true
    for (const service of services) {
      if (this.#givenUp.has(service)) continue
      this.#givenUp.add(service)
      log.error(
        { event: 'dead-man', service },
        `no controller has renewed the watchdog deadline of ${service}: it is withdrawn`,
      )
    }
    const isOver = () => [...services].some((service) => !this.#expired.has(service))
    const isResync = [...services].every((service) => this.#withdrawn.has(service))
    if (isResync && (await this.#parts.isStillWithdrawn(services))) {
      this.#withdrawing = false
      this.#retryAt = this.#parts.clock.now() + timing.resync
      return
    }
    const result = await this.#parts.withdraw(services, isOver)
    this.#withdrawing = false
    if (isOver()) {
      this.#putBack()
      return
    }
    const { way, withdrawn, lasting, left, troubles } = result
    const tookMs = Math.round(this.#parts.clock.now() - now)
    const facts = {
      event: 'dead-man-withdrawal',
      services: [...services],
      way,
      lasting,
      left,
      troubles,
      tookMs,
    }
    const entry = JSON.stringify([facts.services, way, withdrawn, lasting, left, troubles])
    if (entry !== this.#logged) {
      this.#logged = entry
      if (withdrawn && lasting) log.warn(facts, `withdrawn (${way})`)
      else if (withdrawn)
        log.error(facts, `withdrawn (${way}), but a restart of the daemon may announce again: retrying`)
      else log.error(facts, `${manifest.node} is not withdrawn: retrying`)
    }
    if (withdrawn && lasting) {
      for (const service of services) {
        this.#withdrawn.add(service)
        this.#owed?.delete(service)
      }
      this.#retryMs = timing.retryFirst
      this.#retryAt = this.#parts.clock.now() + timing.resync
    } else {
      this.#retryAt = this.#parts.clock.now() + this.#retryMs
      this.#retryMs = Math.min(this.#retryMs * 2, timing.retryMost)
    }
  }

  #endIfIdle(now: number): void {
    const owed = this.#owed
    if (owed !== null && owed.size === 0 && !this.#withdrawing) {
      this.#end?.()
      return
    }
    const isBusy = this.#withdrawing || this.#sockets.size > 0 || this.#leases.size > this.#withdrawn.size
    if (isBusy) {
      this.#idleSince = now
      this.#wasNeeded = true
    }
    if (this.#parts.stay || isBusy) return
    if (now - this.#idleSince > (this.#wasNeeded ? timing.idle : timing.lonely)) this.#end?.()
  }

  #serve(socket: Socket): void {
    const { log } = this.#parts
    this.#sockets.add(socket)
    socket.setEncoding('utf8')
    const reader = readRequests()
    socket.on('data', (chunk: string) => {
      try {
        for (const request of reader.read(chunk)) this.#answer(socket, request)
      } catch (error) {
        log.error(
          { event: 'guard', cause: (error as Error).message },
          'a client of the guard socket sent a request that is not valid: its connection is closed',
        )
        socket.destroy()
      }
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#sockets.delete(socket)
      if (socket === this.#successor) void this.#takeBack()
    })
  }

  #answer(socket: Socket, request: GuardRequest): void {
    const now = this.#parts.clock.now()
    switch (request.type) {
      case 'renew':
        this.#wasNeeded = true
        this.#renew(request.services, now)
        break
      case 'hand-over':
        this.#leases.handOver(now)
        break
      case 'release':
        this.#leases.release(request.services)
        this.#forget(request.services)
        break
      case 'ask':
        break
      case 'replace':
        this.#makeRoom(socket)
        break
      case 'taken':
        if (socket === this.#successor) {
          this.#successor = null
          this.#end?.()
        }
        return
    }
    const reply: GuardReply = { pid: process.pid, serial: this.#parts.serial, leases: this.#leases.left(now) }
    // A client that stopped reading must not fill the memory.
    if (socket.writableLength > 64 * 1024) socket.destroy()
    else socket.write(`${JSON.stringify(reply)}\n`)
  }

  #renew(services: readonly string[], now: number): void {
    this.#leases.renew(services, now)
    const wasExpired = services.some((service) => this.#expired.has(service))
    this.#forget(services)
    if (!wasExpired) return
    this.#parts.log.warn(
      { event: 'dead-man-over', services },
      'a controller renews the watchdog deadlines again, and announces by itself',
    )
    this.#logged = ''
    // One that is still at it puts them back itself.
    if (!this.#withdrawing) this.#putBack()
  }

  /** The `address` check of the controller would fail for an address that the guard removed. */
  #putBack(): void {
    if (this.#expired.size === 0) void this.#parts.putBack()
  }

  #forget(services: readonly string[]): void {
    this.#expired = new Set([...this.#expired].filter((service) => !services.includes(service)))
    for (const service of services) {
      this.#withdrawn.delete(service)
      this.#givenUp.delete(service)
      this.#owed?.delete(service)
    }
  }

  /** The deadlines stay active here until the successor has taken them. */
  #makeRoom(successor: Socket): void {
    if (this.#successor !== null) return
    this.#successor = successor
    for (const socket of this.#sockets) if (socket !== successor) socket.destroy()
    this.#place.leave()
  }

  async #takeBack(): Promise<void> {
    this.#successor = null
    try {
      const place = await retakePlace(this.#parts.manifest)
      if (place === null) {
        this.#end?.()
        return
      }
      this.#place = place
      await place.open((socket) => this.#serve(socket))
    } catch (error) {
      // The deadlines stay active here meanwhile.
      this.#place.leave()
      const cause = (error as Error).message
      this.#parts.log.error(
        { event: 'guard', cause },
        `the guard cannot listen again after a failed replacement: ${cause}`,
      )
      this.#parts.clock.after(timing.retakeAgain, () => void this.#takeBack())
    }
  }
}

/** The time of each service's watchdog deadline; services with `deadMan: keep` have none. */
export function termsOf(manifest: Manifest): ReadonlyMap<string, number> {
  return new Map(
    manifest.services.flatMap(({ name, deadManMs }) =>
      deadManMs === null ? [] : [[name, deadManMs] as const],
    ),
  )
}
