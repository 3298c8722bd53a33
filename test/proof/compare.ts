import { parseCommunity } from '../../src/net/community.ts'
import { type Parsed, parseAddress, parsePrefix } from '../../src/net/prefix.ts'
import { evaluate } from '../../src/plan/policy/evaluate.ts'
import type { Policy, Route, Verdict } from '../../src/plan/policy/policy.ts'
import type { VrpSet } from '../../src/plan/rpki/vrp-set.ts'
import type { ObservedRoute } from './bed/observe.ts'
import type { AsPath, WireRoute } from './bgp/wire.ts'
import type { ProofNeighbor } from './fleet/neighbors.ts'
import type { DaemonKind } from './fleet/proof-fleet.ts'
import type { ProofRoute } from './routes/route.ts'

/** The default where a route has none (RFC 4271, section 9.1.1). */
const defaultLocalPref = 100

/** The outcome of one route in one daemon, as text. */
export interface Outcome {
  readonly verdict: 'accept' | 'reject'
  /** Of an accepted route; each value as text. */
  readonly attributes: Readonly<Record<string, string>>
}

export interface Mismatch {
  readonly neighbor: ProofNeighbor
  readonly route: ProofRoute
  readonly expected: Outcome
  readonly rule: string
  readonly observed: Readonly<Partial<Record<DaemonKind, Outcome>>>
}

export function routeOf(wire: WireRoute, isInternal: boolean): Route {
  return {
    prefix: must(parsePrefix(wire.prefix), wire.prefix),
    asPath: wire.asPath,
    nextHop: must(parseAddress(nextHopOf(wire)), wire.nextHop),
    origin: wire.origin,
    // A LOCAL_PREF received over eBGP is ignored (RFC 4271, section 5.1.5).
    localPref: isInternal ? (wire.localPref ?? defaultLocalPref) : defaultLocalPref,
    med: wire.med,
    communities: wire.communities.map((text) => must(parseCommunity(text), text)),
    otc: wire.otc,
    local: false,
    degraded: false,
  }
}

/** The link-local one only where there is no other (RFC 2545, section 3). */
function nextHopOf({ nextHop }: Pick<WireRoute, 'nextHop'>): string {
  const [first, second] = nextHop.split(' ')
  return first === '::' ? (second ?? first) : first!
}

function expectedOf(
  policy: Policy,
  wire: ProofRoute,
  isInternal: boolean,
  vrps: VrpSet,
): { readonly outcome: Outcome; readonly rule: string } {
  if (wire.malformed) return { outcome: { verdict: 'reject', attributes: {} }, rule: 'malformed (RFC 7606)' }
  const verdict = evaluate(policy, routeOf(wire, isInternal), (prefix, asn) => vrps.validate(prefix, asn))
  const outcome = outcomeOf(verdict)
  if (outcome.verdict === 'reject' || !checksNextHop(policy)) return { outcome, rule: verdict.rule.id }
  // What the rule has checked is what the packets follow.
  const attributes = { ...outcome.attributes, gateway: outcome.attributes.nextHop! }
  return { outcome: { ...outcome, attributes }, rule: verdict.rule.id }
}

function checksNextHop({ rules }: Policy): boolean {
  return rules.some(({ id }) => id === 'next-hop')
}

function outcomeOf({ verdict, route }: Verdict): Outcome {
  if (verdict === 'reject') return { verdict, attributes: {} }
  return {
    verdict,
    attributes: {
      path: textOf(route.asPath),
      nextHop: String(route.nextHop),
      origin: route.origin,
      med: String(route.med),
      localPref: String(route.localPref),
      communities: route.communities.map(String).sort().join(' '),
      otc: String(route.otc),
    },
  }
}

export function observedOutcome(observed: ObservedRoute | undefined): Outcome {
  if (observed === undefined) return { verdict: 'reject', attributes: {} }
  return {
    verdict: 'accept',
    attributes: {
      path: textOf(observed.asPath).replace(/\]$/, observed.isPathCut ? '…' : ']'),
      nextHop: nextHopOf(observed),
      gateway: observed.gateway,
      origin: observed.origin,
      med: String(observed.med),
      localPref: String(observed.localPref),
      communities: observed.communities.join(' '),
      otc: String(observed.otc),
    },
  }
}

