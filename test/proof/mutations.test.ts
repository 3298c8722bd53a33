import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { inject, makeProofBed, type ProofBed } from './bed/node.ts'
import { describeMismatches, findMismatches, type Mismatch } from './compare.ts'
import { neighbors, type ProofNeighbor } from './fleet/neighbors.ts'
import { type DaemonKind, planNode, vrps } from './fleet/proof-fleet.ts'
import { routesOf } from './routes/route-set.ts'

interface Mutation {
  readonly title: string
  readonly neighbor: string
  readonly find: RegExp
  readonly replacement: string
  /** The rule by which the policy decides on the routes that the broken filter gets wrong. */
  readonly rule: string
}

function mutation(
  title: string,
  neighbor: string,
  find: RegExp,
  replacement: string,
  rule: string,
): Mutation {
  return { title, neighbor, find, replacement, rule }
}

const mutations: Readonly<Record<DaemonKind, readonly Mutation[]>> = {
  bird: [
    mutation('/25 is let in', 'transit4', /\{8,24\}/, '{8,25}', 'prefix-length'),
    mutation('/7 is let in', 'transit4', /\{8,24\}/, '{7,24}', 'prefix-length'),
    mutation('/24 is refused', 'transit4', /\{8,24\}/, '{8,23}', 'import-rest'),
    mutation('a bogon range is missing', 'transit4', /^ +100\.64\.0\.0\/10\+,\n/m, '', 'bogon-prefix'),
    mutation('the longest path is one longer', 'transit6', /len > 64/, 'len > 65', 'path-length'),
    mutation('AS_SETs are allowed', 'transit4', /allow as sets no;/, '', 'as-set'),
    mutation('the first AS is not checked', 'peer6', /^ +if bgp_path\.first .*\n/m, '', 'first-as'),
    mutation('a range of ASNs begins too late', 'transit4', /64496\.\./, '64497..', 'bogon-asn'),
    mutation('a tier-1 network is missing', 'server4', /^ +3356,\n/m, '', 'tier-1-leak'),
    mutation('any next hop', 'peer4', /^ +if bgp_next_hop .*\n/m, '', 'next-hop'),
    mutation('no role', 'peer4', /local role peer;/, '', 'role-leak'),
    mutation('invalids are let in', 'transit6', /ROA_INVALID/g, 'ROA_VALID', 'rpki-invalid'),
    mutation('route targets are kept', 'transit4', /^ +bgp_ext_community\.empty;\n/m, '', 'import-rest'),
    mutation('our communities are kept', 'transit4', /bgp_large_community\.delete.*/, '', 'import-rest'),
    mutation(
      'a shutdown that is graceless',
      'transit4',
      /bgp_local_pref = 0/,
      'bgp_local_pref = 1',
      'import-rest',
    ),
    mutation(
      'only one of our two numbers is a loop',
      'migrated4',
      /^ +if bgp_path ~ \[ 60001, 60000 \] .*\n/m,
      '',
      'as-loop',
    ),
    mutation('the rules end early', 'strict6', / {2}# irr:/, '  accept;\n  # irr:', 'irr'),
    mutation('any next hop', 'scopedonly', /^ +if gw != fe80.*\n/m, '', 'next-hop'),
    mutation('any IPv6 next hop of an IPv4 route', 'scoped ipv4', /^ +if gw != fe80.*\n/m, '', 'next-hop'),
    mutation('any next hop', 'unnumbered ipv6', /^ +if gw != from .*\n/gm, '', 'next-hop'),
  ],
  frr: [
    mutation('/25 is let in', 'transit4', /ge 8 le 24/, 'ge 8 le 25', 'prefix-length'),
    mutation(
      'a bogon range is missing',
      'transit4',
      /^ip prefix-list \S+ seq \d+ permit 100\.64.*\n/m,
      '',
      'bogon-prefix',
    ),
    mutation('the longest path is one longer', 'transit6', /\{64\}/, '{65}', 'path-length'),
    mutation('the first AS is not checked', 'peer6', /(first-as seq \d+) permit/, '$1 deny', 'first-as'),
    mutation('a range of ASNs begins too late', 'transit4', /6449\[6-9\]/, '6449[7-9]', 'bogon-asn'),
    mutation(
      'a list is named that is not there',
      'server4',
      /as-path aw-tier-1-leak$/m,
      'as-path aw-tier1-leak',
      'tier-1-leak',
    ),
    mutation(
      'any next hop',
      'peer4',
      /deny (\d+\n description next-hop)/,
      'permit $1\n on-match next',
      'next-hop',
    ),
    mutation(
      'invalids are let in',
      'transit6',
      /deny (\d+\n description rpki-invalid)/,
      'permit $1\n on-match next',
      'rpki-invalid',
    ),
    mutation('our other number is kept', 'migrated4', /^.* permit \^60000:.*\n/m, '', 'import-rest'),
    mutation('route targets are kept', 'transit4', /^ set extcommunity none\n/m, '', 'import-rest'),
    mutation('our communities are kept', 'transit4', /^ set large-comm-list .*\n/m, '', 'import-rest'),
    mutation(
      'the rules end early',
      'strict6',
      /(description bogon-asn\n match .*)/,
      '$1\nexit\nroute-map aw_strict6-in permit 111',
      'irr',
    ),
    mutation(
      'any next hop',
      'unnumbered ipv6',
      /(in6) deny (\d+\n description next-hop)/,
      '$1 permit $2\n on-match next',
      'next-hop',
    ),
    mutation(
      'the next hop of another is followed',
      'global ipv6',
      /^ set ipv6 next-hop prefer-global\n/gm,
      '',
      'import-rest',
    ),
  ],
}

/** As the mutations name a neighbor: one that has both families in one session with its family. */
const titleOf = ({ name, family, bothFamilies }: ProofNeighbor) => (bothFamilies ? `${name} ${family}` : name)

describe.each(['bird', 'frr'] as const)(
  'the comparison finds what is broken in the filters of %s',
  (kind) => {
    const chosen = neighbors.filter((neighbor) =>
      mutations[kind].some((one) => one.neighbor === titleOf(neighbor)),
    )
    let proofBed: ProofBed

    beforeAll(async () => {
      proofBed = await makeProofBed(kind, chosen, vrps)
    })
    afterAll(async () => {
      await proofBed?.stop()
    })

    /** The differences at one neighbor, whose configuration is edited. */
    async function prove(name: string, edit: (config: string) => string) {
      const neighbor = neighbors.find((candidate) => titleOf(candidate) === name)!
      const { dir, socketPath } = proofBed.bed
      const node = await proofBed.run(planNode(kind, dir, socketPath, [neighbor]), [neighbor], edit)
      try {
        const routes = routesOf(neighbor)
        const observed = { [kind]: await inject(node, neighbor, routes) }
        const [session] = node.plan.sessions
        const policy = session!.channels.find(({ family }) => family === neighbor.family)!.import
        const mismatches: readonly Mismatch[] = findMismatches(neighbor, policy, routes, vrps, observed)
        return { mismatches, text: describeMismatches(mismatches, { [kind]: node.config }, 1000) }
      } finally {
        await node.stop()
      }
    }

    test.each(mutations[kind])('$title, at $neighbor', async ({ neighbor, find, replacement, rule }) => {
      const { mismatches, text } = await prove(neighbor, (config) => {
        const broken = config.replace(find, replacement)
        expect(broken, 'the mutation has found nothing to break').not.toBe(config)
        return broken
      })
      expect(mismatches.map((mismatch) => mismatch.rule)).toContain(rule)
      expect(text).toMatch(new RegExp(`evaluate: .*, by ${rule}\\n  ${kind}: `))
    })

    test('and no difference without a mutation', async () => {
      const { mismatches, text } = await prove('transit4', (config) => config)
      expect(mismatches.length, text).toBe(0)
    })
  },
)
