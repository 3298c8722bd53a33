import { readFile } from 'node:fs/promises'
import type { Clock } from '../../clock/clock.ts'
import type { NodeStatus } from '../../control/status.ts'
import type { RosterClaim, RosterLink } from '../../fleet/roster/link.ts'
import type { RosterMesh } from '../../fleet/roster/mesh.ts'
import { readWgPeers } from '../../linux/wg.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import type { Say } from '../../telemetry/say.ts'
import { PeerReader, type PeerReaderOptions } from '../rescue/read-peers.ts'
import { Roster } from '../rescue/roster.ts'
import { createRescueDevice, type RescueDevice } from '../rescue/sweep/device.ts'

/** Beyond it, rescues are seconds late. */
const mostSkewMs = 1_000
/** How often expired entries are removed, and how many are looked at: all of a full roster in 5 s, a millisecond each time. */
const expiry = { everyMs: 500, most: 10_000 }

type RescueStatus = NonNullable<NodeStatus['rescue']>

/** Which peer of the fleet is served where, as this node knows it. */
export interface SharedRoster {
  readonly roster: Roster
  readonly link: RosterLink
  /** By service. */
  readonly devices: ReadonlyMap<string, RescueDevice>
  /** Reads this node's peers often for a while: clients move. */
  readonly hurry: () => void
  status(): RescueStatus
  close(): Promise<void>
}

interface Outputs {
  readonly say: Say
  readonly metrics: Metrics
  /** What the readings of the peers have found. */
  readonly onCounts: NonNullable<PeerReaderOptions['onCounts']>
}

/** @param ownPeers the public keys of this node's probes, by interface */
export async function shareRoster(
  manifest: Manifest,
  ownPeers: ReadonlyMap<string, string>,
  clock: Clock,
  { say, metrics, onCounts }: Outputs,
): Promise<{ readonly shared: SharedRoster | null; status(): NodeStatus['rescue'] }> {
  const { rescue } = manifest
  if (rescue === null) return { shared: null, status: () => null }
  try {
    const shared = await open(manifest, rescue, ownPeers, clock, { say, metrics, onCounts })
    return { shared, status: () => shared.status() }
  } catch (error) {
    // Never throws: probing and announcing go on without it.
    const { code, path, message } = error as NodeJS.ErrnoException
    const problem = path === undefined ? message : `cannot read ${path} (${code})`
    say('warn', { event: 'roster', cause: problem }, `this node shares no roster: ${problem}`)
    return {
      shared: null,
      status: () => ({ entries: 0, peers: 0, readers: 0, problem, strays: null, nodes: [] }),
    }
  }
}

