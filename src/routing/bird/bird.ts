import { type Family, families, familyOf } from '../../net/prefix.ts'
import type { Manifest, ManifestNeighbor } from '../../planner/manifest.ts'
import { originators, readAnnouncements, renderAnnouncements } from '../../render/announcements.ts'
import {
  DaemonError,
  type DaemonIdentity,
  type Desired,
  type NeighborObservation,
  type Observation,
  type RoutingDaemon,
} from '../daemon.ts'
import { assertOwn, canonicalPrefix, ownPrefixesOf, sameSet, sortPrefixes } from '../own-prefixes.ts'
import { Turns } from '../turns.ts'
import { BirdClient, maxCommandBytes } from './client.ts'
import { OwnedFile } from './owned-file.ts'
import { type BirdReply, wordsOf } from './reply.ts'

export interface BirdOptions {
  readonly manifest: Manifest
  /** For each reply of BIRD, and for the owned file's disk. */
  readonly deadlineMs?: number
}

/** A pattern of BIRD's that matches the protocols of both families. */
const bothOriginators = '"anyward?"'

/** Codes of `configure`. In progress (4) and queued (5) are taken, which is not done. */
const taken = new Set([3, 4, 5, 18])

/** Throws a TypeError for a manifest that is not of a BIRD node. */
export function createBird(options: BirdOptions): RoutingDaemon {
  return new Bird(options)
}

class Bird implements RoutingDaemon {
  readonly kind = 'bird'
  readonly #client: BirdClient
  readonly #file: OwnedFile
  readonly #own: ReadonlySet<string>
  readonly #neighbors: readonly (ManifestNeighbor & { protocol: string })[]
  readonly #turns = new Turns()

  constructor({ manifest, deadlineMs = 1000 }: BirdOptions) {
    const { announceFile, daemonSocket } = manifest.paths
    if (manifest.daemon !== 'bird' || announceFile === null) {
      throw new TypeError(`the manifest of ${manifest.node} is not that of a BIRD node`)
    }
    this.#client = new BirdClient({ socketPath: daemonSocket, deadlineMs })
    this.#file = new OwnedFile(announceFile, deadlineMs)
    this.#own = ownPrefixesOf(manifest)
    this.#neighbors = manifest.neighbors.map((neighbor) => {
      const { protocol } = neighbor
      // It ends up in commands: a manifest that somebody edited must not smuggle one in.
      if (protocol === null || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(protocol)) {
        throw new TypeError(`neighbor ${neighbor.name}: "${protocol}" is not the name of a BIRD protocol`)
      }
      return { ...neighbor, protocol }
    })
  }

  async identify(): Promise<DaemonIdentity> {
    const version = await this.#client.version()
    const reply = await this.#ask('show status')
    for (const { code, text } of reply.lines) {
      const routerId = code === 1011 && /^Router ID is (\d+\.\d+\.\d+\.\d+)$/.exec(text)?.[1]
      if (routerId) return { version, routerId }
    }
    throw new DaemonError('protocol', 'BIRD told no router id', { reply: wordsOf(reply) })
  }

  async apply(desired: Desired): Promise<void> {
    const prefixes = new Set(desired.keys())
    assertOwn(prefixes, this.#own)
    return this.#turns.take(() => this.#apply(prefixes))
  }

  async #apply(desired: ReadonlySet<string>): Promise<void> {
    const text = renderAnnouncements(desired)
    const written = await this.#file.read()
    const before = written === null ? null : readAnnouncements(written)
    let had = before
    if (written === text) {
      had = await this.#readOriginated(await this.#readStates())
      if (sameSet(had, desired)) return
    }
    const falling = families.filter((family) => !some(desired, family) && (!had || some(had, family)))
    const rises = before === null ? desired.size > 0 : [...desired].some((prefix) => !before.has(prefix))
    if (rises) await this.#reachOrKeepDown(desired, before, written)
    // `disable` runs ahead of the file and of a `configure` that may be slow (a large config), refused
    // (somebody else's bird.conf is broken) or impossible (the disk). It does not last: any `configure`
    // restores what the file says, so it is never instead of the file, and needs no `enable`.
    const [disabled, wrote] = await Promise.allSettled([
      this.#disable(falling),
      written === text ? undefined : this.#file.replace(text),
    ])
    const fallen = disabled.status === 'fulfilled' ? disabled.value : []
    const staying = [...(had ?? [])].filter(
      (prefix) => !desired.has(prefix) && !fallen.includes(familyOf(prefix)),
    )
    if (wrote.status === 'rejected') throw explain(wrote.reason, fallen, staying)
    if (disabled.status === 'rejected') throw disabled.reason
    const reply = await this.#client.send('configure')
    if (taken.has(reply.code)) return
    throw explain(refusal('configure', reply), fallen, staying)
  }

  /** A daemon that is not there now must not find a new announcement when it comes back without us. */
  async #reachOrKeepDown(
    desired: ReadonlySet<string>,
    before: ReadonlySet<string> | null,
    written: string | null,
  ): Promise<void> {
    try {
      await this.#client.version()
    } catch (error) {
      const kept = renderAnnouncements([...desired].filter((prefix) => before?.has(prefix)))
      if (kept !== written) await this.#file.replace(kept)
      throw error
    }
  }

  async observe(): Promise<Observation> {
    const states = await this.#readStates()
    const originated = sortPrefixes(await this.#readOriginated(states))
    const neighbors: NeighborObservation[] = []
    for (const neighbor of this.#neighbors) {
      const state = states.get(neighbor.protocol)
      const session = state === undefined ? 'missing' : state === 'up' ? 'up' : 'down'
      const announced = session === 'up' ? await this.#readExported(neighbor.protocol) : []
      neighbors.push({ neighbor: neighbor.name, session, announced, degraded: [] })
    }
    return { originated, degraded: [], neighbors, elsewhere: null }
  }

  close(): void {
    this.#client.close()
  }

  /** Every protocol's state by its name. For BGP `up` is Established. */
  async #readStates(): Promise<ReadonlyMap<string, string>> {
    const reply = await this.#ask('show protocols')
    const states = new Map<string, string>()
    for (const { code, text } of reply.lines) {
      if (code !== 1002) continue
      const [name, , , state] = text.split(/\s+/)
      if (name === undefined || state === undefined) {
        throw new DaemonError('protocol', 'BIRD listed a protocol without a state', { reply: text })
      }
      states.set(name, state)
    }
    return states
  }

  async #readOriginated(states: ReadonlyMap<string, string>): Promise<ReadonlySet<string>> {
    const prefixes = new Set<string>()
    for (const family of families) {
      const originator = originators[family]
      if (!states.has(originator)) continue
      const command = `show route protocol ${originator}`
      const reply = await this.#list(command)
      if (isGone(reply)) continue
      for (const prefix of readRoutes(check(command, reply))) prefixes.add(prefix)
    }
    return prefixes
  }

  /** From the export map itself: `show route export` runs the filter again, and can say otherwise. */
  async #readExported(protocol: string): Promise<string[]> {
    const prefixes = new Set<string>()
    for (const command of exportedCommands(protocol, this.#own)) {
      const reply = await this.#list(command)
      if (isGone(reply)) continue
      for (const prefix of readRoutes(check(command, reply))) {
        if (this.#own.has(prefix)) prefixes.add(prefix)
      }
    }
    return sortPrefixes(prefixes)
  }

  /** The families whose protocol is down now. A protocol that BIRD does not know, or will not disable, is not. */
  async #disable(falling: readonly Family[]): Promise<readonly Family[]> {
    if (falling.length === 0) return []
    // Both by one command: the second would wait for the answer to the first.
    const names = falling.length === 2 ? bothOriginators : originators[falling[0]!]
    const reply = await this.#client.send(`disable ${names}`)
    // `anyward4: disabled`, a line for each. 0008 already disabled, 0009 disabled; then a bare 0000.
    return falling.filter((family) =>
      reply.lines.some(
        ({ code, text }) => (code === 8 || code === 9) && text.startsWith(originators[family]),
      ),
    )
  }

  /** A reconfiguration ends a list that is just being printed; the next one is of the new configuration. */
  async #list(command: string): Promise<BirdReply> {
    let reply = await this.#client.send(command)
    for (let again = 0; isCutShort(reply) && again < mostReconfigurations; again += 1) {
      reply = await this.#client.send(command)
    }
    return reply
  }

  async #ask(command: string): Promise<BirdReply> {
    return check(command, await this.#client.send(command))
  }
}

