import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hashOf } from '../../src/files/hash.ts'
import { type Announcements, normally } from '../../src/net/announcements.ts'
import { type Family, families } from '../../src/net/prefix.ts'
import { createBird } from '../../src/node/routing/bird/bird.ts'
import { createFrr } from '../../src/node/routing/frr/frr.ts'
import { buildManifest } from '../../src/plan/compile/build-manifest.ts'
import { observeLists } from '../observation-lists.ts'
import { patience } from '../patience.ts'
import { learnedFrom, untilAdvertised } from './advertised.ts'
import { describeMismatches, findMismatches } from './compare.ts'
import { inject, makeProofBed, type ProofBed, type ProofNode } from './node.ts'
import {
  alwaysAnnounced,
  type DaemonKind,
  isOfFamily,
  neighbors,
  own,
  planNode,
  vrps,
} from './proof-fleet.ts'
import { routesOf } from './routes/route-set.ts'

const kinds = ['bird', 'frr'] as const
const cases = families.flatMap((family) => kinds.map((kind) => ({ kind, family })))
const beds: ProofBed[] = []
const nodes: ProofNode[] = []
const nodeOf = (kind: DaemonKind, family: Family) =>
  nodes.find((node) => node.kind === kind && node.neighbors[0]!.family === family)!

// Each daemon has the neighbors of one family: bgpd's time for a route-map grows with the square of their number.
beforeAll(async () => {
  await Promise.all(
    cases.map(async ({ kind, family }) => {
      const chosen = neighbors.filter((neighbor) => neighbor.family === family)
      const proofBed = await makeProofBed(kind, chosen, vrps)
      beds.push(proofBed)
      const { dir, socketPath } = proofBed.bed
      nodes.push(await proofBed.run(planNode(kind, dir, socketPath, chosen), chosen))
    }),
  )
}, patience(180_000))

afterAll(async () => {
  for (const node of nodes) await node.stop()
  for (const proofBed of beds) await proofBed.stop()
})

