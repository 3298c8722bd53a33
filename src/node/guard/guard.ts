import type { Socket } from 'node:net'
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
  readonly log: Log
  /** Leaves undone what is left once `isOver`. Never rejects. */
  readonly withdraw: (services: ReadonlySet<string>, isOver: () => boolean) => Promise<Withdrawal>
  /** Whether nobody announced them again. Never rejects. */
  readonly isStillWithdrawn: (services: ReadonlySet<string>) => Promise<boolean>
  /** Puts back the addresses that a withdrawal took off. Never rejects. */
  readonly putBack: () => Promise<unknown>
  /** Whether it stays when there is nothing to guard: a supervisor would only start it again. */
  readonly stay: boolean
}

/** Milliseconds. */
const timing = {
  retryFirst: 250,
  retryMost: 2000,
  /** Between looks at what is withdrawn: a controller that works in part may announce it again. */
  resync: 2000,
  /** How long one stays whom nobody has spoken to, or nobody needs any more. */
  lonely: 30_000,
  idle: 1000,
  retakeAgain: 1000,
} as const

/**
 * Holds a lease for each service, which the controller renews while it works, and withdraws what is not
 * vouched for any more. It knows nothing else: not why, and not how to announce.
 */
export class Guard {
  readonly #parts: GuardParts
  readonly #leases: Leases
  readonly #sockets = new Set<Socket>()
  /** Services that are withdrawn, and seen to be, since their lease ran out. */
  readonly #withdrawn = new Set<string>()
  /** Services whose end of the lease was acted on. */
  readonly #givenUp = new Set<string>()
  #place: Place
  #successor: Socket | null = null
  #expired: ReadonlySet<string> = new Set()
  #withdrawing = false
  #retryAt = 0
  #retryMs: number = timing.retryFirst
  #said = ''
  #idleSince: number
  #wasNeeded = false
  /** Told to end: the leases that must be renewed or carried out before it may. */
  #owed: Set<string> | null = null
  #timer: NodeJS.Timeout | undefined
  #end: (() => void) | null = null

  constructor(parts: GuardParts) {
    this.#parts = parts
    this.#place = parts.place
    const now = performance.now()
    this.#leases = new Leases(termsOf(parts.manifest), now)
    const inherited = parts.place.inherited?.leases ?? {}
    this.#leases.adopt(inherited, now)
    this.#idleSince = now
  }

  /** Resolves when there is nothing left to guard, or it was replaced. */
  async run(): Promise<void> {
    const ended = new Promise<void>((resolve) => {
      this.#end = resolve
    })
    await this.#place.open((socket) => this.#serve(socket))
    const { log, serial, place } = this.#parts
    log.info({ event: 'guard', serial, inherited: place.inherited?.leases ?? null }, 'the guard is there')
    this.#tick()
    await ended
    clearTimeout(this.#timer)
    for (const socket of this.#sockets) socket.destroy()
    this.#place.leave()
  }

  /** Ends it as soon as nothing hangs on it: each lease renewed once more, released, or carried out. */
  stop(): void {
    this.#owed ??= new Set(Object.keys(this.#leases.left(performance.now())))
    for (const service of this.#withdrawn) this.#owed.delete(service)
    this.#endIfIdle(performance.now())
  }

  #tick(): void {
    const now = performance.now()
    this.#expired = new Set(this.#leases.look(now))
    // Not the pause after another's withdrawal: what has just run out goes at once.
    const isNew = [...this.#expired].some((service) => !this.#givenUp.has(service))
    if (!this.#withdrawing && this.#expired.size > 0 && (isNew || now >= this.#retryAt)) void this.#withdraw()
    this.#endIfIdle(now)
    this.#timer = setTimeout(() => this.#tick(), this.#leases.lookMs)
  }

  async #withdraw(): Promise<void> {
    const { log, manifest } = this.#parts
    // All of them, those that are withdrawn already too: what two of them share is wanted by neither.
    const services = this.#expired
    const now = performance.now()
    this.#withdrawing = true
    for (const service of services) {
      if (this.#givenUp.has(service)) continue
      this.#givenUp.add(service)
      log.error(
        { event: 'dead-man', service },
        `no controller has vouched for ${service} in time: it is withdrawn`,
      )
    }
    const isOver = () => [...services].some((service) => !this.#expired.has(service))
    const isResync = [...services].every((service) => this.#withdrawn.has(service))
    if (isResync && (await this.#parts.isStillWithdrawn(services))) {
      this.#withdrawing = false
      this.#retryAt = performance.now() + timing.resync
      return
    }
    const result = await this.#parts.withdraw(services, isOver)
    this.#withdrawing = false
    if (isOver()) return
    const { way, withdrawn, lasting, left, troubles } = result
    const tookMs = Math.round(performance.now() - now)
    const facts = {
      event: 'dead-man-withdrawal',
      services: [...services],
      way,
      lasting,
      left,
      troubles,
      tookMs,
    }
    const said = JSON.stringify([facts.services, way, withdrawn, lasting, left, troubles])
    if (said !== this.#said) {
      this.#said = said
      if (withdrawn && lasting) log.warn(facts, `withdrawn (${way})`)
      else if (withdrawn) log.error(facts, `withdrawn (${way}), and not for good: tried again`)
      else log.error(facts, `${manifest.node} is not withdrawn: tried again`)
    }
    if (withdrawn && lasting) {
      for (const service of services) {
        this.#withdrawn.add(service)
        this.#owed?.delete(service)
      }
      this.#retryMs = timing.retryFirst
      this.#retryAt = performance.now() + timing.resync
    } else {
      this.#retryAt = performance.now() + this.#retryMs
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
          'somebody does not speak as a controller',
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
    const now = performance.now()
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
    // A reader who stopped reading must not fill our memory.
    if (socket.writableLength > 64 * 1024) socket.destroy()
    else socket.write(`${JSON.stringify(reply)}\n`)
  }

  #renew(services: readonly string[], now: number): void {
    this.#leases.renew(services, now)
    const wasExpired = services.some((service) => this.#expired.has(service))
    this.#forget(services)
    if (!wasExpired) return
    const { log, putBack } = this.#parts
    log.warn({ event: 'dead-man-over', services }, 'a controller vouches again, and announces by itself')
    this.#said = ''
    // It decides again, and an address that we removed would look like a fault to it.
    if (this.#expired.size === 0) void putBack()
  }

  #forget(services: readonly string[]): void {
    this.#expired = new Set([...this.#expired].filter((service) => !services.includes(service)))
    for (const service of services) {
      this.#withdrawn.delete(service)
      this.#givenUp.delete(service)
      this.#owed?.delete(service)
    }
  }

  /** The leases run on here until the successor has taken them. */
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
      // The leases run on here meanwhile.
      this.#place.leave()
      const cause = (error as Error).message
      this.#parts.log.error({ event: 'guard', cause }, `the guard can not take its place back: ${cause}`)
      setTimeout(() => void this.#takeBack(), timing.retakeAgain)
    }
  }
}

/** How long each service's lease is; those that are to be kept have none. */
export function termsOf(manifest: Manifest): ReadonlyMap<string, number> {
  return new Map(
    manifest.services.flatMap(({ name, deadManMs }) =>
      deadManMs === null ? [] : [[name, deadManMs] as const],
    ),
  )
}
