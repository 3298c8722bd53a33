import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Announcements, normally } from '../../src/net/announcements.ts'
import { families } from '../../src/net/prefix.ts'
import { observeLists } from '../observation-lists.ts'
import { patience } from '../patience.ts'
import { announceLearned, controlOf, learnedFrom, untilAdvertised } from './advertised.ts'
import { inject, makeProofBed, type ProofBed, type ProofNode } from './bed/node.ts'
import { describeMismatches, findMismatches } from './compare.ts'
import { type Group, groups, neighbors } from './fleet/neighbors.ts'
import { type DaemonKind, planNode, vrps } from './fleet/proof-fleet.ts'
import { alwaysAnnounced, isOfFamily, own } from './fleet/resources.ts'
import { routesOf } from './routes/route-set.ts'

const kinds = ['bird', 'frr'] as const
const cases = (Object.keys(groups) as Group[]).flatMap((group) => kinds.map((kind) => ({ kind, group })))
const beds: ProofBed[] = []
const nodes = new Map<string, ProofNode>()
const nodeOf = (kind: DaemonKind, group: Group) => nodes.get(`${kind} ${group}`)!

beforeAll(async () => {
  await Promise.all(
    cases.map(async ({ kind, group }) => {
      const chosen = groups[group]
      const proofBed = await makeProofBed(kind, chosen, vrps)
      beds.push(proofBed)
      const { dir, socketPath } = proofBed.bed
      nodes.set(`${kind} ${group}`, await proofBed.run(planNode(kind, dir, socketPath, chosen), chosen))
    }),
  )
}, patience(180_000))

afterAll(async () => {
  for (const node of nodes.values()) await node.stop()
  for (const proofBed of beds) await proofBed.stop()
})

const hosts = {
  ipv4: ['99.98.1.1/32', '99.97.0.1/32'],
  ipv6: ['2999:98:1::1/128', '2999:97::1/128'],
} as const
/** What the tests name of each group: neighbors with full import, and with all that is always announced. */
const named = {
  ipv4: { families: ['ipv4'], transit: 'transit4', all: 'nothing4' },
  ipv6: { families: ['ipv6'], transit: 'transit6', all: 'nothing6' },
  links: { families, transit: 'global', all: 'scopedrack' },
} as const

describe.each(cases)(
  'each neighbor of $kind ($group) receives the routes that the policy exports, and no others',
  (at) => {
    const { families: carried, transit, all } = named[at.group]
    const learnedInside = carried.flatMap((family) => [
      own[family].covering,
      own[family].host,
      own[family].other,
    ])
    const third = carried.map((family) => own[family].third)
    const everything: readonly string[] = [
      ...learnedInside,
      ...third,
      ...carried.flatMap((family) => hosts[family]),
    ]
    const always = alwaysAnnounced.filter((prefix) => carried.some((family) => isOfFamily(family)(prefix)))
    const originate = async (node: ProofNode, desired: Announcements) => {
      const daemon = controlOf(node)
      try {
        await daemon.apply(desired)
        await untilAdvertised(node, desired)
        return await observeLists(daemon)
      } finally {
        daemon.close()
      }
    }

    test('not routes of others, nor our own prefixes from other nodes', async () => {
      const node = nodeOf(at.kind, at.group)
      await announceLearned(node)
      // Without these routes the test could not fail.
      for (const family of carried) {
        const inside = node.sessions.get(`inside${family.slice(3)}`)!
        const { covering, host, other } = own[family]
        const accepted = await node.observer.accepted(inside, family)
        expect([...accepted.keys()].sort()).toEqual([other, covering, host].sort())
        expect((await node.observer.accepted(node.sessions.get(transit)!, family)).size).toBe(2)
      }
      // The last route has arrived, so the others would have arrived too.
      await originate(node, normally(third))
    })

    test('what this node originates, with its attributes', async () => {
      const node = nodeOf(at.kind, at.group)
      const { neighbors: observed } = await originate(node, normally(everything))
      expect(observed.flatMap(({ degraded }) => degraded)).toEqual([])
      const advertised = (name: string) => [...node.sessions.get(name)!.speaker.received.keys()]
      const aggregates = carried.flatMap((family) => [own[family].covering, own[family].always])
      expect(advertised(transit).sort()).toEqual([...third, ...aggregates].sort())
      const inside = carried.flatMap((family) => advertised(`inside${family.slice(3)}`))
      expect(inside.sort()).toEqual([...everything, ...always].sort())
    })

    test('degraded, what this node originates so, and observe says the same', async () => {
      const node = nodeOf(at.kind, at.group)
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
      const node = nodeOf(at.kind, at.group)
      const { otherAnnouncers } = await originate(node, normally(everything))
      const inside = node.neighbors.filter(({ name }) => name.startsWith('inside'))
      expect(inside.length).toBe(2)
      // One of them accepts our own prefixes, and received three of them.
      const expected = [...everything, ...always].map((prefix) => [
        prefix,
        learnedInside.some((advertised) => advertised === prefix) ? 1 : 0,
      ])
      expect(Object.fromEntries(otherAnnouncers!)).toEqual(Object.fromEntries(expected))

      const [family] = carried
      const { covering } = own[family]
      const announcer = node.neighbors.find(({ name }) => name === `inside${family.slice(3)}`)!
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
      const node = nodeOf(at.kind, at.group)
      const { originated, neighbors: observed } = await originate(node, normally([]))
      expect([originated, observed.flatMap(({ announced }) => announced)]).toEqual([[], []])
      const { received } = node.sessions.get(all)!.speaker
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
  test.each(neighbors)('of $name, $family', async (neighbor) => {
    const routes = routesOf(neighbor)
    const [group] = (Object.keys(groups) as Group[]).filter((one) => groups[one].includes(neighbor))
    const both = kinds.map((kind) => nodeOf(kind, group!))
    const observed = await Promise.all(both.map((node) => inject(node, neighbor, routes)))
    const mismatches = both.flatMap((node, index) => {
      const session = node.plan.sessions.find((candidate) => candidate.neighbor === neighbor.name)!
      const policy = session.channels.find(({ family }) => family === neighbor.family)!.import
      return findMismatches(neighbor, policy, routes, vrps, { [node.kind]: observed[index]! })
    })
    const configs = Object.fromEntries(both.map(({ kind, config }) => [kind, config]))
    expect(mismatches.length, describeMismatches(mismatches, configs)).toBe(0)
  })
})
