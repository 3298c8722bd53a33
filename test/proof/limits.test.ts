import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Family } from '../../src/net/prefix.ts'
import { until } from '../e2e/fixtures/routing/until.ts'
import { patience } from '../patience.ts'
import { inject, makeProofBed, type ProofBed, type ProofNode } from './bed/node.ts'
import { neighbors, type ProofNeighbor } from './fleet/neighbors.ts'
import { planNode, vrps } from './fleet/proof-fleet.ts'
import { makeRoutes } from './routes/route.ts'

const limit = 20
/** A session of one family, two of both, and an unnumbered one of both: each ends once. */
const excesses: readonly (readonly [name: string, family: Family])[] = [
  ['transit4', 'ipv4'],
  ['global', 'ipv4'],
  ['exchange', 'ipv6'],
  ['unnumbered', 'ipv4'],
]
const chosen = neighbors.filter(({ name }) => excesses.some(([excess]) => excess === name))

describe.each(['bird', 'frr'] as const)('the prefix limit of %s', (kind) => {
  let proofBed: ProofBed
  let node: ProofNode
  beforeAll(async () => {
    proofBed = await makeProofBed(kind, chosen, vrps)
    const { dir, socketPath } = proofBed.bed
    node = await proofBed.run(planNode(kind, dir, socketPath, chosen, { limit }), chosen)
  }, patience(180_000))
  afterAll(async () => {
    await node?.stop()
    await proofBed?.stop()
  })

  test.each(excesses)(
    'at %s counts %s alone: the session stays at the limit, and ends beyond it, with no other',
    async (name, family) => {
      const { speaker } = node.sessions.get(name)!
      const parts = chosen.filter((neighbor) => neighbor.name === name)
      for (const part of parts) {
        const accepted = await inject(node, part, plainRoutes(part, limit))
        expect([part.family, accepted.size]).toEqual([part.family, limit])
      }
      speaker.assertUp()
      const part = parts.find((one) => one.family === family)!
      // bgpd compares before it counts, and so ends the session with the UPDATE after the first one beyond the limit.
      speaker.announce(plainRoutes(part, limit + 2).slice(limit))
      // Cease, maximum number of prefixes reached (RFC 4486, section 4).
      await until('the session ends', async () => {
        const ending = endingOf(name)
        return ending?.includes('NOTIFICATION 6/1 ') ? null : String(ending)
      })
      const later = excesses.slice(excesses.findIndex(([excess]) => excess === name) + 1)
      expect(later.map(([other]) => endingOf(other))).toEqual(later.map(() => null))
    },
    patience(120_000),
  )

  /** `null`: the session is up. */
  function endingOf(name: string): string | null {
    try {
      node.sessions.get(name)!.speaker.assertUp()
      return null
    } catch (error) {
      return (error as Error).message
    }
  }
})

function plainRoutes(neighbor: ProofNeighbor, count: number) {
  const maker = makeRoutes(neighbor)
  for (let index = 0; index < count; index++) maker.add('anything', {})
  return maker.routes
}
