import type { Clock } from '../../../clock/clock.ts'
import type { RunIpBatch } from '../../../linux/ip-batch.ts'
import type { LinkSnapshot } from '../../../linux/link-snapshot.ts'
import type { Manifest, ManifestNeighbor } from '../../../manifest/manifest.ts'
import type { NeighborKind } from '../../../manifest/words.ts'
import { type Family, families, familyOf } from '../../../net/prefix.ts'
import type { Metrics } from '../../../telemetry/metrics.ts'
import type { Say } from '../../../telemetry/say.ts'
import { visible } from '../../../text/wording.ts'
import { createSideProbe, inconclusive, type SideVerdict } from '../../probe/side/create-side-probe.ts'
import type { SideProbe } from '../../probe/side/side-check.ts'
import type { NeighborObservation } from '../../routing/daemon.ts'
import { FamilySource } from './family-source.ts'
import type { SourceNeighbor } from './source-plan.ts'

interface SourceKeeperParts {
  /** Whether the neighbors have what was decided: to start a process blocks this one for some milliseconds. */
  readonly isIdle: () => boolean
  readonly manifest: Pick<Manifest, 'services' | 'neighbors'>
  readonly run: RunIpBatch
  readonly clock: Clock
  readonly say: Say
  readonly metrics: Pick<Metrics, 'sourceRepairs'>
}

/** Milliseconds. */
const timing = {
  /** Between two looks while nothing happens. */
  calm: 5000,
  /** After a change of the links or sessions more of them follow, and BIRD and FRR need a moment. */
  gather: 100,
  /** Between looks after changes; it doubles up to `most`, for an address that comes back takes its route with it. */
  first: 250,
  most: 1000,
  /** A look waits for a change of the announcements, but not longer, and asks as often. */
  giveWay: 2000,
  giveWayStep: 50,
  /** A look that is older says nothing. */
  stale: 20_000,
} as const

const mostListed = 10
const longestProblem = 300
/** Route servers and peers forward to their own networks only. */
const gatewayKinds: readonly NeighborKind[] = ['transit', 'tor', 'provider-private', 'ibgp']

/**
 * Keeps a policy route, so that what WireGuard sends without a source leaves from the anycast address: WireGuard forgets
 * the source at each retransmission. It cannot withdraw a service, and what it cannot read proves nothing.
 */
