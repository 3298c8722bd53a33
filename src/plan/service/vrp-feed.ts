import { stat } from 'node:fs/promises'
import type { Clock } from '../../clock/clock.ts'
import type { Log } from '../../telemetry/log.ts'
import { FeedError } from '../feeds/feed.ts'
import type { VrpSnapshot } from '../feeds/vrp-snapshot.ts'
import { loadVrps } from '../feeds/vrp-source.ts'
import { formatCount, formatSpan } from '../rpki/assess.ts'
import { dropExpired, type VrpSet } from '../rpki/vrp-set.ts'
import type { RtrServer } from '../rtr/server.ts'
import type { VrpSource } from '../sites/fleet.ts'
import { describeWarning } from './describe-warning.ts'

interface FeedOptions {
  readonly source: VrpSource
  readonly stateDir: string | null
  readonly server: RtrServer
  readonly log: Log
  readonly clock: Clock
}

/** Feeds the validator's output to the server. If it cannot be used, the server keeps the VRPs that it has. */
export class VrpFeed {
  readonly #options: FeedOptions
  #stamp: string | null = null
  #snapshot: VrpSnapshot | null = null
  /** The VRPs that routers get. */
  #served: VrpSet | null = null
  #reportedOld = false

  constructor(options: FeedOptions) {
    this.#options = options
  }

  /** What routers get; `null`: nothing yet. */
  get served(): { readonly vrps: number; readonly generatedMs: number } | null {
    if (this.#served === null || this.#snapshot === null) return null
    return { vrps: this.#served.size, generatedMs: this.#snapshot.generatedMs }
  }

  /** Reads the files if they have changed since the last poll. */
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
    const { source, stateDir, server, log, clock } = this.#options
    try {
      const loaded = await loadVrps(source, { stateDir, nowMs: clock.wall(), previous: this.#snapshot })
      for (const warning of loaded.warnings) {
        log.error(
          { event: 'vrps', feed: warning.feed, hint: warning.hint, lastGoodAgeMs: warning.lastGoodAgeMs },
          describeWarning(warning),
        )
      }
      const isNews = server.update(loaded.vrps)
      this.#served = loaded.vrps
      if (loaded.origin === 'fresh') this.#reportedOld = false
      this.#snapshot = loaded.snapshot
      const { origin, vrps, expired } = loaded
      const facts = { event: 'vrps', origin, vrps: vrps.size, expired, serial: server.serial }
      const news = isNews ? '' : ', unchanged'
      const left = expired === 0 ? '' : `; ${formatCount(expired)} of the file have expired`
      log.info(facts, `${formatCount(vrps.size)} VRPs, ${origin}${news}${left}`)
    } catch (error) {
      const problems =
        error instanceof FeedError ? error.problems : [{ feed: source.file, reason: String(error), hint: '' }]
      const kept =
        this.#snapshot === null ? 'there is nothing to serve' : 'the previous VRPs are still served'
      for (const { feed, reason, hint } of problems) {
        log.error({ event: 'vrps', feed, hint }, `${feed} ${reason}: ${kept}`)
      }
    }
  }

  /** A VRP is valid until it expires, also while the file does not change. */
  #dropExpired(): void {
    const { server, log, clock } = this.#options
    const served = this.#served
    if (served === null) return
    const valid = dropExpired(served, clock.wall())
    if (valid === served) return
    this.#served = valid
    server.update(valid)
    const expired = served.size - valid.size
    log.info(
      { event: 'vrps', origin: 'expiry', vrps: valid.size, expired, serial: server.serial },
      `${formatCount(valid.size)} VRPs: ${formatCount(expired)} have expired`,
    )
  }

  /** If the validator has died, its file no longer changes: only the age shows it. */
  #watchAge(): void {
    const { source, log, clock } = this.#options
    if (this.#snapshot === null || this.#reportedOld) return
    const ageMs = clock.wall() - this.#snapshot.generatedMs
    if (ageMs <= source.maxAgeMs) return
    this.#reportedOld = true
    log.error(
      { event: 'old', ageMs },
      `the VRPs are ${formatSpan(ageMs)} old and still served: ${source.file} has no newer ones`,
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
