import { type Clock, systemClock, type Timer } from '../../../clock/clock.ts'
import { pause } from '../../../clock/pause.ts'
import { GroupTakenError, readNflog } from '../../../linux/nflog.ts'
import { RunError } from '../../../linux/run.ts'
import type { Endpoint } from './endpoint.ts'
import { readUdpHeader } from './packet.ts'
import { RosterChanges } from './roster-changes.ts'
import { copyBytes, defaultGroup, learnMs, prefixes, type StrayService } from './ruleset.ts'
import { describeError, missingProgram, StrayWatchError } from './stray-error.ts'
import { StrayTable, TableError } from './stray-table.ts'

export interface StrayWatchOptions {
  readonly services: readonly StrayService[]
  /**
   * A packet of a roster endpoint has arrived for a session, or as the answer to an initiation, that this node does not have: at most one a second of
   * each for an endpoint, and 2,000 a second in all. `isAnswer`: to an initiation of another node, so the peer may have a session here.
   */
  readonly onStray: (service: string, endpoint: Endpoint, isAnswer: boolean) => void
  /** The watch tries again by itself; until then it sees no packet, or an old roster. Not for each further attempt. */
  readonly onError: (error: StrayWatchError) => void
  /** It sees packets again. */
  readonly onRecovery?: () => void
  readonly signal?: AbortSignal
  /** NFLOG's, of this network namespace: one process reads it, so a second watch waits for the end of the first. */
  readonly group?: number
  readonly perl?: string
  readonly clock?: Clock
}

/** WireGuard paper, section 5.4.3. */
const responseType = 2

export interface StrayCounters {
  /** Calls of `onStray`. */
  strays: number
  /** Seconds in which there were more than the node's limit. */
  limited: number
  /** Logged packets that are none of ours. */
  foreign: number
  /** Ends of the program that reads the log. */
  readerEnds: number
  /** The table was lost, and made again. */
  tablesLost: number
  /** Endpoints in the roster of all services. */
  endpoints: number
  /** Endpoints that were refused. */
  refused: number
}

const firstRetryMs = 100
const lastRetryMs = 5000
/** From a change until it is in the kernel, so that those of a second cost one process. */
const gatherMs = 100
const spacingMs = 500
/** A transaction of so many takes some 40 ms, and nft 9 MB. */
const maxChanges = 5000
/** A `nft flush ruleset` is noticed after this time. */
const checkIntervalMs = 10_000

export class Watcher {
  learningUntilMs = Number.POSITIVE_INFINITY
  readonly counters: StrayCounters = {
    strays: 0,
    limited: 0,
    foreign: 0,
    readerEnds: 0,
    tablesLost: 0,
    endpoints: 0,
    refused: 0,
  }
  readonly #options: StrayWatchOptions
  readonly #clock: Clock
  readonly #group: number
  readonly #stopped = new AbortController()
  readonly #signal: AbortSignal
  readonly #roster: RosterChanges
  readonly #table: StrayTable
  readonly #indices: ReadonlyMap<string, number>
  /** `ADDRESS . PORT` -> the name of the service. */
  readonly #destinations: ReadonlyMap<string, string>
  #isReading = false
  #hasTable = false
  #failure: string | null = null
  #applying: Promise<void> | null = null
  #next: Timer | null = null
  #nextAtMs = Number.POSITIVE_INFINITY
  #appliedAtMs = Number.NEGATIVE_INFINITY
  #retryMs = firstRetryMs