export class SourceKeeper {
  readonly #parts: SourceKeeperParts
  readonly #families: ReadonlyMap<Family, FamilySource>
  readonly #verdicts = new Map<
    Family,
    { readonly of: ReadonlyMap<string, SideVerdict>; readonly atMs: number }
  >()
  /** `null`: not known yet. */
  #links: LinkSnapshot | null = null
  #up: ReadonlySet<string> = new Set()
  #isRoused = false
  #onFirstLook = () => {}
  readonly #firstLook = new Promise<void>((resolve) => {
    this.#onFirstLook = resolve
  })
  #spacingMs: number = timing.first
  /** Ends the pause while nothing happens, or, if this keeper stops, any. */
  #wake = () => {}
  #end = () => {}
  #stopped = false
  #loop: Promise<void> = Promise.resolve()
  /** The last reported problems. */
  #reported = ''

  constructor(parts: SourceKeeperParts) {
    this.#parts = parts
    const { manifest, run, clock } = parts
    const sources = families.flatMap((family) => {
      const services = manifest.services.flatMap(({ name, wireguard, anycast }) => {
        const own = anycast.filter((address) => familyOf(address) === family)
        return own.length === 0 ? [] : [{ name, port: wireguard.port, anycast: own }]
      })
      const neighbors = manifest.neighbors.filter((one) => isOfFamily(one, family)).map(readNeighbor)
      const source = new FamilySource({ family, services, neighbors, run, clock })
      return services.length === 0 ? [] : [[family, source] as const]
    })
    this.#families = new Map(sources)
  }

  start(): void {
    this.#loop = this.#run()
  }

  /** The links have changed. */
  rouse(): void {
    if (this.#isRoused) return
    this.#isRoused = true
    for (const source of this.#families.values()) source.forgetRefusals()
    this.#wake()
  }

  /** The present links, of which those with an anycast address count. */
  takeLinks(links: LinkSnapshot): void {
    this.#links = links
    this.rouse()
  }

  takeSessions(neighbors: readonly Pick<NeighborObservation, 'neighbor' | 'session'>[]): void {
    const up = neighbors.flatMap(({ neighbor, session }) => (session === 'up' ? [neighbor] : []))
    if (up.length === this.#up.size && up.every((name) => this.#up.has(name))) return
    this.#up = new Set(up)
    this.rouse()
  }

  /** The check `source` of a service. */
  probeOf(service: string): SideProbe {
    const ask = async () => {
      if (this.#verdicts.size === 0)
        await Promise.race([this.#firstLook, this.#parts.clock.sleep(timing.calm)])
      return this.#verdictOf(service)
    }
    return createSideProbe({ check: 'source', intervalMs: timing.calm, ask, clock: this.#parts.clock })
  }

  /** Ends; the rules and routes stay. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#wake()
    this.#end()
    await this.#loop
  }

  /** Removes the rules and routes of these services, after `stop`. Never rejects. */
  async remove(services: readonly string[], limitMs: number): Promise<void> {
    const names = new Set(services)
    if (names.size === 0) return
    await Promise.all(
      [...this.#families.values()].map((family) =>
        family.remove(names, limitMs).catch((cause: Error) => this.#report([cause.message])),
      ),
    )
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      this.#isRoused = false
      const isCalm = await this.#look()
      if (this.#stopped) return
      await this.#pause(isCalm)
    }
  }

  async #pause(isCalm: boolean): Promise<void> {
    const { clock } = this.#parts
    const lookedAt = clock.now()
    if (isCalm && !this.#isRoused) {
      await clock.sleep(timing.calm, (wake) => {
        this.#wake = wake
      })
      if (!this.#isRoused) {
        this.#spacingMs = timing.first
        return
      }
    }
    if (this.#stopped) return
    const dueAt = Math.max(lookedAt + this.#spacingMs, clock.now() + timing.gather)
    this.#spacingMs = Math.min(this.#spacingMs * 2, timing.most)
    await clock.sleep(dueAt - clock.now(), (wake) => {
      this.#end = wake
    })
  }

  /** Returns whether nothing is to be expected soon. */
  async #look(): Promise<boolean> {
    const { clock, metrics, say } = this.#parts
    const links = this.#links
    if (links === null) return true
    const problems: string[] = []
    let isCalm = true
    for (const [family, source] of this.#families) {
      await this.#giveWay()
      if (this.#stopped) return true
      try {
        const look = await source.look(links, (neighbor) => this.#up.has(neighbor))
        this.#verdicts.set(family, { of: look.verdicts, atMs: clock.now() })
        problems.push(...look.problems)
        isCalm &&= !look.changed && [...look.verdicts.values()].every(({ outcome }) => outcome !== 'bad')
        if (look.lost.length === 0) continue
        metrics.sourceRepairs.inc({ family })
        say(
          'warn',
          { event: 'source-restored', family, lost: look.lost.slice(0, mostListed) },
          `another program removed the policy route for what WireGuard sends (${family}): restored`,
        )
      } catch (cause) {
        problems.push((cause as Error).message)
      }
    }
    this.#report(problems)
    this.#onFirstLook()
    return isCalm
  }

  /** A withdrawal is more urgent. The first look comes before the first announcement. */
  async #giveWay(): Promise<void> {
    const { clock, isIdle } = this.#parts
    if (this.#verdicts.size < this.#families.size) return
    const until = clock.now() + timing.giveWay
    while (!this.#stopped && !isIdle() && clock.now() < until) await clock.sleep(timing.giveWayStep)
  }

  /** Once for each change. */
  #report(problems: readonly string[]): void {
    const words = problems.slice(0, mostListed).map((one) => visible(one, longestProblem))
    const key = words.join('\n')
    if (key === this.#reported) return
    this.#reported = key
    if (words.length === 0) return
    const message = `the policy route for what WireGuard sends is incomplete: ${words[0]}`
    this.#parts.say('error', { event: 'source', problems: words }, message)
  }

  /** A family that says nothing, such as one without a route, leaves it to the other. */
  #verdictOf(service: string): SideVerdict {
    const now = this.#parts.clock.now()
    const known = [...this.#verdicts.values()].flatMap(({ of, atMs }) =>
      now - atMs > timing.stale ? [] : (of.get(service) ?? []),
    )
    const order = ['bad', 'good', 'inconclusive'] as const
    const found = order.flatMap((outcome) => known.find((one) => one.outcome === outcome) ?? [])
    return found[0] ?? inconclusive('no-answer', 'the rules and routes of this node could not be read')
  }
}

function isOfFamily({ prefixes, family, families: both }: ManifestNeighbor, wanted: Family): boolean {
  return prefixes.length > 0 && (both ?? [family]).includes(wanted)
}

function readNeighbor({ name, address, interface: link, vrf, kind }: ManifestNeighbor): SourceNeighbor {
  return {
    ...{ name, address, interface: link ?? null, vrf: vrf ?? null },
    isGateway: gatewayKinds.includes(kind),
  }
}
