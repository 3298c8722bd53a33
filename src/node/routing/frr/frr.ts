import type { Manifest, ManifestNeighbor } from '../../../manifest/manifest.ts'
import { announcingVrfs, defaultVrf } from '../../../manifest/vrfs.ts'
import { type Announcements, type Grade, nothingAnnounced } from '../../../net/announcements.ts'
import { families, familyOf } from '../../../net/prefix.ts'
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
import {
  networksCommand,
  type RunningNetworks,
  readAdvertised,
  readNetworks,
  readRouterId,
  readSummary,
  readTaken,
  readValidity,
  readVersion,
  type Summary,
} from './answers.ts'
import { degradedMapLines, explainGrade, explainMissing } from './attached.ts'
import { commandsByFamily, describeVrf, isEmpty, type Lines, routerCommand, showBgp } from './commands.ts'
import { peerOf, vrfOf } from './peer.ts'
import { refusal, Vty } from './vty.ts'

interface FrrOptions {
  readonly manifest: Manifest
  /** For each reply of bgpd. */
  readonly deadlineMs?: number
}

/** `peer`: as bgpd names it. */
type FrrNeighbor = ManifestNeighbor & { readonly peer: string; readonly vrf: string }

type States = Summary['states']

/** Throws a TypeError for a manifest that is not of an FRR node. */
export function createFrr(options: FrrOptions): RoutingDaemon {
  return new Frr(options)
}

class Frr implements RoutingDaemon {
  readonly kind = 'frr'
  readonly #vty: Vty
  readonly #asn: number
  readonly #manifest: Manifest
  readonly #own: ReadonlySet<string>
  readonly #neighbors: readonly FrrNeighbor[]
  readonly #vrfs: readonly string[]
  /** Whether the configuration is the engineer's own. */
  readonly #isAttached: boolean
  /** The connection has a mode: no query may run while it is in configuration mode. */
  readonly #turns = new Turns()

