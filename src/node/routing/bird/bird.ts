import {
  globOf,
  originators,
  readAnnouncements,
  renderAnnouncements,
} from '../../../manifest/announcements.ts'
import type { Manifest, ManifestNeighbor } from '../../../manifest/manifest.ts'
import { birdProtocolPattern } from '../../../manifest/values.ts'
import {
  type Announcements,
  type Grade,
  nothingAnnounced,
  sameAnnouncements,
} from '../../../net/announcements.ts'
import { type Family, families, familyOf } from '../../../net/prefix.ts'
import {
  DaemonError,
  type DaemonIdentity,
  type NeighborObservation,
  type Observation,
  type RoutingDaemon,
} from '../daemon.ts'
import {
  assertOwn,
  gradesFor,
  inOrder,
  isInformant,
  OtherAnnouncers,
  ownPrefixesOf,
} from '../own-prefixes.ts'
import { Turns } from '../turns.ts'
import { missingInclude, observeExport } from './attached.ts'
import { BirdClient } from './client.ts'
import { OwnRoutes } from './own-routes.ts'
import { OwnedFile } from './owned-file.ts'
import { type BirdReply, checkReply, refusalOf, wordsOf } from './reply.ts'
import { some } from './route-lists.ts'
import { type BirdSession, findProtocol, quoteProtocol, readProtocols } from './sessions.ts'

interface BirdOptions {
  readonly manifest: Manifest
  /** For each reply of BIRD, and for writes of the owned file. */
  readonly deadlineMs?: number
}

/** A BIRD pattern that matches the protocols of both families. */
const bothOriginators = '"anyward?"'

type Protocols = ReadonlyMap<string, BirdSession>

/** Codes of `configure`. In progress (4) and queued (5) mean accepted, not done. */
const taken = new Set([3, 4, 5, 18])

/** Throws a TypeError for a manifest that is not of a BIRD node. */
export function createBird(options: BirdOptions): RoutingDaemon {
  return new Bird(options)
}

class Bird implements RoutingDaemon {
  readonly kind = 'bird'
  readonly #client: BirdClient
  readonly #file: OwnedFile
  readonly #manifest: Manifest
  readonly #own: ReadonlySet<string>
  readonly #routes: OwnRoutes
  readonly #neighbors: readonly ManifestNeighbor[]
  /** Whether the configuration is the engineer's own, which names the sessions. */
  readonly #isAttached: boolean
  readonly #turns = new Turns()

  constructor({ manifest, deadlineMs = 1000 }: BirdOptions) {
    const { announceFile, daemonSocket } = manifest.paths
    if (manifest.daemon !== 'bird' || announceFile === null) {
      throw new TypeError(`the manifest of ${manifest.node} is not that of a BIRD node`)
    }
    this.#client = new BirdClient({ socketPath: daemonSocket, deadlineMs })
    this.#file = new OwnedFile(announceFile, deadlineMs)
    this.#manifest = manifest
    this.#own = ownPrefixesOf(manifest)
    this.#routes = new OwnRoutes(this.#client, this.#own)
    this.#isAttached = manifest.routing === 'attached'
    this.#neighbors = manifest.neighbors
    for (const { name, protocol } of manifest.neighbors) {
      const isFound = protocol === null && this.#isAttached
      // It becomes part of commands: an edited manifest must not inject one.
      if (!isFound && !birdProtocolPattern.test(protocol ?? '')) {
        throw new TypeError(`neighbor ${name}: "${protocol}" is not the name of a BIRD protocol`)
      }
    }
  }

  async identify(): Promise<DaemonIdentity> {
    const version = await this.#client.version()
    const reply = await this.#ask('show status')
    for (const { code, text } of reply.lines) {
      const routerId = code === 1011 && /^Router ID is (\d+\.\d+\.\d+\.\d+)$/.exec(text)?.[1]
      if (routerId) return { version, routerId }
    }
    throw new DaemonError('protocol', 'BIRD reported no router id', { reply: wordsOf(reply) })
  }

