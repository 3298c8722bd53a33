import type { Clock } from '../../../clock/clock.ts'
import type { ProbeResult } from '../../probe/result.ts'
import type { SideProbe } from '../../probe/side/side-check.ts'
import type { ControllerObserver } from '../parts.ts'
import { Timers } from '../timers.ts'
import type { ServiceUnit } from './service-unit.ts'

/** Services whose probes start within this time start together. */
const slotMs = 50

interface ProbingOptions {
  readonly units: readonly ServiceUnit[]
  readonly clock: Clock
  readonly observer: Pick<ControllerObserver, 'probed' | 'checked'>
  /** The service has a new result in its state. Called before the observer, which may take longer. */
  readonly onResult: (unit: ServiceUnit) => void
}

/** Runs the probes of every service at their intervals, and puts the results into the service's state. */
export class Probing {
  readonly #options: ProbingOptions
  readonly #timers: Timers
  #ended = false

  constructor(options: ProbingOptions) {
    this.#options = options
    this.#timers = new Timers(options.clock)
  }

  start(): void {
    const { units } = this.#options
    units.forEach((unit, index) => {
      const { intervalMs } = unit.service.probe
      const offsetMs = offsetOf(index / units.length, intervalMs)
      this.#timers.every(intervalMs, () => this.#probe(unit), offsetMs)
      for (const side of unit.probes.side) {
        this.#timers.every(side.intervalMs, () => this.#check(unit, side), offsetMs)
      }
    })
  }

  /** Starts no further probe, and drops the results of those that run. */
  end(): void {
    this.#ended = true
    this.#timers.end()
  }

  close(): void {
    for (const { probes } of this.#options.units) {
      probes.endpoint.close()
      for (const side of probes.side) void side.close()
    }
  }

  async #probe(unit: ServiceUnit): Promise<void> {
    const { clock } = this.#options
    const { state, service } = unit
    const { endpoint } = unit.probes
    const startedAt = clock.now()
    if (endpoint.isAskingClosely || isProvingItself(unit, startedAt)) return
    unit.cycleBeganAt = startedAt
    let sinceMs = startedAt
    const onRound = (bad: ProbeResult, lateMs: number) => {
      // It goes on, as if another cycle began.
      sinceMs = clock.now()
      unit.cycleBeganAt = sinceMs
      this.#take(unit, bad, startedAt, lateMs)
    }
    // Only what is announced has to be withdrawn soon.
    const isServing = state.health.status === 'healthy' || state.health.status === 'impaired'
    unit.cyclesRunning += 1
    const result = await (isServing ? endpoint.runCycle(onRound) : endpoint.runCycle())
    unit.cyclesRunning -= 1
    // A late start does not count: the probe still had its whole timeout. No round takes longer.
    this.#take(unit, result, startedAt, Math.max(0, clock.now() - sinceMs - service.probe.timeoutMs))
  }

  #take(unit: ServiceUnit, result: ProbeResult, startedAt: number, lateMs: number): void {
    if (this.#ended) return
    const { clock, observer, onResult } = this.#options
    const now = clock.now()
    unit.cycleEndedAt = now
    const judged = unit.state.takeProbe(result, startedAt, now, lateMs)
    onResult(unit)
    observer.probed(unit.state, judged)
  }

  async #check(unit: ServiceUnit, side: SideProbe): Promise<void> {
    const { clock, observer, onResult } = this.#options
    const result = await side.run()
    if (this.#ended) return
    // During a drain or a withdrawal, a drop in the number of peers is expected.
    if (side.check === 'peers' && unit.sendsPeersAway) return
    unit.state.takeSide(result, clock.now())
    onResult(unit)
    observer.checked(unit.state, result)
  }
}

/**
 * Whether a cycle of an unhealthy endpoint has time left: another one would take the server's session from it, and where
 * answers take long, none would end well.
 */
function isProvingItself({ state, service, cyclesRunning, cycleBeganAt }: ServiceUnit, now: number): boolean {
  // Not `cyclesRunning` alone: one might never end.
  const hasTime = cyclesRunning > 0 && now - cycleBeganAt < service.probe.timeoutMs
  return hasTime && state.health.status === 'unhealthy'
}

/**
 * The offset of a service's probe within its interval; `share` is the share of services before it. A hundred probes in
 * the same millisecond would all be late, and a hundred single ones would wake the machine too often.
 */
function offsetOf(share: number, intervalMs: number): number {
  const slots = Math.max(1, Math.floor(intervalMs / slotMs))
  return (Math.floor(share * slots) * intervalMs) / slots
}