  constructor({ manifest, deadlineMs = 1000 }: FrrOptions) {
    if (manifest.daemon !== 'frr')
      throw new TypeError(`the manifest of ${manifest.node} is not that of an FRR node`)
    this.#vty = new Vty({ socketPath: manifest.paths.daemonSocket, deadlineMs })
    this.#asn = manifest.asn
    this.#manifest = manifest
    this.#isAttached = manifest.routing === 'attached'
    this.#own = ownPrefixesOf(manifest)
    this.#neighbors = manifest.neighbors.map((neighbor) => ({
      ...neighbor,
      peer: peerOf(neighbor),
      vrf: vrfOf(neighbor),
    }))
    this.#vrfs = announcingVrfs(manifest)
  }

  identify(): Promise<DaemonIdentity> {
    return this.#turns.take(async () => {
      const version = readVersion(await this.#vty.ask('show version'))
      const [vrf] = this.#vrfs
      const routerId = readRouterId(await this.#vty.ask('show bgp vrfs json'), vrf!)
      if (routerId === null) throw this.#lacksInstance(vrf!)
      return { version, routerId }
    })
  }

  async apply(desired: Announcements): Promise<void> {
    assertOwn(desired, this.#own)
    return this.#turns.take(() => this.#apply(gradesFor(this.#manifest, desired)))
  }

  async #apply(desired: Announcements): Promise<void> {
    const { instances, definesDegraded } = await this.#readNetworks()
    const planned = new Map<string, Lines>()
    for (const vrf of this.#vrfs) {
      const networks = instances.get(vrf) ?? nothingAnnounced
      const falling = [...this.#own].filter((prefix) => !desired.has(prefix) && networks.has(prefix))
      const rising = new Map([...desired].filter(([prefix, grade]) => networks.get(prefix) !== grade))
      const changes = falling.length > 0 || rising.size > 0
      const lines = { falling, rising, stuck: changes ? [] : await this.#findStuck(vrf, networks) }
      if (!isEmpty(lines)) planned.set(vrf, lines)
    }
    if (planned.size === 0) return
    const refusals: DaemonError[] = []
    // `router bgp` would create an instance if a restarted bgpd has not read its configuration yet.
    for (const vrf of planned.keys()) {
      if (instances.has(vrf)) continue
      refusals.push(this.#lacksInstance(vrf))
      planned.delete(vrf)
    }
    if (planned.size === 0) throw combine(refusals)
    try {
      const needsMap = this.#isAttached && !definesDegraded && [...desired.values()].includes('degraded')
      await this.#configure(planned, needsMap ? degradedMapLines : [], refusals)
    } catch (error) {
      // The connection is gone, most likely; a new one starts outside of configuration.
      this.#vty.drop()
      throw error
    }
    await this.#leaveConfiguration()
    if (refusals.length > 0) throw combine(refusals)
  }

  #lacksInstance(vrf: string): DaemonError {
    return new DaemonError('refused', `bgpd does not run AS ${this.#asn} in ${describeVrf(vrf)}`)
  }

  /**
   * Prefixes that a neighbor still has although bgpd no longer originates them. bgpd sends no withdrawal to a
   * session whose coalesce timer runs, and never repeats it: a withdrawal right after the first announcement of a
   * started bgpd is lost, also after `clear … soft out`. Seen in 8.4.4; see FRR's pull requests 16830 and 17667.
   * `coalesce-time 0` in the configuration prevents it.
   */
  async #findStuck(vrf: string, networks: Announcements): Promise<string[]> {
    const { states } = await this.#readSummary(vrf)
    const stuck = new Set<string>()
    for (const neighbor of this.#neighbors.filter((one) => one.vrf === vrf)) {
      const { announced } = await this.#observeNeighbor(neighbor, states, networks)
      for (const prefix of announced.keys()) {
        if (networks.has(prefix)) continue
        // The engineer's own configuration may originate the same prefix.
        if (this.#isAttached && (await this.#readValidity(vrf, prefix)) !== null) continue
        stuck.add(prefix)
      }
    }
    return [...stuck]
  }

  /** A refused line does not stop the later ones, so that as much as possible is withdrawn. */
  async #configure(
    planned: ReadonlyMap<string, Lines>,
    before: readonly string[],
    refusals: DaemonError[],
  ): Promise<void> {
    const enter = async (command: string) => this.#configureLine(command, refusals)
    if (!(await enter('configure terminal'))) return
    for (const command of before) await enter(command)
    let isInside = false
    for (const [vrf, lines] of planned) {
      if (isInside) await enter('exit')
      isInside = await enter(routerCommand(this.#asn, vrf))
      if (!isInside) continue
      for (const [family, commands] of commandsByFamily(lines)) {
        if (!(await enter(`address-family ${family} unicast`))) continue
        for (const command of commands) await this.#configureLine(command, refusals)
        await enter('exit-address-family')
      }
    }
  }

  /** Whether bgpd accepted it without output: a status of 0 can come with a warning. */
  async #configureLine(command: string, refusals: DaemonError[]): Promise<boolean> {
    const reply = await this.#vty.send(command)
    const words = reply.text.trim()
    if (reply.status === 0 && words === '') return true
    // Another client withdrew it meanwhile.
    if (command.startsWith('no network ') && words === "% Can't find static route specified") return true
    refusals.push(refusal(command, reply))
    return false
  }

  async #leaveConfiguration(): Promise<void> {
    try {
      await this.#vty.ask('end')
    } catch {
      this.#vty.drop()
    }
  }

  observe(): Promise<Observation> {
    return this.#turns.take(async () => {
      const { instances } = await this.#readNetworks()
      const states = new Map<string, States>()
      for (const vrf of this.#vrfs) states.set(vrf, (await this.#readSummary(vrf)).states)
      const neighbors: NeighborObservation[] = []
      for (const neighbor of this.#neighbors) {
        const { vrf } = neighbor
        const networks = instances.get(vrf) ?? nothingAnnounced
        neighbors.push(await this.#observeNeighbor(neighbor, states.get(vrf)!, networks))
      }
      return {
        originated: inOrder(this.#originatedIn(instances), this.#own),
        neighbors,
        // The nodes of the fleet reach each other in the default VRF.
        otherAnnouncers: await this.#readOtherAnnouncers(states.get(defaultVrf)),
      }
    })
  }

  /** A prefix that any instance originates; not as degraded, if one of them does not degrade it. */
  #originatedIn(instances: RunningNetworks['instances']): Announcements {
    const originated = new Map<string, Grade>()
    for (const vrf of this.#vrfs) {
      for (const [prefix, grade] of instances.get(vrf) ?? nothingAnnounced) {
        if (this.#own.has(prefix) && originated.get(prefix) !== 'normal') originated.set(prefix, grade)
      }
    }
    return originated
  }

  async #observeNeighbor(
    neighbor: FrrNeighbor,
    states: States,
    networks: Announcements,
  ): Promise<NeighborObservation> {
    const announced = new Map<string, Grade>()
    // Routes to a neighbor without degraded announcements are not changed on export.
    const isSeen = neighbor.session === undefined || 'degraded' in neighbor.session.exportRules
    let session: NeighborObservation['session'] = 'missing'
    for (const family of families) {
      const state = states[family].get(neighbor.peer)
      if (state === undefined) continue
      session = state === 'Established' ? 'up' : 'down'
      if (session === 'down') continue
      const rest = `${family} unicast neighbors ${neighbor.peer} advertised-routes json`
      const command = showBgp(neighbor.vrf, rest)
      for (const [prefix, sent] of readAdvertised(await this.#askAboutNeighbor(command), this.#own)) {
        if (!this.#own.has(prefix)) continue
        announced.set(prefix, isSeen ? sent : (networks.get(prefix) ?? 'normal'))
      }
    }
    const seen = { neighbor: neighbor.name, session, announced: inOrder(announced, this.#own) }
    return this.#isAttached ? { ...seen, remarks: await this.#explain(neighbor, seen, networks) } : seen
  }

  /** What the engineer's own configuration does with the session and the routes. */
  async #explain(
    { peer, vrf, prefixes }: FrrNeighbor,
    { session, announced }: NeighborObservation,
    networks: Announcements,
  ): Promise<ReadonlyMap<string, string>> {
    const remarks = new Map<string, string>()
    if (session === 'missing')
      remarks.set(
        'session',
        `bgpd has no neighbor ${peer}${vrf === defaultVrf ? '' : ` in ${describeVrf(vrf)}`}`,
      )
    if (session !== 'up') return remarks
    for (const prefix of new Set([...prefixes, ...announced.keys()])) {
      const here = networks.get(prefix)
      const there = announced.get(prefix)
      if (here === there) continue
      const why =
        here === undefined
          ? 'bgpd has another route to it, in your own configuration'
          : there === undefined
            ? explainMissing(peer, (await this.#readValidity(vrf, prefix)) === true)
            : explainGrade(peer, here)
      if (why !== null) remarks.set(prefix, why)
    }
    return remarks
  }

  /** Whether bgpd has a valid path to a prefix of ours; `null`: it has no path. */
  async #readValidity(vrf: string, prefix: string): Promise<boolean | null> {
    return readValidity(await this.#vty.ask(showBgp(vrf, `${familyOf(prefix)} unicast ${prefix} json`)))
  }

  async #readOtherAnnouncers(states: States | undefined): Promise<ReadonlyMap<string, number> | null> {
    const informants = this.#neighbors.filter(
      (neighbor) => isInformant(neighbor) && states?.[neighbor.family].get(neighbor.peer) === 'Established',
    )
    if (informants.length === 0) return null
    const others = new OtherAnnouncers(informants)
    for (const { family, peer } of informants) {
      const command = `show bgp ${family} unicast neighbors ${peer} routes json`
      for (const { prefix, nextHop } of readTaken(await this.#askAboutNeighbor(command))) {
        others.add(prefix, nextHop ?? peer)
      }
    }
    return others.count()
  }

  /** Status 1 comes with a JSON warning for a neighbor that was removed meanwhile. */
  async #askAboutNeighbor(command: string): Promise<string> {
    const reply = await this.#vty.send(command)
    if (reply.status > 1) throw refusal(command, reply)
    return reply.text
  }

  close(): void {
    this.#vty.close()
  }

  leave(): Promise<void> {
    return this.#vty.leave()
  }

  async #readNetworks(): Promise<RunningNetworks> {
    return readNetworks(await this.#vty.ask(networksCommand), this.#asn)
  }

  async #readSummary(vrf: string): Promise<Summary> {
    const command = showBgp(vrf, 'summary json')
    const reply = await this.#vty.send(command)
    // Status 1 comes with an empty object if bgpd has no configuration yet.
    if (reply.status > 1) throw refusal(command, reply)
    return readSummary(reply.text)
  }
}

function combine(refusals: readonly DaemonError[]): DaemonError {
  const [first] = refusals
  if (refusals.length === 1 && first!.reply === null) return first!
  return new DaemonError('refused', refusals.map((error) => error.message).join('; '), {
    reply: refusals.map((error) => error.reply ?? '').join('\n'),
    cause: first,
  })
}