describe.each(cases)(
  'each $family neighbor of $kind receives the routes that the policy exports, and no others',
  (at) => {
    const hosts =
      at.family === 'ipv4' ? ['99.98.1.1/32', '99.97.0.1/32'] : ['2999:98:1::1/128', '2999:97::1/128']
    const { covering, host, other, third } = own[at.family]
    const everything = [covering, host, other, third, ...hosts]
    const always = alwaysAnnounced.filter(isOfFamily(at.family))
    const originate = async (node: ProofNode, desired: Announcements) => {
      const manifest = buildManifest(node.plan, [], hashOf)
      const daemon =
        node.kind === 'bird'
          ? createBird({ manifest })
          : createFrr({ manifest, deadlineMs: patience(20_000) })
      try {
        await daemon.apply(desired)
        await untilAdvertised(node, desired)
        return await observeLists(daemon)
      } finally {
        daemon.close()
      }
    }

    test('not routes of others, nor our own prefixes from other nodes', async () => {
      const node = nodeOf(at.kind, at.family)
      const digit = at.family.slice(3)
      for (const neighbor of node.neighbors) {
        const session = node.sessions.get(neighbor.name)!
        session.speaker.announce(learnedFrom(neighbor))
        await node.observer.settle(session)
      }
      // Without these routes the test could not fail.
      const inside = await node.observer.accepted(node.sessions.get(`inside${digit}`)!)
      expect([...inside.keys()].sort()).toEqual([other, covering, host].sort())
      expect((await node.observer.accepted(node.sessions.get(`transit${digit}`)!)).size).toBe(2)
      // The last route has arrived, so the others would have arrived too.
      await originate(node, normally([third]))
    })

    test('what this node originates, with its attributes', async () => {
      const node = nodeOf(at.kind, at.family)
      const { neighbors: observed } = await originate(node, normally(everything))
      expect(observed.flatMap(({ degraded }) => degraded)).toEqual([])
      const advertised = (name: string) => [
        ...node.sessions.get(name + at.family.slice(3))!.speaker.received.keys(),
      ]
      expect(advertised('transit').sort()).toEqual([third, covering, always[0]!].sort())
      expect(advertised('inside').sort()).toEqual([...everything, ...always].sort())
    })

    test('degraded, what this node originates so, and observe says the same', async () => {
      const node = nodeOf(at.kind, at.family)
      const part = new Map(
        everything.map((prefix, index) => [prefix, index % 2 === 0 ? 'degraded' : 'normal'] as const),
      )
      for (const desired of [new Map(everything.map((prefix) => [prefix, 'degraded'] as const)), part]) {
        const observation = await originate(node, desired)
        const isDegraded = (prefix: string) => desired.get(prefix) === 'degraded'
        expect(observation.originated.toSorted()).toEqual(everything.toSorted())
        expect(observation.degraded).toEqual(observation.originated.filter(isDegraded))
        for (const { neighbor, announced, degraded } of observation.neighbors) {
          const received = [...node.sessions.get(neighbor)!.speaker.received.keys()]
          const advertised = received.filter((prefix) => everything.includes(prefix))
          expect([neighbor, announced.toSorted()]).toEqual([neighbor, advertised.toSorted()])
          expect([neighbor, degraded]).toEqual([neighbor, announced.filter(isDegraded)])
        }
      }
    })

    test('and observe reports the other announcers over iBGP, without degraded ones', async () => {
      const node = nodeOf(at.kind, at.family)
      const { otherAnnouncers } = await originate(node, normally(everything))
      const inside = node.neighbors.filter(({ name }) => name.startsWith('inside'))
      expect(inside.length).toBe(2)
      // One of them accepts our own prefixes, and received three of them.
      const expected = [...everything, ...always].map((prefix) => [
        prefix,
        [covering, host, other].some((advertised) => advertised === prefix) ? 1 : 0,
      ])
      expect(Object.fromEntries(otherAnnouncers!)).toEqual(Object.fromEntries(expected))

      const announcer = node.neighbors.find(({ name }) => name === `inside${at.family.slice(3)}`)!
      const session = node.sessions.get(announcer.name)!
      const [route] = learnedFrom(announcer).filter(({ prefix }) => prefix === covering)
      const degraded = { ...route!, localPref: 0, communities: ['65535:0'] }
      session.speaker.announce([degraded])
      await node.observer.settle(session)
      expect((await originate(node, normally(everything))).otherAnnouncers!.get(covering)).toBe(0)
      session.speaker.announce([route!])
      await node.observer.settle(session)
      expect((await originate(node, normally(everything))).otherAnnouncers!.get(covering)).toBe(1)
    })

    test('nothing but what is always announced, when the controller originates nothing', async () => {
      const node = nodeOf(at.kind, at.family)
      const { originated, neighbors: observed } = await originate(node, normally([]))
      expect([originated, observed.flatMap(({ announced }) => announced)]).toEqual([[], []])
      const { received } = node.sessions.get(`nothing${at.family.slice(3)}`)!.speaker
      expect([...received.keys()].sort()).toEqual(always.toSorted())
    })
  },
)

test('each neighbor injects at least 300 routes, each with a prefix of its own', () => {
  for (const neighbor of neighbors) {
    const routes = routesOf(neighbor)
    expect(routes.length, neighbor.name).toBeGreaterThanOrEqual(300)
    expect(new Set(routes.map(({ prefix }) => prefix)).size).toBe(routes.length)
  }
})

describe('BIRD, FRR and the policy agree on every route, attributes included,', () => {
  test.each(neighbors)('of $name', async (neighbor) => {
    const routes = routesOf(neighbor)
    const both = kinds.map((kind) => nodeOf(kind, neighbor.family))
    const observed = await Promise.all(both.map((node) => inject(node, neighbor, routes)))
    const outcomes = Object.fromEntries(kinds.map((kind, index) => [kind, observed[index]!]))
    const policy = both[0]!.plan.sessions.find((session) => session.neighbor === neighbor.name)!.channels[0]!
      .import
    const mismatches = findMismatches(neighbor, policy, routes, vrps, outcomes)
    const configs = Object.fromEntries(both.map(({ kind, config }) => [kind, config]))
    expect(mismatches.length, describeMismatches(mismatches, configs)).toBe(0)
  })
})