/** In a row, by several writers at once. */
const mostReconfigurations = 5

function isCutShort(reply: BirdReply): boolean {
  return reply.code >= 8000 && wordsOf(reply).endsWith('Stopped due to reconfiguration')
}

/** As many as it takes to name all prefixes within BIRD's limit, for a table may hold much that is not ours. */
function exportedCommands(protocol: string, own: ReadonlySet<string>): string[] {
  const parts: string[][] = [[]]
  const roomBytes =
    maxCommandBytes - protocol.length - 'show route where net ~ [] || net ~ [] exported '.length
  let bytes = 0
  for (const prefix of own) {
    if (bytes + prefix.length + 1 > roomBytes) {
      parts.push([])
      bytes = 0
    }
    parts.at(-1)!.push(prefix)
    bytes += prefix.length + 1
  }
  return parts
    .filter((part) => part.length > 0)
    .map((part) => {
      // A set of BIRD's is of one family.
      const sets = families.map((family) => part.filter((prefix) => familyOf(prefix) === family))
      const terms = sets.filter((set) => set.length > 0).map((set) => `net ~ [${set.join(',')}]`)
      return `show route where ${terms.join(' || ')} exported ${protocol}`
    })
}

/** The networks of a route list. A line that begins with a blank is one more route to the network above. */
function* readRoutes(reply: BirdReply): Generator<string> {
  for (const { code, text } of reply.lines) {
    if (code !== 1007) continue
    const network = /^(\S+\/\d+)\s/.exec(text)?.[1]
    const prefix = network === undefined ? null : canonicalPrefix(network)
    if (prefix !== null) yield prefix
    else if (!/^(?:Table |\s|$)/.test(text)) {
      throw new DaemonError('protocol', 'BIRD listed a route without a network', { reply: text })
    }
  }
}

/**
 * `show protocols` still lists a protocol on its way out when its name is gone already, and a session that
 * has just gone down, or carries no routes, has no tables.
 */
function isGone(reply: BirdReply): boolean {
  return reply.code === 9001 && /CF_SYM_UNDEFINED|^No valid tables$/.test(wordsOf(reply))
}

function check(command: string, reply: BirdReply): BirdReply {
  // 8001, network not found, is how some versions say that there is no such route.
  if (reply.code === 0 || reply.code === 13 || reply.code === 8001) return reply
  throw refusal(command, reply)
}

function refusal(command: string, reply: BirdReply): DaemonError {
  const words = wordsOf(reply)
  if (reply.code >= 8000)
    return new DaemonError('refused', `BIRD refused "${command}": ${words}`, { reply: words })
  return new DaemonError('protocol', `BIRD answered "${command}" with the unknown code ${reply.code}`, {
    reply: words,
  })
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

function some(prefixes: ReadonlySet<string>, family: Family): boolean {
  return [...prefixes].some((prefix) => familyOf(prefix) === family)
}
