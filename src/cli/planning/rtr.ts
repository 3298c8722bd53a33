import { stat } from 'node:fs/promises'
import { FeedError } from '../../plan/feeds/feed.ts'
import type { VrpSnapshot } from '../../plan/feeds/vrp-snapshot.ts'
import { loadVrps } from '../../plan/feeds/vrp-source.ts'
import { formatCount, formatSpan } from '../../plan/rpki/assess.ts'
import { dropExpired, type VrpSet } from '../../plan/rpki/vrp-set.ts'
import { createRtrServer, type RtrServer } from '../../plan/rtr/server.ts'
import type { RtrEvent } from '../../plan/rtr/session.ts'
import type { RtrCache, VrpSource } from '../../plan/sites/fleet.ts'
import { requireFleet } from '../../plan/sites/load.ts'
import { createLog, type Log } from '../../telemetry/log.ts'
import { CommandError, exitCode } from '../failure.ts'
import { formatWarning, type VrpFileOptions, vrpSourceOf } from './vrp-options.ts'

interface RtrOptions extends VrpFileOptions {
  listen?: RtrCache
  state?: string
  maxAge?: number
  poll: number
}

const defaultListen: RtrCache = { host: '127.0.0.1', port: 3324 }
/**
 * It stands beside the router, so it is asked often; and what it said holds for as long as RFC 8210, section 6, has it,
 * should it die: bgpd obeys these, whatever its own configuration says.
 */
const timers = { refreshS: 300, retryS: 30, expireS: 172_800 }

export async function runRtr(options: RtrOptions, fleetIsNamed: boolean): Promise<void> {
  const fleet = options.vrps === undefined || fleetIsNamed ? await requireFleet(options.sites) : null
  const source = vrpSourceOf(options, fleet)
  const { host, port } = options.listen ?? fleet?.rpki?.lastGood ?? defaultListen
  const { log, end } = createLog({ program: 'rtr' })

  const server = createRtrServer({
    vrps: null,
    ...timers,
    onEvent: (router, event) => logEvent(log, router, event),
  })
  const feed = new Feed({
    source: { ...source, maxAgeMs: options.maxAge ?? source.maxAgeMs },
    stateDir: options.state ?? null,
    server,
    log,
  })
  // Before routers can ask: No Data Available would send them away for a whole retry interval.
  await feed.poll()
  const address = await server.listen(host, port).catch((cause: NodeJS.ErrnoException) => {
    throw new CommandError(`can not listen on ${host}, port ${port} (${cause.code})`, {
      hint: 'is another RTR server there? name another place with --listen ADDRESS:PORT',
      cause,
    })
  })
  log.info({ event: 'listen', ...address }, `serving routers at ${address.host}, port ${address.port}`)
  let timer = setTimeout(pollAgain, options.poll)
  function pollAgain() {
    void feed.poll().finally(() => {
      timer = setTimeout(pollAgain, options.poll)
    })
  }

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      clearTimeout(timer)
      log.warn({ event: 'stop', signal }, `told to stop by ${signal}`)
      void end().then(() => process.exit(exitCode.fine))
    })
  }
}

interface FeedOptions {
  readonly source: VrpSource
  readonly stateDir: string | null
  readonly server: RtrServer
  readonly log: Log
}

/** Brings what the validator writes to the server, and keeps what is served when that is no good. */
class Feed {
  readonly #options: FeedOptions
  #stamp: string | null = null
  #snapshot: VrpSnapshot | null = null
  /** What routers get. */
  #served: VrpSet | null = null
  #saidOld = false

  constructor(options: FeedOptions) {
    this.#options = options
  }

  /** Reads the files if they have changed since the last time. */
  async poll(): Promise<void> {
    const { source } = this.#options
    const stamp = (await Promise.all([source.file, source.slurm].map(stampOf))).join(' ')
    if (stamp !== this.#stamp) {
      this.#stamp = stamp
      await this.#read()
    }
    this.#dropExpired()
    this.#watchAge()
  }

  async #read(): Promise<void> {
    const { source, stateDir, server, log } = this.#options
    try {
      const loaded = await loadVrps(source, { stateDir, nowMs: Date.now(), previous: this.#snapshot })
      for (const warning of loaded.warnings) {
        log.error(
          { event: 'vrps', feed: warning.feed, hint: warning.hint, lastGoodAgeMs: warning.lastGoodAgeMs },
          formatWarning(warning),
        )
      }
      const isNews = server.update(loaded.vrps)
      this.#served = loaded.vrps
      if (loaded.origin === 'fresh') this.#saidOld = false
      this.#snapshot = loaded.snapshot
      const { origin, vrps, expired } = loaded
      const facts = { event: 'vrps', origin, vrps: vrps.size, expired, serial: server.serial }
      const news = isNews ? '' : ', the same as before'
      const left = expired === 0 ? '' : `; ${formatCount(expired)} of the file have expired`
      log.info(facts, `${formatCount(vrps.size)} VRPs, ${origin}${news}${left}`)
    } catch (error) {
      const problems =
        error instanceof FeedError ? error.problems : [{ feed: source.file, reason: String(error), hint: '' }]
      const kept =
        this.#snapshot === null ? 'there is nothing to serve' : 'what was served goes on being served'
      for (const { feed, reason, hint } of problems) {
        log.error({ event: 'vrps', feed, hint }, `${feed} ${reason}: ${kept}`)
      }
    }
  }

  /** Between two files of the validator too: a VRP is valid until it expires, and no longer. */
  #dropExpired(): void {
    const { server, log } = this.#options
    const served = this.#served
    if (served === null) return
    const valid = dropExpired(served, Date.now())
    if (valid === served) return
    this.#served = valid
    server.update(valid)
    const expired = served.size - valid.size
    log.info(
      { event: 'vrps', origin: 'expiry', vrps: valid.size, expired, serial: server.serial },
      `${formatCount(valid.size)} VRPs: ${formatCount(expired)} have expired`,
    )
  }

  /** A validator that died says nothing: its file just stays as it is. */
  #watchAge(): void {
    const { source, log } = this.#options
    if (this.#snapshot === null || this.#saidOld) return
    const ageMs = Date.now() - this.#snapshot.generatedMs
    if (ageMs <= source.maxAgeMs) return
    this.#saidOld = true
    log.error(
      { event: 'old', ageMs },
      `the VRPs are ${formatSpan(ageMs)} old, and are served on: ${source.file} brings none that are newer`,
    )
  }
}

async function stampOf(path: string | null): Promise<string> {
  if (path === null) return ''
  try {
    const { ino, size, mtimeMs, ctimeMs } = await stat(path)
    return [ino, size, mtimeMs, ctimeMs].join('.')
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error)
  }
}

function logEvent(log: Log, router: string, event: RtrEvent): void {
  const facts = { event: 'router', router, ...event, type: event.type }
  switch (event.type) {
    case 'served':
      log.info(facts, `${router} has serial ${event.serial}: ${event.what}, ${formatCount(event.rows)} rows`)
      break
    case 'error':
      log.warn(facts, `${event.by === 'us' ? router : 'this cache'} is wrong, says the other: ${event.text}`)
      break
    case 'refused':
      log.warn(facts, `${router} is one router too many`)
      break
    case 'stalled':
      log.warn(facts, `${router} has read nothing for too long, and is let go`)
      break
    default:
      log.info(facts, `${router}: ${event.type}`)
  }
}
