import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type NeighborKind, neighborKinds } from '../../src/manifest/words.ts'
import { bogons } from '../../src/net/bogons.ts'
import { Address, addressBits, type Family, families, type Prefix, prefixOf } from '../../src/net/prefix.ts'
import { bogonAsns, tier1Asns } from '../../src/plan/policy/asn-ranges.ts'
import { importsByKind, relaxableRules, rolesByKind } from '../../src/plan/sites/fleet.ts'
import { ConfigError } from '../../src/text/issue.ts'
import { patience } from '../patience.ts'
import { nodeAddresses } from './bed/links.ts'
import { inject, makeProofBed, type ProofBed } from './bed/node.ts'
import { describeMismatches, findMismatches } from './compare.ts'
import type { ProofNeighbor } from './fleet/neighbors.ts'
import { type DaemonKind, parse, planNode, vrps } from './fleet/proof-fleet.ts'
import { localAsn, otherAddresses, ourAsn, own } from './fleet/resources.ts'
import type { ProofRoute } from './routes/route.ts'

const routesPerRun = 100
/** bgpd takes seconds to start. */
const runs = { bird: 60, frr: 5 } as const

const addresses = { ipv4: '10.77.1.1', ipv6: 'fd77::1:1' } as const
describe.each(['bird', 'frr'] as const)('random routes through random filters', (kind) => {
  let proofBed: ProofBed

  beforeAll(async () => {
    const all = families.map((family) => neighborOf(family, 'transit', 3000, ''))
    proofBed = await makeProofBed(kind, all, vrps)
  })
  afterAll(async () => {
    await proofBed?.stop()
  })

  test(`${kind} and the policy agree on them`, async () => {
    let verdicts = 0
    let accepted = 0
    await fc.assert(
      fc.asyncProperty(anyNeighbor.chain(withRoutes), async ({ neighbor, routes: all }) => {
        const { dir, socketPath } = proofBed.bed
        const routes =
          kind === 'frr' && relaxesSets(neighbor) ? all.filter((route) => !endsInSet(route)) : all
        const node = await proofBed.run(planOf(kind, neighbor, dir, socketPath), [neighbor])
        try {
          const observed = { [kind]: await inject(node, neighbor, routes) }
          const policy = node.plan.sessions[0]!.channels[0]!.import
          const mismatches = findMismatches(neighbor, policy, routes, vrps, observed)
          verdicts += routes.length
          accepted += observed[kind]!.size
          const text = describeMismatches(mismatches, { [kind]: node.config })
          expect(mismatches.length, `${neighbor.yaml}\n${text}`).toBe(0)
        } finally {
          await node.stop()
        }
      }),
      { numRuns: runs[kind], interruptAfterTimeLimit: patience(100_000) },
    )
    // Both verdicts occur; a few filters may give only one of them.
    if (kind === 'frr') return
    expect(accepted).toBeGreaterThan(verdicts / 50)
    expect(accepted).toBeLessThan(verdicts / 2)
  }, 600_000)
})

/** FRR counts a path that ends in an AS_SET as not found, where RFC 6811, section 2, says invalid: docs/planning.md. */
const endsInSet = ({ asPath }: ProofRoute) => Array.isArray(asPath.at(-1))
const relaxesSets = ({ yaml }: ProofNeighbor) => /relax: \[[^\]]*as-set/.test(yaml)

function planOf(kind: DaemonKind, neighbor: ProofNeighbor, dir: string, socketPath: string) {
  try {
    return planNode(kind, dir, socketPath, [neighbor])
  } catch (error) {
    // YAML that is refused has its own tests.
    fc.pre(!(error instanceof ConfigError))
    throw error
  }
}

function neighborOf(family: Family, kind: NeighborKind, asn: number, more: string): ProofNeighbor {
  const internal = kind === 'ibgp'
  return {
    name: `random${family.slice(3)}`,
    family,
    bothFamilies: false,
    link: 'pf',
    unnumbered: false,
    asn: internal ? ourAsn : asn,
    address: addresses[family],
    yaml: `kind: ${kind}${more}`,
    internal,
  }
}

