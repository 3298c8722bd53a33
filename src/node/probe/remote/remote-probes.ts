import type { Clock, Timer } from '../../../clock/clock.ts'
import { readSight, reduceSight, type Sight, type SightResult, unseen } from './sight.ts'

export interface RemoteTarget {
  readonly service: string
  readonly site: string
  readonly node: string
  /** Ends within the interval. Never rejects. */
  probe(): Promise<SightResult>
  close(): Promise<void>
}

export interface Sighting {
  readonly service: string
  readonly site: string
  readonly node: string
  readonly reached: boolean
}

interface RemoteProbesOptions {
  readonly targets: readonly RemoteTarget[]
  readonly intervalMs: number
  readonly clock: Clock
  /** From 0 to 1. */
  readonly random: () => number
}

/** Probes that run at the same time: those of endpoints that do not answer take longest. */
const mostRunning = 8

/** Probes the endpoints of other sites, one after the other, spread over the interval. */
export class RemoteProbes {
  readonly #options: RemoteProbesOptions
  readonly #sights: Sight[]
  readonly #running = new Map<number, Promise<void>>()
  #next = 0
  #timer: Timer | null = null

  constructor(options: RemoteProbesOptions) {
    this.#options = options
    this.#sights = options.targets.map(() => unseen)
    // All nodes may start at the same moment.
    if (options.targets.length > 0) this.#later(options.random())
  }

  /** What is known of each target. */
  sightings(): Sighting[] {
    const { targets, clock, intervalMs } = this.#options
    return targets.flatMap(({ service, site, node }, at) => {
      const reached = readSight(this.#sights[at]!, clock.now(), intervalMs)
      return reached === null ? [] : [{ service, site, node, reached }]
    })
  }

  async close(): Promise<void> {
    this.#timer?.cancel()
    await Promise.all(this.#options.targets.map((target) => target.close()))
    await Promise.all(this.#running.values())
  }

  /** @param share of the time between two probes */
  #later(share: number): void {
    const { clock, intervalMs, targets, random } = this.#options
    this.#timer = clock.after((share * intervalMs) / targets.length, () => {
      this.#probeNext()
      this.#later(0.75 + random() / 2)
    })
  }

  #probeNext(): void {
    if (this.#running.size >= mostRunning || this.#running.has(this.#next)) return
    const at = this.#next
    this.#next = (at + 1) % this.#options.targets.length
    const done = this.#options.targets[at]!.probe().then((result) => {
      this.#sights[at] = reduceSight(this.#sights[at]!, result, this.#options.clock.now())
      this.#running.delete(at)
    })
    this.#running.set(at, done)
  }
}
