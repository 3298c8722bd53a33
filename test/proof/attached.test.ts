import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Grade } from '../../src/net/announcements.ts'
import { families } from '../../src/net/prefix.ts'
import { patience } from '../patience.ts'
import { announceLearned, controlOf, untilAdvertised } from './advertised.ts'
import { inject, makeProofBed, type ProofBed, type ProofNode } from './bed/node.ts'
import { ownUnicast } from './bed/own-config.ts'
import { describeMismatches, findMismatches, type Mismatch } from './compare.ts'
import { neighbors } from './fleet/neighbors.ts'
import { type DaemonKind, planNode, vrps } from './fleet/proof-fleet.ts'
import { own } from './fleet/resources.ts'
import { routesOf } from './routes/route-set.ts'

/** One neighbor of each policy: an attached node's filters are built from the same rules as a managed one's. */
const policies = ['transit', 'default', 'strict', 'server', 'rack', 'inside']
const chosen = neighbors.filter(({ name }) => policies.includes(name.slice(0, -1)))

const broken: Readonly<Record<DaemonKind, { find: RegExp; replacement: string; rule: string }>> = {
  bird: { find: /if bgp_path\.first .*\n/, replacement: '\n', rule: 'first-as' },
  frr: { find: /(first-as seq \d+) permit/, replacement: '$1 deny', rule: 'first-as' },
}

describe.each(['bird', 'frr'] as const)(
  'the filters of an attached node, called by its own configuration of %s,',
  (kind) => {
    let bed: ProofBed
    let node: ProofNode

    const start = (edit?: (config: string) => string) => {
      const { dir, socketPath } = bed.bed
      return bed.run(planNode(kind, dir, socketPath, chosen, { routing: 'attached' }), chosen, edit)
    }
    const compare = async (name: string): Promise<{ mismatches: readonly Mismatch[]; text: string }> => {
      const neighbor = chosen.find((candidate) => candidate.name === name)!
      const routes = routesOf(neighbor)
      const observed = { [kind]: await inject(node, neighbor, routes) }
      const session = node.plan.sessions.find((candidate) => candidate.neighbor === name)!
      const mismatches = findMismatches(neighbor, session.channels[0]!.import, routes, vrps, observed)
      return { mismatches, text: describeMismatches(mismatches, { [kind]: node.config }) }
    }

    beforeAll(async () => {
      bed = await makeProofBed(kind, chosen, vrps)
      node = await start()
    }, patience(120_000))
    afterAll(async () => {
      await node?.stop()
      await bed?.stop()
    })

    test('advertise exactly our prefixes, with the attributes of their grade', async () => {
      await announceLearned(node)
      const daemon = controlOf(node)
      try {
        const prefixes = families.flatMap((family) => [
          own[family].covering,
          own[family].host,
          own[family].other,
        ])
        for (const grade of ['normal', 'degraded'] as const) {
          const desired = new Map(prefixes.map((prefix): [string, Grade] => [prefix, grade]))
          await daemon.apply(desired)
          await untilAdvertised(node, desired)
          for (const { neighbor, announced, remarks } of (await daemon.observe()).neighbors) {
            const received = [...node.sessions.get(neighbor)!.speaker.received.keys()]
            expect([neighbor, [...announced.keys()].sort()]).toEqual([neighbor, received.sort()])
            expect([neighbor, new Set(announced.values())]).toEqual([neighbor, new Set([grade])])
            expect([neighbor, [...(remarks ?? [])]]).toEqual([neighbor, []])
            expect(received).not.toContain(ownUnicast.ipv4)
            expect(received).not.toContain(ownUnicast.ipv6)
          }
        }
        await daemon.apply(new Map())
        await untilAdvertised(node, new Map())
      } finally {
        daemon.close()
      }
    })

    test.each(chosen)('accept of hostile routes from $name exactly those of the policy', async ({ name }) => {
      const { mismatches, text } = await compare(name)
      expect(mismatches.length, text).toBe(0)
    })

    test('and the comparison finds a rule that is missing', async () => {
      await node.stop()
      const { find, replacement, rule } = broken[kind]
      node = await start((config) => {
        const edited = config.replace(find, replacement)
        expect(edited).not.toBe(config)
        return edited
      })
      const { mismatches } = await compare('transit4')
      expect(mismatches.map((mismatch) => mismatch.rule)).toContain(rule)
    })
  },
)
