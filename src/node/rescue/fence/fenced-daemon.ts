import type { Manifest } from '../../../manifest/manifest.ts'
import type { Announcements } from '../../../net/announcements.ts'
import type { DaemonIdentity, Observation, RoutingDaemon } from '../../routing/daemon.ts'
import { isNotRunning, isWithdrawn, observationWithoutDaemon } from '../../routing/withdrawn.ts'
import type { Fence } from './fence.ts'

/**
 * A routing daemon whose services are fenced while neighbors do not have their routes: the fence falls before a service is
 * announced, and is set when its withdrawal was observed.
 */
export class FencedDaemon implements RoutingDaemon {
  readonly #daemon: RoutingDaemon
  readonly #fence: Fence
  readonly #manifest: Pick<Manifest, 'services' | 'neighbors'>
  /** The last set that was applied; `null`: none was. */
  #desired: Announcements | null = null
  #seen: Observation | null = null
  #isGone = false

  constructor(daemon: RoutingDaemon, fence: Fence, manifest: Pick<Manifest, 'services' | 'neighbors'>) {
    this.#daemon = daemon
    this.#fence = fence
    this.#manifest = manifest
  }

  get kind() {
    return this.#daemon.kind
  }

  identify(): Promise<DaemonIdentity> {
    return this.#daemon.identify()
  }

  async apply(desired: Announcements): Promise<void> {
    this.#desired = desired
    // A withdrawal does not wait: what was seen as announced is not fenced.
    const news = this.#findPorts(
      (prefixes) => this.#isDesired(prefixes) && (this.#seen === null || isWithdrawn(this.#seen, prefixes)),
    )
    if (news.size > 0) {
      // While it does not run, the fence stays.
      if (this.#isGone) await this.observe()
      await this.#fence.lower(news)
    }
    await this.#watch(this.#daemon.apply(desired))
  }

  async observe(): Promise<Observation> {
    const observation = await this.#watch(this.#daemon.observe())
    this.#isGone = false
    this.#follow(observation)
    return observation
  }

  close(): void {
    this.#daemon.close()
  }

  async leave(): Promise<void> {
    await this.#daemon.leave()
    await this.#fence.settled()
  }

  async #watch<T>(call: Promise<T>): Promise<T> {
    try {
      return await call
    } catch (error) {
      if (isNotRunning(error)) {
        this.#isGone = true
        this.#follow(observationWithoutDaemon(this.#manifest.neighbors))
      }
      throw error
    }
  }

  #follow(observation: Observation): void {
    this.#seen = observation
    const isOff = (prefixes: readonly string[]) =>
      isWithdrawn(observation, prefixes) && (this.#isGone || !this.#isDesired(prefixes))
    const announced = this.#findPorts((prefixes) => !isOff(prefixes))
    // Several services may share a port.
    void this.#fence.set(new Set([...this.#findPorts(isOff)].filter((port) => !announced.has(port))))
  }

  #isDesired(prefixes: readonly string[]): boolean {
    return prefixes.some((prefix) => this.#desired?.has(prefix))
  }

  #findPorts(applies: (prefixes: readonly string[]) => boolean): Set<number> {
    const services = this.#manifest.services.filter(({ prefixes }) => applies(prefixes))
    return new Set(services.map(({ wireguard }) => wireguard.port))
  }
}