const anyAsn = fc.oneof(
  fc.constantFrom(3000, 400002, 6000, 6001, 7000, 7001, 400700, ourAsn, localAsn, 7777, 400777),
  fc.constantFrom(...tier1Asns),
  fc.constantFrom(
    0,
    1,
    ...bogonAsns.flatMap(({ first, last }) => [first - 1, first, last, Math.min(last + 1, 4294967295)]),
  ),
  fc.integer({ min: 1, max: 4294967295 }),
  // Ordinary numbers, with more weight: a path of hostile numbers is refused for the first of them.
  fc.integer({ min: 5600, max: 6300 }),
  fc.integer({ min: 5600, max: 6300 }),
  fc.integer({ min: 5600, max: 6300 }),
)

const interesting: Readonly<Record<Family, readonly Prefix[]>> = {
  ipv4: basesOf('ipv4'),
  ipv6: basesOf('ipv6'),
}

function basesOf(family: Family): Prefix[] {
  const texts =
    family === 'ipv4'
      ? [
          '0.0.0.0/0',
          '99.0.0.0/10',
          '99.3.0.0/16',
          '99.200.0.0/16',
          '99.200.16.0/20',
          '99.201.0.0/16',
          '99.202.0.0/16',
          '10.20.0.0/16',
        ]
      : [
          '::/0',
          '2999::/18',
          '2999:3::/32',
          '2999:200::/32',
          '2999:200:1000::/36',
          '2999:201::/32',
          '2999:202::/32',
          '2001:db8:20::/44',
          '2000::/3',
        ]
  return [...texts, ...Object.values(own[family])]
    .map(parse)
    .concat(bogons.map(({ prefix }) => prefix).filter((prefix) => prefix.family === family))
}

function anyPrefix(family: Family): fc.Arbitrary<Prefix> {
  const bits = addressBits(family)
  const within = fc
    .tuple(fc.constantFrom(...interesting[family]), fc.bigInt({ min: 0n, max: (1n << BigInt(bits)) - 1n }))
    .map(
      ([base, noise]) =>
        new Address(family, base.network.value | (noise & ((1n << BigInt(bits - base.length)) - 1n))),
    )
  const usual = family === 'ipv4' ? fc.integer({ min: 16, max: 24 }) : fc.integer({ min: 29, max: 48 })
  const length = fc.oneof(
    usual,
    usual,
    fc.integer({ min: 0, max: bits }),
    fc.constantFrom(7, 8, 11, 12, 24, 25, 48, 49),
  )
  return fc.oneof(
    fc
      .tuple(
        within,
        length.filter((value) => value <= bits),
      )
      .map(([address, value]) => prefixOf(address, value)),
    fc.constantFrom(...interesting[family]),
  )
}

const anyRelaxed = fc.subarray(relaxableRules.filter((rule) => rule !== 'own-origin-invalid'))

