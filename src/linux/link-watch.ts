import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { execa } from 'execa'
import {
  applyLinkEvent,
  type Link,
  type LinkEvent,
  type Links,
  parseLinkEvent,
  parseLinks,
} from './link-lines.ts'
import type { LinkSnapshot } from './link-snapshot.ts'

export interface LinkWatchOptions {
  /**
   * The links of the snapshots; default: all. Events of other links, such as those of a thousand containers that
   * start or end, then cost little and delay no probe.
   */
  readonly concerns?: LinkConcerns
  /** Called with the first snapshot, and then with each that differs from the last. */
  readonly onChange: (snapshot: LinkSnapshot) => void
  /** The watch restarts by itself; until then, the last snapshot may be stale. */
  readonly onError: (error: LinkWatchError) => void
  readonly signal?: AbortSignal
  /** A lost event is detected after this time. */
  readonly rereadIntervalMs?: number
  /** The program `ip` of iproute2. */
  readonly program?: string
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
const maxLineBytes = 64 * 1024

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
  readonly #stopped = new AbortController()
  readonly #signal: AbortSignal
  #links: Links | null = null
  /** Events since the current read started: they may be newer than its result. */
  #sinceRead: LinkEvent[] | null = null
  #reading: Promise<void> | null = null
  #readAgain = false
  #readSoon: NodeJS.Timeout | null = null
  #retryMs = firstRestartMs
  #readAt = Number.NEGATIVE_INFINITY

  constructor(options: LinkWatchOptions) {
    this.#options = options
    this.#program = options.program ?? 'ip'
    const signals = [this.#stopped.signal, ...(options.signal ? [options.signal] : [])]
    this.#signal = AbortSignal.any(signals)
  }

  stop(): void {
    this.#stopped.abort()
  }

  async run(): Promise<void> {
    const reread = setInterval(() => this.#requestRead(), this.#options.rereadIntervalMs ?? 10_000)
    try {
      let restartMs = firstRestartMs
      while (!this.#signal.aborted) {
        const began = performance.now()
        await this.#monitor()
        if (this.#signal.aborted) break
        // A monitor that ran for a while resets the count.
        if (performance.now() - began > lastRestartMs) restartMs = firstRestartMs
        await delay(restartMs, undefined, { signal: this.#signal }).catch(() => undefined)
        restartMs = Math.min(restartMs * 2, lastRestartMs)
      }
    } finally {
      clearInterval(reread)
      if (this.#readSoon !== null) clearTimeout(this.#readSoon)
      await this.#reading
    }
  }

  /** Returns when the monitor has ended. */
  async #monitor(): Promise<void> {
    const monitor = execa(this.#program, ['-o', 'monitor', 'link', 'address'], {
      buffer: false,
      reject: false,
      stdin: 'ignore',
      cancelSignal: this.#signal,
      forceKillAfterDelay: 1000,
    })
    const lines = new LineSplitter((line) => this.#take(parseLinkEvent(line)))
    monitor.stdout.on('data', (chunk: Buffer) => lines.push(chunk))
    // `ip monitor` reports on stderr that the kernel dropped events, and continues.
    monitor.stderr.on('data', () => this.#requestRead())
    const ready =
      monitor.pid === undefined
        ? null
        : hasSubscribed(monitor.pid, this.#signal).then(() => this.#requestRead())
    const result = await monitor
    await ready
    if (this.#signal.aborted) return
    this.#complain(
      this.#missing(result.code) ??
        new LinkWatchError(
          'monitor-died',
          `\`${this.#program} monitor\` ended with ${result.signal ?? `exit code ${result.exitCode}`}`,
          result,
        ),
    )
  }

  #take(event: LinkEvent): void {
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
    this.#readSoon ??= setTimeout(() => {
      this.#readSoon = null
      this.#requestRead()
    }, delayMs)
  }

  #requestRead(): void {
    if (this.#signal.aborted) return
    if (this.#reading !== null) {
      this.#readAgain = true
      return
    }
    const waitMs = this.#readAt + readSpacingMs - performance.now()
    if (waitMs > 0) {
      this.#requestReadSoon(waitMs)
      return
    }
    this.#readAt = performance.now()
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
    const result = await execa(this.#program, ['-j', 'addr', 'show'], {
      reject: false,
      stdin: 'ignore',
      cancelSignal: this.#signal,
      timeout: readDeadlineMs,
      forceKillAfterDelay: 1000,
      maxBuffer: 64 * 1024 * 1024,
    })
    if (this.#signal.aborted) return
    // `ip` reports on stderr that the list changed while it was read.
    if (result.stderr !== '') this.#readAgain = true
    try {
      if (result.failed) throw result
      let links = this.#select(parseLinks(result.stdout))
      // Each event has the whole state of its link or address, so an old event does no harm: newer ones follow,
      // here or from the monitor.
      for (const event of this.#sinceRead) {
        if (this.#isConcerned(links, event)) links = applyLinkEvent(links, event) ?? links
      }
      this.#retryMs = firstRestartMs
      this.#show(links)
    } catch (cause) {
      // Events may be lost, and a later one may not follow.
      if (!this.#missing(result.code)) this.#readAgainAfter()
      this.#complain(
        this.#missing(result.code) ??
          new LinkWatchError(
            'read-failed',
            `\`${this.#program} -j addr show\` printed no list of links`,
            cause,
          ),
      )
    }
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

  #missing(code: string | undefined): LinkWatchError | null {
    if (code !== 'ENOENT') return null
    const hint = 'it is in the Debian package iproute2'
    return new LinkWatchError('missing-program', `the program \`${this.#program}\` is missing: ${hint}`)
  }

  #complain(error: LinkWatchError): void {
    this.#options.onError(error)
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

/**
 * Waits until the process has subscribed to the kernel's events: it receives no earlier ones. If that is not
 * visible, it continues after a second.
 */
async function hasSubscribed(pid: number, signal: AbortSignal): Promise<void> {
  // The netlink port of a process's first socket is its pid; the groups are the events that it receives.
  const subscription = new RegExp(`^\\S+\\s+0\\s+${pid}\\s+0*[1-9a-f][0-9a-f]*\\s`, 'm')
  for (let tries = 0; tries < 500 && !signal.aborted; tries += 1) {
    const sockets = await readFile(`/proc/${pid}/net/netlink`, 'utf8').catch(() => null)
    // It has ended already.
    if (sockets === null || subscription.test(sockets)) return
    await delay(2, undefined, { signal }).catch(() => undefined)
  }
}

class LineSplitter {
  readonly #take: (line: string) => void
  #rest = ''

  constructor(take: (line: string) => void) {
    this.#take = take
  }

  push(chunk: Buffer): void {
    const lines = (this.#rest + chunk.toString('latin1')).split('\n')
    // A line of `ip` is never this long. As an unknown line it causes a full read.
    this.#rest = lines.pop()!.slice(-maxLineBytes)
    for (const line of lines) if (line !== '') this.#take(line)
  }
}
