import { hashOf } from '../../src/files/hash.ts'
import type { Announcements } from '../../src/net/announcements.ts'
import { familyOf } from '../../src/net/prefix.ts'
import { createBird } from '../../src/node/routing/bird/bird.ts'
import type { RoutingDaemon } from '../../src/node/routing/daemon.ts'
import { createFrr } from '../../src/node/routing/frr/frr.ts'
import { buildManifest } from '../../src/plan/compile/build-manifest.ts'
import { evaluate } from '../../src/plan/policy/evaluate.ts'
import { until } from '../e2e/fixtures/routing/until.ts'
import { patience } from '../patience.ts'
import { isLinkLocal, nodeAddresses, nodeLinkLocal } from './bed/links.ts'
import type { ProofNode } from './bed/node.ts'
import type { WireRoute } from './bgp/wire.ts'
import { routeOf } from './compare.ts'
import type { ProofNeighbor } from './fleet/neighbors.ts'
import { sessionsOf } from './fleet/neighbors.ts'
import { vrps } from './fleet/proof-fleet.ts'
import { ourAsn, own } from './fleet/resources.ts'
import { makeRoutes } from './routes/route.ts'

/** Routes from a neighbor that must not be advertised: routes of others, and our own prefixes from other nodes. */
export function learnedFrom(neighbor: ProofNeighbor): readonly WireRoute[] {
  const maker = makeRoutes(neighbor)
  maker.add('the default route', { prefix: neighbor.family === 'ipv4' ? '0.0.0.0/0' : '::/0' })
  maker.add('anything', {})
  maker.add('anything with our communities', { communities: [`${ourAsn}:100`, `${ourAsn}:100:1`] })
  const { covering, host, other } = own[neighbor.family]
  for (const prefix of [covering, host, other]) maker.add('ours', { prefix, asPath: maker.head })
  return maker.routes
}

/** Lets each neighbor announce them. */
export async function announceLearned(node: ProofNode): Promise<void> {
  for (const neighbor of node.neighbors) {
    const session = node.sessions.get(neighbor.name)!
    session.speaker.announce(learnedFrom(neighbor))
    await node.observer.settle(session)
  }
}

/** The controller's end of the node's daemon. */
export function controlOf({ kind, plan }: ProofNode): RoutingDaemon {
  const manifest = buildManifest(plan, [], hashOf)
  return kind === 'bird' ? createBird({ manifest }) : createFrr({ manifest, deadlineMs: patience(20_000) })
}

/** Waits until each neighbor has exactly the routes of `originated` that `evaluate` accepts. */
export async function untilAdvertised(node: ProofNode, originated: Announcements): Promise<void> {
  for (const neighbor of sessionsOf(node.neighbors)) {
    const { speaker } = node.sessions.get(neighbor.name)!
    const families = node.neighbors.filter(({ name }) => name === neighbor.name)
    const expected = describeAll(families.flatMap((each) => expectedAt(node, each, originated)))
    await until(`${neighbor.name} has received\n${expected}\n`, async () => {
      speaker.assertUp()
      const got = describeAll([...speaker.received.values()])
      return got === expected ? null : `it has received\n${got}`
    })
  }
}

function expectedAt(node: ProofNode, neighbor: ProofNeighbor, originated: Announcements): WireRoute[] {
  const { channels } = node.plan.sessions.find((session) => session.neighbor === neighbor.name)!
  const { export: policy, family } = channels.find((channel) => channel.family === neighbor.family)!
  const always = node.plan.alwaysAnnounce.map(String)
  const learned = new Set(node.neighbors.flatMap((other) => learnedFrom(other).map(({ prefix }) => prefix)))
  return [...new Set([...originated.keys(), ...always, ...learned])].flatMap((prefix): WireRoute[] => {
    const wire = { prefix, asPath: [], nextHop: ourNextHop(neighbor), origin: 'igp', med: null } as const
    const route = routeOf({ ...wire, localPref: 100, communities: [], otc: null }, true)
    if (route.prefix.family !== family) return []
    const grade = originated.get(prefix)
    const ours = {
      ...route,
      local: grade !== undefined || always.includes(prefix),
      degraded: grade === 'degraded',
    }
    const verdict = evaluate(policy, ours, (of, asn) => vrps.validate(of, asn))
    if (verdict.verdict === 'reject') return []
    const { communities, otc, asPath, localPref, med } = verdict.route
    const advertised = { ...wire, communities: communities.map(String), otc, med }
    return [
      neighbor.internal
        ? { ...advertised, asPath, localPref }
        : { ...advertised, asPath: [policy.ourAsn, ...asPath], localPref: null },
    ]
  })
}

/** The node's end of the session, also for IPv4 routes (RFC 8950). */
function ourNextHop({ address }: ProofNeighbor): string {
  return isLinkLocal(address) ? nodeLinkLocal : nodeAddresses[familyOf(address)!]
}

/** A missing metric equals 0: for its own routes BIRD sends none, and bgpd sends 0. */
function describeAll(routes: readonly WireRoute[]): string {
  return routes
    .map(({ prefix, asPath, nextHop, origin, med, localPref, communities, otc }) =>
      [
        prefix,
        JSON.stringify(asPath),
        nextHop,
        origin,
        med ?? 0,
        localPref,
        [...communities].sort().join(' '),
        otc,
      ].join(', '),
    )
    .sort()
    .join('\n')
}
