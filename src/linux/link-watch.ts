import { type Clock, systemClock, type Timer } from '../clock/clock.ts'
import { pause } from '../clock/pause.ts'
import { applyLinkEvent, type Link, type LinkEvent, type Links, parseLinks } from './link-lines.ts'
import { runLinkMonitor } from './link-monitor.ts'
import type { LinkSnapshot } from './link-snapshot.ts'
import { type Output, RunError, runForOutput } from './run.ts'

export interface LinkWatchOptions {
  /**
   * The links of the snapshots; default: all. Events of other links, such as those of a thousand containers that
   * start or end, then cost little and delay no probe.
   */
  readonly concerns?: LinkConcerns
  /** Called with the first snapshot, and then with each that differs from the last. */
  readonly onChange: (snapshot: LinkSnapshot) => void
  /** Called for each event, also of a link that `concerns` leaves out. It must be cheap. */
  readonly onEvent?: () => void
  /** The watch restarts by itself; until then, the last snapshot may be stale. */
  readonly onError: (error: LinkWatchError) => void
  readonly signal?: AbortSignal
  /** A lost event is detected after this time. */
  readonly rereadIntervalMs?: number
  /** The program `ip` of iproute2. */
  readonly program?: string
  readonly clock?: Clock
}

export interface LinkConcerns {
  readonly interfaces: ReadonlySet<string>
  /** On any interface. */
  readonly addresses: ReadonlySet<string>
}

export interface LinkWatch {
  /** `null` until the links were first read. */
  readonly snapshot: LinkSnapshot | null
  /** Resolves when the watch has ended, with all its processes. */
  readonly ended: Promise<void>
  close(): Promise<void>
}

type LinkWatchErrorCode =
  /** There is no program `ip`. */
  'missing-program' | 'monitor-died' | 'read-failed'

export class LinkWatchError extends Error {
  override readonly name = 'LinkWatchError'
  readonly code: LinkWatchErrorCode

  constructor(code: LinkWatchErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
  }
}

const firstRestartMs = 100
const lastRestartMs = 5000
const readDeadlineMs = 5000
const readDelayMs = 50
/** From the start of one read to the start of the next. While the kernel drops events, reads follow each other. */
const readSpacingMs = 250

/** Reports at once when an interface or an address of this network namespace is added, removed or changed. */
export function watchLinks(options: LinkWatchOptions): LinkWatch {
  const watcher = new Watcher(options)
  const ended = watcher.run()
  return {
    get snapshot() {
      return watcher.snapshot
    },
    ended,
    close: () => {
      watcher.stop()
      return ended
    },
  }
}

class Watcher {
  snapshot: LinkSnapshot | null = null
  readonly #options: LinkWatchOptions
  readonly #program: string
  readonly #clock: Clock
  readonly #stopped = new AbortController()
  readonly #signal: AbortSignal
  #links: Links | null = null
  /** Events since the current read started: they may be newer than its result. */
  #sinceRead: LinkEvent[] | null = null
  #reading: Promise<void> | null = null
  #readAgain = false
  #readSoon: Timer | null = null
  #reread: Timer | null = null
  #retryMs = firstRestartMs
  #readAt = Number.NEGATIVE_INFINITY

  constructor(options: LinkWatchOptions) {
    this.#options = options
    this.#program = options.program ?? 'ip'
    this.#clock = options.clock ?? systemClock
    const signals = [this.#stopped.signal, ...(options.signal ? [options.signal] : [])]
    this.#signal = AbortSignal.any(signals)
  }

  stop(): void {
    this.#stopped.abort()
  }

  async run(): Promise<void> {
    this.#rereadLater()
    try {
      let restartMs = firstRestartMs
      while (!this.#signal.aborted) {
        const began = this.#clock.now()
        await this.#monitor()
        if (this.#signal.aborted) break
        // A monitor that ran for a while resets the count.
        if (this.#clock.now() - began > lastRestartMs) restartMs = firstRestartMs
        await pause(this.#clock, restartMs, this.#signal)
        restartMs = Math.min(restartMs * 2, lastRestartMs)
      }
    } finally {
      this.#reread?.cancel()
      this.#readSoon?.cancel()
      await this.#reading
    }
  }

  #rereadLater(): void {
    this.#reread = this.#clock.after(this.#options.rereadIntervalMs ?? 10_000, () => {
      this.#requestRead()
      this.#rereadLater()
    })
  }

  /** Returns when the monitor has ended. */
  async #monitor(): Promise<void> {
    const failure = await runLinkMonitor({
      program: this.#program,
      signal: this.#signal,
      onEvent: (event) => this.#take(event),
      onReady: () => this.#requestRead(),
      onLoss: () => this.#requestRead(),
    }).then(
      (end) =>
        new LinkWatchError(
          'monitor-died',
          `\`${this.#program} monitor\` ended with ${end}; the next attempt follows`,
        ),
      (cause) => this.#failureOf('monitor-died', 'link changes are not reported', cause),
    )
    if (!this.#signal.aborted) this.#options.onError(failure)
  }

  #take(event: LinkEvent): void {
    this.#options.onEvent?.()
    this.#sinceRead?.push(event)
    const links = this.#links
    if (links === null || !this.#isConcerned(links, event)) return
    const next = applyLinkEvent(links, event)
    if (next !== null) this.#show(next)
    // A port that leaves a bridge causes the same event as a deleted link. A link that is renamed to a watched
    // name has its addresses already.
    const isNew = event.event === 'link' && !links.has(event.index)
    if (next === null || isNew || event.event === 'link-gone') this.#requestReadSoon(readDelayMs)
  }

  #isConcerned(links: Links, event: LinkEvent): boolean {
    const { concerns } = this.#options
    if (concerns === undefined || event.event === 'unknown' || links.has(event.index)) return true
    if (event.event === 'link') return concerns.interfaces.has(event.name)
    return event.event === 'address' && concerns.addresses.has(event.address)
  }