async function open(
  manifest: Manifest,
  rescue: NonNullable<Manifest['rescue']>,
  ownPeers: ReadonlyMap<string, string>,
  clock: Clock,
  { say, metrics, onCounts }: Outputs,
): Promise<SharedRoster> {
  const { node: self, site, services, remote } = manifest
  const { listen, nodes, relays } = rescue
  // One after the other: where several are missing, the first is named.
  const ca = await readFile(rescue.caFile, 'utf8')
  const cert = await readFile(rescue.certFile, 'utf8')
  const key = await readFile(rescue.keyFile, 'utf8')
  const roster = new Roster({
    self,
    nodes: [{ name: self, site, services: services.map(({ name }) => name) }, ...nodes],
    anycast: services.flatMap(({ anycast }) => anycast),
  })
  const { RosterMesh } = await import('../../fleet/roster/mesh.ts')
  let problem: string | null = null
  const take = (node: string, claims: readonly RosterClaim[]) =>
    claims.filter((claim) => {
      const outcome = roster.put(node, claim, clock.wall())
      // Both are usual: a node says again what it has said before another connection.
      if (outcome !== 'stored' && outcome !== 'known' && outcome !== 'older')
        metrics.rosterRefused.inc({ node, reason: outcome })
      return outcome === 'stored'
    })
  const isRelay = relays.includes(self)
  const mesh = new RosterMesh({
    ...{ self, listen, relays, wall: () => clock.wall(), credentials: { ca, cert, key } },
    nodes: nodes.map(({ name }) => name),
    follows: nodes.filter(({ name }) => relays.length === 0 || isRelay || relays.includes(name)),
    keeper: {
      take,
      setSkew: (node, skewMs) => roster.setSkew(node, skewMs),
      skewOf: (node) => roster.skewOf(node),
      claimsOf: (node) => roster.entriesOf(node),
    },
    onListen: (failure) => {
      problem = failure
      if (failure === null) return
      const message = `other nodes cannot read the roster of this one: ${failure}`
      say('warn', { event: 'roster', cause: failure }, message)
    },
  })
  const devices = new Map(
    services.map(({ name, wireguard }) => [
      name,
      createRescueDevice(wireguard.interface, manifest.paths.runtimeDir),
    ]),
  )
  const reader = new PeerReader({
    ...{ node: self, roster, clock, readPeers: readWgPeers },
    ...{ onCounts, countsEach: manifest.peerMetrics },
    sources: services.map(({ name, wireguard }) => ({
      ...{ service: name, interface: wireguard.interface },
      probes: [
        ...[ownPeers.get(wireguard.interface)].flatMap((own) => own ?? []),
        ...(remote?.observers ?? []).flatMap(({ publicKey }) => publicKey ?? []),
      ],
    })),
    publish: (claims) => mesh.publish(claims),
    async putBack(service, displaced) {
      await devices.get(service)!.setEndpoints(displaced)
      metrics.replayedHandshakes.inc({ service }, displaced.length)
      const peers = displaced.length === 1 ? 'a client' : `${displaced.length} clients`
      const facts = { event: 'replay', service, count: displaced.length }
      say(
        'warn',
        facts,
        `${service}: a replayed handshake had moved the endpoint of ${peers}; it is put back`,
      )
    },
    onProblem: (cause) =>
      say('warn', { event: 'roster', cause }, `the peers of this node cannot be read: ${cause}`),
  })
  const stopHurrying = mesh.onEvent((event) => {
    if (event.event === 'down' || (event.event === 'state' && event.state !== 'announcing')) reader.hurry()
  })
  void reader.run()
  const watch = createClockWatch(say)
  const expiring = setInterval(() => {
    roster.expire(clock.wall(), expiry.most)
    for (const { name } of nodes) watch(name, roster.skewOf(name))
  }, expiry.everyMs)
  const status = () => describe(roster, mesh, reader, problem, clock.wall())
  return {
    ...{ roster, link: mesh, devices, status },
    hurry: () => reader.hurry(),
    close: async () => {
      clearInterval(expiring)
      stopHurrying()
      reader.close()
      await mesh.close()
    },
  }
}

/** Logs when the clocks of two nodes differ too much, and when they do no more. */
function createClockWatch(say: Say): (node: string, skewMs: number | null) => void {
  const apart = new Set<string>()
  return (node, skewMs) => {
    const isApart = skewMs !== null && Math.abs(skewMs) > (apart.has(node) ? mostSkewMs / 2 : mostSkewMs)
    if (isApart === apart.has(node)) return
    const facts = { event: 'clock', node, skewMs }
    if (isApart) {
      apart.add(node)
      const seconds = (Math.abs(skewMs!) / 1000).toFixed(1)
      const side = skewMs! > 0 ? 'ahead of' : 'behind'
      say('warn', facts, `the clock of ${node} is ${seconds} s ${side} this one: rescues are late by as much`)
    } else {
      apart.delete(node)
      say('info', facts, `the clock of ${node} agrees with this one again`)
    }
  }
}

function describe(
  roster: Roster,
  mesh: RosterMesh,
  reader: PeerReader,
  problem: string | null,
  nowMs: number,
): RescueStatus {
  const streams = new Map(mesh.streams.map((stream) => [stream.node, stream]))
  return {
    ...{ entries: roster.size, peers: reader.peers, readers: mesh.followers, problem, strays: null },
    nodes: roster.counts(nowMs).map(({ node, entries, ageMs }) => {
      const stream = streams.get(node)
      return {
        ...{ node, entries, ageMs, up: stream?.up ?? null, problem: stream?.problem ?? null },
        since: stream === undefined ? null : new Date(stream.sinceMs).toISOString(),
        skewMs: roster.skewOf(node),
      }
    }),
  }
}