const anyNeighbor: fc.Arbitrary<ProofNeighbor> = fc
  .record({
    family: fc.constantFrom(...families),
    kind: fc.oneof(fc.constantFrom(...neighborKinds), fc.constantFrom('transit', 'peer', 'route-server')),
    asn: fc.constantFrom(3000, 400002, 65006, 3356),
    relax: fc.oneof(fc.constant([]), anyRelaxed),
    importIndex: fc.nat(2),
    roleIndex: fc.option(fc.nat(3), { nil: null }),
    pathLength: fc.option(fc.integer({ min: 1, max: 64 }), { nil: null }),
    notFound: fc.constantFrom('accept', 'accept', 'accept', 'reject'),
    rejectAsns: fc.subarray([6000, 7777, 400777]),
    hasOnly: fc.boolean(),
    hasReject: fc.boolean(),
    hasIrr: fc.boolean(),
  })
  .map(({ family, kind, asn, relax, ...rest }) => {
    const taken =
      importsByKind[kind][kind === 'tor' || kind === 'provider-private' ? 1 : rest.importIndex === 2 ? 1 : 0]
    const roles = rolesByKind[kind]
    const role = rest.roleIndex === null ? undefined : roles[rest.roleIndex % Math.max(roles.length, 1)]
    const [only, reject] =
      family === 'ipv4'
        ? ['96.0.0.0/3 le 24', '99.3.0.0/16 ge 20 le 24']
        : ['2800::/6 le 48', '2999:3::/32 ge 40 le 48']
    const tighten = [
      ...(rest.pathLength === null ? [] : [`pathLength: ${rest.pathLength}`]),
      ...(taken === 'full' && rest.notFound === 'reject' ? ['notFound: reject'] : []),
      `rejectAsns: [${rest.rejectAsns}]`,
      ...(rest.hasOnly && taken === 'full' ? [`onlyPrefixes: [${only}]`] : []),
      ...(rest.hasReject ? [`rejectPrefixes: [${reject}]`] : []),
    ]
    const more = [
      `import: ${taken}`,
      `relax: [${relax}]`,
      `tighten: { ${tighten.join(', ')} }`,
      ...(role === undefined ? [] : [`role: ${role}`]),
      ...(rest.hasIrr && (kind === 'peer' || kind === 'route-server') ? ['irr: { file: strict.txt }'] : []),
    ]
    return neighborOf(family, kind, asn, `, ${more.join(', ')}`)
  })

function withRoutes(
  neighbor: ProofNeighbor,
): fc.Arbitrary<{ neighbor: ProofNeighbor; routes: ProofRoute[] }> {
  return fc
    .uniqueArray(anyRoute(neighbor), {
      minLength: 1,
      maxLength: routesPerRun,
      size: 'max',
      selector: ({ prefix }) => prefix,
    })
    .map((routes) => ({ neighbor, routes }))
}

function anyRoute({ family, asn, internal, address }: ProofNeighbor): fc.Arbitrary<ProofRoute> {
  const head = internal ? [] : [asn]
  const element = fc.oneof(
    { weight: 12, arbitrary: anyAsn },
    { weight: 1, arbitrary: fc.uniqueArray(anyAsn, { minLength: 1, maxLength: 3 }) },
  )
  const rest = fc.oneof(
    { weight: 8, arbitrary: fc.array(element, { minLength: 1, maxLength: 3 }) },
    {
      weight: 1,
      arbitrary: fc.integer({ min: 1, max: 70 }).map((length) => Array<number>(length).fill(6001)),
    },
  )
  const path = fc.tuple(
    fc.oneof({ weight: 9, arbitrary: fc.constant(head) }, { weight: 1, arbitrary: fc.constant([]) }),
    rest,
  )
  const others = internal ? [otherAddresses[family]] : [otherAddresses[family], nodeAddresses[family]]
  return fc
    .record({
      prefix: anyPrefix(family).map(String),
      asPath: path.map(([first, then]) => [...first, ...then]),
      nextHop: fc.oneof(
        { weight: 8, arbitrary: fc.constant<string>(address) },
        { weight: 1, arbitrary: fc.constantFrom(...others) },
      ),
      origin: fc.constantFrom('igp', 'egp', 'incomplete'),
      med: fc.option(fc.integer({ min: 0, max: 4294967295 }), { nil: null }),
      localPref: internal ? fc.integer({ min: 0, max: 1000 }) : fc.constant(null),
      communities: fc.subarray([
        '65535:0',
        '65535:65281',
        `${ourAsn}:1`,
        `${ourAsn}:0:1`,
        `${ourAsn}:9:9`,
        `${localAsn}:9:9`,
        '6000:1',
        '6000:60000:1',
      ]),
      otc: fc.oneof(
        { weight: 4, arbitrary: fc.constant(null) },
        { weight: 1, arbitrary: fc.constantFrom(asn, 6000, 400123) },
      ),
    })
    .map((route): ProofRoute => ({ ...route, meaning: 'random', malformed: false, lenient: false }))
}