  /** To start a process blocks this one for some 5 to 10 ms, in which it handles no event. */
  #requestReadSoon(delayMs: number): void {
    this.#readSoon ??= this.#clock.after(delayMs, () => {
      this.#readSoon = null
      this.#requestRead()
    })
  }

  #requestRead(): void {
    if (this.#signal.aborted) return
    if (this.#reading !== null) {
      this.#readAgain = true
      return
    }
    const waitMs = this.#readAt + readSpacingMs - this.#clock.now()
    if (waitMs > 0) {
      this.#requestReadSoon(waitMs)
      return
    }
    this.#readAt = this.#clock.now()
    this.#reading = this.#read().finally(() => {
      this.#reading = null
      this.#sinceRead = null
      if (!this.#readAgain) return
      this.#readAgain = false
      this.#requestRead()
    })
  }

  async #read(): Promise<void> {
    this.#sinceRead = []
    try {
      const { stdout, stderr } = await this.#printLinks()
      // `ip` reports on stderr that the list changed while it was read.
      if (stderr !== '') this.#readAgain = true
      let links = this.#select(parseLinks(stdout))
      // Each event has the whole state of its link or address, so an old event does no harm: newer ones follow,
      // here or from the monitor.
      for (const event of this.#sinceRead) {
        if (this.#isConcerned(links, event)) links = applyLinkEvent(links, event) ?? links
      }
      this.#retryMs = firstRestartMs
      this.#show(links)
    } catch (cause) {
      if (this.#signal.aborted) return
      const failure = this.#failureOf('read-failed', 'the links cannot be read', cause)
      // Events may be lost, and a later one may not follow.
      if (failure.code !== 'missing-program') this.#readAgainAfter()
      this.#options.onError(failure)
    }
  }

  #printLinks(): Promise<Output> {
    return runForOutput([this.#program, '-j', 'addr', 'show'], {
      timeoutMs: readDeadlineMs,
      signal: this.#signal,
      limitBytes: 64 * 2 ** 20,
    })
  }

  #select(links: Links): Links {
    const { concerns } = this.#options
    if (concerns === undefined) return links
    const isConcerned = ({ name, addresses }: Link) =>
      concerns.interfaces.has(name) || addresses.some((address) => concerns.addresses.has(address))
    return new Map([...links].filter(([, link]) => isConcerned(link)))
  }

  #show(links: Links): void {
    this.#links = links
    const snapshot: LinkSnapshot = new Map([...links.values()].map((link) => [link.name, link]))
    if (this.snapshot !== null && sameLinks(snapshot, this.snapshot)) return
    this.snapshot = snapshot
    this.#options.onChange(snapshot)
  }

  #readAgainAfter(): void {
    this.#readAgain = false
    this.#requestReadSoon(this.#retryMs)
    this.#retryMs = Math.min(this.#retryMs * 2, lastRestartMs)
  }

  #failureOf(code: LinkWatchErrorCode, what: string, cause: unknown): LinkWatchError {
    if (!(cause instanceof RunError)) {
      const message = `\`${this.#program} -j addr show\` printed no list of links: is it iproute2 6.1 or later?`
      return new LinkWatchError(code, message, cause)
    }
    if (cause.kind !== 'not-installed') {
      return new LinkWatchError(code, `${what}: ${cause.message}; the next attempt follows`, cause)
    }
    const hint = 'it is in the Debian package iproute2'
    return new LinkWatchError(
      'missing-program',
      `the program \`${this.#program}\` is missing: ${hint}`,
      cause,
    )
  }
}

function sameLinks(a: LinkSnapshot, b: LinkSnapshot): boolean {
  if (a.size !== b.size) return false
  return [...a].every(([name, link]) => {
    const other = b.get(name)
    return (
      // An event concerns one link only; another link may hold the addresses of a hundred services.
      other === link ||
      (other !== undefined &&
        link.up === other.up &&
        link.addresses.length === other.addresses.length &&
        link.addresses.every((address) => other.addresses.includes(address)))
    )
  })
}