  async apply(desired: Announcements): Promise<void> {
    assertOwn(desired, this.#own)
    return this.#turns.take(() => this.#apply(gradesFor(this.#manifest, desired)))
  }

  async #apply(desired: Announcements): Promise<void> {
    const text = renderAnnouncements(desired)
    const written = await this.#file.read()
    const before = written === null ? null : readAnnouncements(written)
    let had = before
    if (written === text) {
      had = await this.#readOriginated(await this.#readProtocols())
      if (sameAnnouncements(had, desired)) return
    }
    const falling = families.filter(
      (family) => !some(desired.keys(), family) && (!had || some(had.keys(), family)),
    )
    if ([...desired].some(([prefix, grade]) => gradeKept(grade, before?.get(prefix)) !== grade)) {
      await this.#reachOrKeepDown(desired, before, written)
    }
    // `disable` runs before the file is written and before `configure`, which may be slow (a large config),
    // refused (an error in bird.conf) or impossible (the disk). Any `configure` restores the state of the file,
    // so `disable` does not replace the file, and needs no `enable`.
    const [disabled, wrote] = await Promise.allSettled([
      this.#disable(falling),
      written === text ? undefined : this.#file.replace(text),
    ])
    const fallen = disabled.status === 'fulfilled' ? disabled.value : []
    const staying = [...(had?.keys() ?? [])].filter(
      (prefix) => !desired.has(prefix) && !fallen.includes(familyOf(prefix)),
    )
    if (wrote.status === 'rejected') throw explain(wrote.reason, fallen, staying)
    if (disabled.status === 'rejected') throw disabled.reason
    const reply = await this.#client.send('configure')
    if (taken.has(reply.code)) return
    throw explain(refusalOf('configure', reply), fallen, staying)
  }