function isAsExpected(expected: Outcome, observed: Outcome): boolean {
  return (
    expected.verdict === observed.verdict &&
    Object.entries(expected.attributes).every(([name, value]) => {
      const seen = observed.attributes[name]!
      return seen.endsWith('…') ? value.startsWith(seen.slice(0, -1)) : value === seen
    })
  )
}

function isSafe({ address }: ProofNeighbor, policy: Policy, { verdict, attributes }: Outcome): boolean {
  return verdict === 'reject' || !checksNextHop(policy) || attributes.gateway === address
}

/** @param observed the routes that each daemon accepted, by prefix */
export function findMismatches(
  neighbor: ProofNeighbor,
  policy: Policy,
  routes: readonly ProofRoute[],
  vrps: VrpSet,
  observed: Readonly<Partial<Record<DaemonKind, ReadonlyMap<string, Outcome>>>>,
): readonly Mismatch[] {
  return routes.flatMap((route): Mismatch[] => {
    const { outcome: expected, rule } = expectedOf(policy, route, neighbor.internal, vrps)
    const outcomes = Object.entries(observed).map(
      ([daemon, taken]) => [daemon, taken.get(route.prefix) ?? observedOutcome(undefined)] as const,
    )
    const isFine = (outcome: Outcome) =>
      route.lenient ? isSafe(neighbor, policy, outcome) : isAsExpected(expected, outcome)
    if (outcomes.every(([, outcome]) => isFine(outcome))) return []
    return [{ neighbor, route, expected, rule, observed: Object.fromEntries(outcomes) }]
  })
}

/** A report to read: the meaning of the route, each verdict, and the lines of the configurations. */
export function describeMismatches(
  mismatches: readonly Mismatch[],
  configs: Readonly<Partial<Record<DaemonKind, string>>>,
  most = 20,
): string {
  const shown = mismatches.slice(0, most).map(({ neighbor, route, expected, rule, observed }) => {
    const path = JSON.stringify(route.asPath).slice(0, 100)
    const head = `${neighbor.name}: ${route.meaning}\n  ${route.prefix} path ${path} next hop ${route.nextHop} communities [${route.communities}] otc ${route.otc}`
    const verdicts = [
      `  evaluate: ${describe(expected)}, by ${rule}`,
      ...Object.entries(observed).map(([daemon, outcome]) => `  ${daemon}: ${describe(outcome, expected)}`),
    ]
    const excerpts = Object.keys(observed).map((daemon) => {
      const text = excerpt(configs[daemon as DaemonKind] ?? '', neighbor, rule)
      return text === '' ? `  ${daemon} has no line of ${rule}` : text.replace(/^/gm, '    ')
    })
    return [head, ...verdicts, ...excerpts].join('\n')
  })
  const rest = mismatches.length - shown.length
  return [...shown, ...(rest > 0 ? [`and ${rest} more`] : [])].join('\n\n')
}

/** If both were accepted, only the attributes that differ. */
function describe({ verdict, attributes }: Outcome, other?: Outcome): string {
  const shown = Object.entries(attributes).filter(
    ([name, value]) => other?.verdict !== 'accept' || other.attributes[name] !== value,
  )
  return [verdict, ...shown.map(([name, value]) => `${name} ${value}`)].join(', ')
}

/** The lines of that rule in a neighbor's import filter, in either daemon's language. */
function excerpt(config: string, { name, family, bothFamilies }: ProofNeighbor, rule: string): string {
  const stem = `aw_${name}`
  const suffix = bothFamilies ? family.slice(3) : ''
  const bird = config.split(`filter ${stem}_in${suffix} {`)[1]?.split('\n}')[0]
  if (bird !== undefined) {
    const lines = bird.split('\n')
    const at = lines.findIndex((line) => line.startsWith(`  # ${rule}:`))
    return at === -1 ? '' : lines.slice(at, at + 2).join('\n')
  }
  return config
    .split('\nexit')
    .filter(
      (block) => block.includes(`route-map ${stem}-in${suffix} `) && block.includes(` description ${rule}`),
    )
    .map((block) => block.slice(block.lastIndexOf('route-map ')))
    .join('\n')
}

/** FRR sorts an AS_SET, which has no order (RFC 4271, section 4.3). */
function textOf(path: AsPath): string {
  return JSON.stringify(
    path.map((element) => (typeof element === 'number' ? element : element.toSorted((a, b) => a - b))),
  )
}

function must<T>(parsed: Parsed<T>, text: string): T {
  if (!parsed.ok) throw new TypeError(`${text} ${parsed.problem}`)
  return parsed.value
}
