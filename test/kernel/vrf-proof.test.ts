import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { normally } from '../../src/net/announcements.ts'
import { families } from '../../src/net/prefix.ts'
import { patience } from '../patience.ts'
import { announceLearned, controlOf, untilAdvertised } from '../proof/advertised.ts'
import { inject, makeProofBed, type ProofBed, type ProofNode } from '../proof/bed/node.ts'
import { describeMismatches, findMismatches } from '../proof/compare.ts'
import { inVrf } from '../proof/fleet/neighbors.ts'
import { planNode, vrps } from '../proof/fleet/proof-fleet.ts'
import { own } from '../proof/fleet/resources.ts'
import { routesOf } from '../proof/routes/route-set.ts'

const vrf = 'red'

describe.each(['bird', 'frr'] as const)('every neighbor of %s is in a VRF:', (kind) => {
  const chosen = inVrf(kind, vrf)
  let proofBed: ProofBed
  let node: ProofNode

  beforeAll(async () => {
    proofBed = await makeProofBed(kind, chosen, vrps, vrf)
    const { dir, socketPath } = proofBed.bed
    node = await proofBed.run(planNode(kind, dir, socketPath, chosen), chosen)
  }, patience(180_000))
  afterAll(async () => {
    await node?.stop()
    await proofBed?.stop()
  })

  test(
    'each receives the routes that the policy exports, normal and degraded, and no others',
    async () => {
      await announceLearned(node)
      const daemon = controlOf(node)
      const prefixes = families.flatMap((family): string[] => {
        const { covering, host, other, third } = own[family]
        return [covering, host, other, third]
      })
      try {
        for (const desired of [
          normally(prefixes),
          new Map(prefixes.map((prefix) => [prefix, 'degraded'] as const)),
          normally([]),
        ]) {
          await daemon.apply(desired)
          await untilAdvertised(node, desired)
          const { neighbors: observed } = await daemon.observe()
          for (const { neighbor, announced } of observed) {
            const received = [...node.sessions.get(neighbor)!.speaker.received.keys()]
            const advertised = received.filter((prefix) => prefixes.includes(prefix))
            expect([neighbor, [...announced.keys()].sort()]).toEqual([neighbor, advertised.sort()])
            for (const [prefix, grade] of announced) expect(grade, prefix).toBe(desired.get(prefix))
          }
        }
      } finally {
        daemon.close()
      }
    },
    patience(180_000),
  )

  test.each(chosen)(
    'the hostile routes of $name, $family: it accepts those that the policy accepts, with their attributes',
    async (neighbor) => {
      const routes = routesOf(neighbor)
      const accepted = await inject(node, neighbor, routes)
      const session = node.plan.sessions.find((candidate) => candidate.neighbor === neighbor.name)!
      const policy = session.channels.find(({ family }) => family === neighbor.family)!.import
      const mismatches = findMismatches(neighbor, policy, routes, vrps, { [kind]: accepted })
      expect(mismatches.length, describeMismatches(mismatches, { [kind]: node.config })).toBe(0)
      // Without accepted routes the comparison would prove little.
      expect(accepted.size > 0).toBe(kind === 'frr' && !/import: nothing/.test(neighbor.yaml))
    },
    patience(120_000),
  )
})
