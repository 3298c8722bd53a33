import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defaultVrf } from '../../../src/manifest/vrfs.ts'
import { familyOf } from '../../../src/net/prefix.ts'
import type { NodePlan } from '../../../src/plan/compile/plan.ts'
import { createRenderer, type Templates } from '../../../src/plan/render/render.ts'
import type { VrpSet } from '../../../src/plan/rpki/vrp-set.ts'
import { createRtrServer } from '../../../src/plan/rtr/server.ts'
import { loadTemplates } from '../../../src/plan/service/templates.ts'
import { until } from '../../e2e/fixtures/routing/until.ts'
import type { WireRoute } from '../bgp/wire.ts'
import { type Outcome, observedOutcome } from '../compare.ts'
import type { ProofNeighbor } from '../fleet/neighbors.ts'
import { sessionsOf } from '../fleet/neighbors.ts'
import type { DaemonKind } from '../fleet/proof-fleet.ts'
import { cachePort, otherAddresses } from '../fleet/resources.ts'
import { type Bed, makeBed } from './bed.ts'
import { cacheAddress, isLinkLocal, nodeAddresses, nodeLinkLocal, nodeLinks } from './links.ts'
import { type ObservedSession, type Observer, observeBird, observeFrr } from './observe.ts'
import { ownConfigs, ownName } from './own-config.ts'

/** A daemon with the configuration of a planned node, and its neighbors, not connected yet. */
export interface ProofNode {
  readonly kind: DaemonKind
  readonly neighbors: readonly ProofNeighbor[]
  readonly plan: NodePlan
  readonly config: string
  readonly observer: Observer
  /** By the neighbor's name. */
  readonly sessions: ReadonlyMap<string, ObservedSession>
  /** The folder of the daemon's files. */
  readonly bed: Bed
  stop(): Promise<void>
}

/** Takes one plan after the other, without new namespaces. */
export interface ProofBed {
  readonly kind: DaemonKind
  readonly bed: Bed
  /** @param edit changes the rendered configuration, to break it */
  run(plan: NodePlan, chosen: readonly ProofNeighbor[], edit?: (config: string) => string): Promise<ProofNode>
  stop(): Promise<void>
}

/** @param vrf of all neighbors; `null`: the default one */
export async function makeProofBed(
  kind: DaemonKind,
  all: readonly ProofNeighbor[],
  vrps: VrpSet,
  vrf: string | null = null,
): Promise<ProofBed> {
  const others = Object.values(otherAddresses).map((address) => ({
    address,
    link: nodeLinks[0],
    unnumbered: false,
  }))
  const bed = await makeBed(kind, [...sessionsOf(all), ...others], vrf)
  const cache = await serveVrps(bed, vrps)
  const templates = await loadTemplates()
  return {
    kind,
    bed,
    run: (plan, chosen, edit = (config) => config) => run(bed, kind, plan, chosen, vrps, templates, edit),
    stop: async () => {
      await bed.stop()
      await cache.close()
    },
  }
}

async function run(
  bed: Bed,
  kind: DaemonKind,
  plan: NodePlan,
  chosen: readonly ProofNeighbor[],
  vrps: VrpSet,
  templates: Templates,
  edit: (config: string) => string,
): Promise<ProofNode> {
  const files = createRenderer(templates)(plan)
  for (const { path, content } of files) {
    if (path === 'announce.conf') await writeFile(plan.layout.paths.announceFile!, content)
  }
  const textOf = (name: string) => files.find(({ path }) => path === name)!.content
  const config = edit(
    plan.routing === 'managed' ? textOf(`${kind}.conf`) : ownConfigs[kind](plan, textOf('anyward.conf')),
  )
  await bed.start(config)
  const observer =
    kind === 'bird'
      ? observeBird(bed.socketPath)
      : observeFrr(bed.socketPath, plan.sessions[0]?.vrf ?? defaultVrf)
  if (plan.rpki !== null) {
    await until(`${kind} has the VRPs`, async () => {
      const count = await observer.countVrps()
      return count >= vrps.size ? null : `${count} of ${vrps.size}`
    })
  }
  const sessions = new Map<string, ObservedSession>()
  const stop = async () => {
    for (const { speaker } of sessions.values()) speaker.close()
    observer.close()
  }
  try {
    await Promise.all(
      sessionsOf(chosen).map(async (neighbor, index) => {
        const session = plan.sessions.find((candidate) => candidate.neighbor === neighbor.name)!
        const speaker = await bed.dial({
          asn: neighbor.asn,
          routerId: `10.77.9.${index + 1}`,
          address: neighbor.address,
          peerAddress: isLinkLocal(neighbor.address)
            ? nodeLinkLocal
            : nodeAddresses[familyOf(neighbor.address)!],
          link: isLinkLocal(neighbor.address) ? neighbor.link : null,
          families: session.channels.map(({ family }) => family),
          extendsNextHops: neighbor.bothFamilies,
          role: null,
        })
        const { address, link } = neighbor
        const symbol = plan.routing === 'managed' ? session.symbol : ownName(session)
        const peer = neighbor.unnumbered ? link : address
        sessions.set(neighbor.name, { address, peer, symbol, speaker })
      }),
    )
  } catch (error) {
    await stop()
    throw error
  }
  return { kind, neighbors: chosen, plan, config, observer, sessions, bed, stop }
}

/** The routes that the daemon accepted of these, by prefix. */
export async function inject(
  node: ProofNode,
  neighbor: ProofNeighbor,
  routes: readonly WireRoute[],
): Promise<ReadonlyMap<string, Outcome>> {
  const session = node.sessions.get(neighbor.name)!
  session.speaker.announce(routes)
  await node.observer.settle(session)
  const accepted = await node.observer.accepted(session, neighbor.family)
  return new Map([...accepted].map(([prefix, route]) => [prefix, observedOutcome(route)]))
}

/** An RTR cache in the neighbors' namespace. */
async function serveVrps(bed: Bed, vrps: VrpSet) {
  const rtr = createRtrServer({ vrps, refreshS: 3600, retryS: 600, expireS: 7200 })
  const { host, port } = await rtr.listen('127.0.0.1', 0)
  const dir = await mkdtemp(join(tmpdir(), 'pf-rtr-'))
  const server = createServer((near) => {
    const far = connect(port, host)
    near.pipe(far).pipe(near)
    near.on('error', () => far.destroy())
    far.on('error', () => near.destroy())
    near.on('close', () => far.destroy())
  })
  const path = join(dir, 'rtr')
  await new Promise<void>((resolve) => server.listen(path, resolve))
  await bed.forward(cacheAddress, cachePort, path)
  return {
    close: async () => {
      server.close()
      await rtr.close()
      await rm(dir, { recursive: true, force: true })
    },
  }
}