  constructor(options: StrayWatchOptions) {
    const { services, group = defaultGroup, clock = systemClock, signal } = options
    this.#options = options
    this.#clock = clock
    this.#group = group
    this.#signal = AbortSignal.any([this.#stopped.signal, ...(signal ? [signal] : [])])
    this.#roster = new RosterChanges(services.length)
    this.#table = new StrayTable(services, group)
    this.#indices = new Map(services.map(({ name }, index) => [name, index]))
    this.#destinations = new Map(
      services.flatMap(({ name, port, addresses }) =>
        addresses.map((address) => [`${address} . ${port}`, name] as const),
      ),
    )
  }

  get isWatching(): boolean {
    return this.#isReading && this.#hasTable
  }

  get failure(): string | null {
    return this.#failure
  }

  stop(): void {
    this.#stopped.abort()
  }

  setRoster(service: string, added: Iterable<Endpoint>, removed: Iterable<Endpoint>): void {
    const index = this.#indices.get(service)
    if (index === undefined) throw new TypeError(`no service ${service}`)
    this.counters.refused += this.#roster.take(index, added, removed)
    this.counters.endpoints = this.#roster.size
    if (!this.#roster.isEmpty) this.#applySoon()
  }

  async run(): Promise<void> {
    let retryMs = firstRetryMs
    while (!this.#signal.aborted) {
      const beganMs = this.#clock.now()
      const failure = await this.#read()
      this.#isReading = false
      if (this.#signal.aborted) break
      this.counters.readerEnds += 1
      this.#report(failure)
      // A reader that ran for a while resets the count.
      if (this.#clock.now() - beganMs > lastRetryMs) retryMs = firstRetryMs
      await pause(this.#clock, retryMs, this.#signal)
      retryMs = Math.min(retryMs * 2, lastRetryMs)
    }
    this.#next?.cancel()
    await this.#applying
    await this.#table.remove().catch((error: unknown) => {
      this.#options.onError(
        new StrayWatchError('table-failed', `the table stays: ${describeError(error)}`, error),
      )
    })
  }

  /** Returns when the reader has ended. */
  async #read(): Promise<StrayWatchError> {
    try {
      const end = await readNflog({
        group: this.#group,
        copyBytes,
        signal: this.#signal,
        onReady: () => {
          this.#isReading = true
          this.#recover()
          this.#applyAfter(0)
        },
        onPacket: (prefix, payload) => this.#take(prefix, payload),
        ...(this.#options.perl === undefined ? {} : { program: this.#options.perl }),
      })
      return new StrayWatchError(
        'reader-ended',
        `the reader of NFLOG ended: ${end}; the next attempt follows`,
      )
    } catch (cause) {
      if (cause instanceof GroupTakenError) {
        return new StrayWatchError('group-taken', `${cause.message}; the next attempt follows`, cause)
      }
      if (!(cause instanceof RunError)) throw cause
      if (cause.kind === 'not-installed') return missingProgram(cause.argv[0]!, 'perl-base')
      // The command of the message is a program of twenty lines.
      return new StrayWatchError('reader-ended', `perl ${cause.words}; the next attempt follows`)
    }
  }

  #take(prefix: string, payload: Uint8Array): void {
    const header = readUdpHeader(payload)
    const service =
      header && this.#destinations.get(`${header.destination.address} . ${header.destination.port}`)
    if (!header || service === null || service === undefined) this.counters.foreign += 1
    else if (prefix === prefixes.limited) this.counters.limited += 1
    else if (prefix === prefixes.stray) {
      this.counters.strays += 1
      this.#options.onStray(service, header.source, header.firstByte === responseType)
    } else this.counters.foreign += 1
  }

  #applySoon(): void {
    this.#applyAfter(Math.max(gatherMs, this.#appliedAtMs + spacingMs - this.#clock.now()))
  }

  /** At the earliest of the times that were asked for. */
  #applyAfter(delayMs: number): void {
    const atMs = this.#clock.now() + delayMs
    if (this.#signal.aborted || atMs >= this.#nextAtMs) return
    this.#next?.cancel()
    this.#nextAtMs = atMs
    this.#next = this.#clock.after(delayMs, () => {
      this.#next = null
      this.#nextAtMs = Number.POSITIVE_INFINITY
      // The table is of the process that reads the group.
      if (this.#isReading) this.#apply()
    })
  }

  #apply(): void {
    // The one that runs starts the next.
    if (this.#applying !== null) return
    this.#applying = this.#tryApply().finally(() => {
      this.#applying = null
    })
  }

  async #tryApply(): Promise<void> {
    this.#appliedAtMs = this.#clock.now()
    try {
      if (!this.#hasTable) await this.#create()
      do {
        await this.#table.change(this.#roster.takeCommands(maxChanges))
      } while (!this.#roster.isEmpty && !this.#signal.aborted)
    } catch (error) {
      this.#fail(error)
      return
    }
    this.#retryMs = firstRetryMs
    this.#recover()
    this.#applyAfter(checkIntervalMs)
  }

  async #create(): Promise<void> {
    this.#roster.restart()
    await this.#table.create()
    this.#hasTable = true
    this.learningUntilMs = this.#clock.now() + learnMs
  }

  #fail(error: unknown): void {
    if (this.#hasTable) this.counters.tablesLost += 1
    this.#hasTable = false
    this.learningUntilMs = Number.POSITIVE_INFINITY
    const isLost = error instanceof TableError && error.isLost
    const words = `${isLost ? 'the table is gone' : describeError(error)}; it is made again`
    this.#report(new StrayWatchError(isLost ? 'table-lost' : 'table-failed', words, error))
    this.#applyAfter(this.#retryMs)
    this.#retryMs = Math.min(this.#retryMs * 2, lastRetryMs)
  }

  #report(error: StrayWatchError): void {
    if (this.#signal.aborted || this.#failure === error.message) return
    this.#failure = error.message
    this.#options.onError(error)
  }

  #recover(): void {
    if (this.#failure === null || !this.isWatching) return
    this.#failure = null
    this.#options.onRecovery?.()
  }
}