  /** A daemon that is down must not find a better announcement when it restarts without a controller. */
  async #reachOrKeepDown(
    desired: Announcements,
    before: Announcements | null,
    written: string | null,
  ): Promise<void> {
    try {
      await this.#client.version()
    } catch (error) {
      const kept = [...desired].flatMap(([prefix, grade]) => {
        const keeps = gradeKept(grade, before?.get(prefix))
        return keeps === null ? [] : [[prefix, keeps] as const]
      })
      const text = renderAnnouncements(kept)
      if (text !== written) await this.#file.replace(text)
      throw error
    }
  }

  async observe(): Promise<Observation> {
    const protocols = await this.#readProtocols()
    const originated = await this.#readOriginated(protocols)
    const neighbors: NeighborObservation[] = []
    for (const neighbor of this.#neighbors) {
      neighbors.push(await this.#observeNeighbor(neighbor, protocols, originated))
    }
    const runsOurs = families.some((family) => protocols.has(originators[family]))
    const { announceFile } = this.#manifest.paths
    return {
      originated: inOrder(originated, this.#own),
      neighbors,
      otherAnnouncers: await this.#readOtherAnnouncers(protocols),
      ...(this.#isAttached && !runsOurs && { remark: missingInclude(globOf(announceFile!)) }),
    }
  }

  async #observeNeighbor(
    neighbor: ManifestNeighbor,
    protocols: Protocols,
    originated: Announcements,
  ): Promise<NeighborObservation> {
    const { name, family, families: carried = [family] } = neighbor
    const protocol = findProtocol(neighbor, protocols)
    if (protocol === null) {
      const session = { neighbor: name, session: 'missing', announced: nothingAnnounced } as const
      if (!this.#isAttached) return session
      const what = neighbor.protocol ?? `with the address ${neighbor.address}`
      return { ...session, remarks: new Map([['session', `BIRD has no BGP protocol ${what}`]]) }
    }
    if (protocols.get(protocol)!.state !== 'up') {
      return { neighbor: name, session: 'down', announced: nothingAnnounced }
    }
    if (!this.#isAttached) {
      return { neighbor: name, session: 'up', announced: await this.#readExported(protocol, carried) }
    }
    const exported = carried.map((one) =>
      observeExport(this.#routes, protocol, { ...neighbor, family: one }, originated),
    )
    const observed = await Promise.all(exported)
    const announced = new Map(observed.flatMap((one) => [...one.announced]))
    const remarks = new Map(observed.flatMap((one) => [...one.remarks]))
    return { neighbor: name, session: 'up', announced: inOrder(announced, this.#own), remarks }
  }

  close(): void {
    this.#client.close()
  }

  leave(): Promise<void> {
    return this.#client.leave()
  }

  /** With their addresses where sessions are found by them, in each reply: a reconfiguration may rename a session. */
  async #readProtocols(): Promise<Protocols> {
    return readProtocols(await this.#ask(this.#isAttached ? 'show protocols all' : 'show protocols'))
  }

  async #readOriginated(protocols: Protocols): Promise<Announcements> {
    const grades = new Map<string, Grade>()
    for (const family of families) {
      const originator = originators[family]
      if (!protocols.has(originator)) continue
      for (const { prefix, grade } of await this.#routes.list(family, `protocol ${originator}`)) {
        grades.set(prefix, grade)
      }
    }
    return grades
  }

  /**
   * Reads the export map itself, because `show route export` runs the filter again and can differ. The map has no
   * attributes, but a route is exported again as soon as its grade changes.
   */
  async #readExported(protocol: string, carried: readonly Family[]): Promise<Announcements> {
    const lists = carried.map((family) => this.#routes.list(family, `exported ${quoteProtocol(protocol)}`))
    const routes = (await Promise.all(lists)).flat()
    const grades = new Map<string, Grade>()
    // If a prefix has several routes, a degraded one counts.
    for (const { prefix, grade } of routes) if (grades.get(prefix) !== 'degraded') grades.set(prefix, grade)
    return inOrder(grades, this.#own)
  }

  async #readOtherAnnouncers(protocols: Protocols): Promise<ReadonlyMap<string, number> | null> {
    const informants = this.#neighbors.flatMap((neighbor) => {
      const protocol = isInformant(neighbor) ? findProtocol(neighbor, protocols) : null
      return protocol !== null && protocols.get(protocol)!.state === 'up' ? [{ ...neighbor, protocol }] : []
    })
    if (informants.length === 0) return null
    const others = new OtherAnnouncers(informants)
    for (const { protocol, address, family } of informants) {
      const rest = `where !((65535,0) ~ bgp_community) protocol ${quoteProtocol(protocol)}`
      // A route from a route reflector identifies its node by the next hop (RFC 4456, section 10).
      for (const { prefix, nextHop } of await this.#routes.list(family, rest, 'all ')) {
        others.add(prefix, nextHop ?? address ?? protocol)
      }
    }
    return others.count()
  }

  /** The families whose protocol is down now, without protocols that BIRD does not know or does not disable. */
  async #disable(falling: readonly Family[]): Promise<readonly Family[]> {
    if (falling.length === 0) return []
    // One command for both: a second one would wait for the answer to the first.
    const names = falling.length === 2 ? bothOriginators : originators[falling[0]!]
    const reply = await this.#client.send(`disable ${names}`)
    // `anyward4: disabled`, a line for each. 0008 already disabled, 0009 disabled; then a bare 0000.
    return falling.filter((family) =>
      reply.lines.some(
        ({ code, text }) => (code === 8 || code === 9) && text.startsWith(originators[family]),
      ),
    )
  }

  async #ask(command: string): Promise<BirdReply> {
    return checkReply(command, await this.#client.send(command))
  }
}

/** While the daemon is down, the file contains no better announcement than before. */
function gradeKept(desired: Grade, before: Grade | undefined): Grade | null {
  if (before === undefined) return null
  return before === desired ? desired : 'degraded'
}

function explain(error: DaemonError, fallen: readonly Family[], staying: readonly string[]): DaemonError {
  const facts: string[] = []
  if (fallen.length > 0) {
    facts.push(
      `${fallen.map((family) => originators[family]).join(' and ')} disabled until the next configure`,
    )
  }
  if (staying.length > 0) facts.push(`still originated: ${staying.join(', ')}`)
  if (facts.length === 0) return error
  return new DaemonError(error.code, `${error.message}; ${facts.join('; ')}`, {
    ...(error.reply === null ? {} : { reply: error.reply }),
    cause: error,
  })
}
