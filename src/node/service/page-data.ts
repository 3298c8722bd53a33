import type { Clock } from '../../clock/clock.ts'
import { pageRoutes } from '../../control/page/page-routes.ts'
import type { Route } from '../../control/route.ts'
import type { NodeStatus } from '../../control/status.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import type { NodeEvent } from '../../telemetry/events.ts'
import { ProbeHistory } from '../../telemetry/probe-history.ts'
import { RecentEvents } from '../../telemetry/recent-events.ts'
import type { ControllerObserver } from '../controller/parts.ts'

const historySeconds = 300

/** What the page shows beside the status: the last events and probe times of this node, in memory. */
export class PageData {
  readonly #clock: Pick<Clock, 'wall'>
  readonly #history = new ProbeHistory(historySeconds)
  readonly #recent = new RecentEvents()
  /** Runs after each event: the state may have changed. */
  onChange = () => {}

  constructor(clock: Pick<Clock, 'wall'>) {
    this.#clock = clock
  }

  /** The events of earlier controllers. Never rejects. */
  restore(stateDir: string): Promise<void> {
    return this.#recent.restore(stateDir)
  }

  takeEvent(event: NodeEvent): void {
    this.#recent.add(event)
    this.onChange()
  }

  /** The observer, which also keeps the times of the probes here. */
  watch(observer: ControllerObserver): ControllerObserver {
    const [history, clock] = [this.#history, this.#clock]
    return {
      ...observer,
      probed(state, result) {
        observer.probed(state, result)
        const service = state.service.name
        const now = clock.wall()
        if (result.outcome === 'bad') history.addBad(service, result.check, now)
        if (result.outcome !== 'good') return
        const { handshakeMs, pingMs, lost } = result
        if (handshakeMs !== null) history.addTime(service, 'handshake', handshakeMs, now)
        if (pingMs !== null) history.addTime(service, 'ping', pingMs, now)
        if (lost !== undefined) history.addBad(service, lost, now)
      },
      checked(state, result) {
        observer.checked(state, result)
        const { check, outcome, tookMs } = result
        if (outcome === 'good') history.addTime(state.service.name, check, tookMs, clock.wall())
        else if (outcome === 'bad') history.addBad(state.service.name, check, clock.wall())
      },
    }
  }

  routes({ services, neighbors }: Manifest, status: () => NodeStatus): Route[] {
    return pageRoutes({
      status,
      configured: {
        services: services.map(({ name, anycast, prefixes, wireguard, drain }) => ({
          ...{ name, anycast, prefixes, interface: wireguard.interface, port: wireguard.port },
          drain: { limitMs: drain.limitMs, undrainMs: drain.undrainMs },
        })),
        neighbors: neighbors.map(({ name, kind, asn, prefixes }) => ({ name, kind, asn, prefixes })),
      },
      events: () => ({ count: this.#recent.count, events: this.#recent.list() }),
      probes: (seconds = historySeconds) => {
        const wall = this.#clock.wall()
        return { from: this.#history.firstSecond(wall, seconds), series: this.#history.read(wall, seconds) }
      },
    })
  }
}
