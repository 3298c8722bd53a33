import type { NeighborKind } from '../../../../manifest/words.ts'
import {
  type FleetDraft,
  familiesOf,
  importOf,
  type NeighborDraft,
  type PlacedNeighbor,
} from '../../drafts.ts'
import { type Finding, warning } from '../../finding.ts'
import type { RelaxableRule } from '../../fleet.ts'

/** Warns about relaxed rules that do not apply anyway. */
export function checkRelax(
  { file, path, neighbor }: PlacedNeighbor,
  fleet: FleetDraft | undefined,
): Finding[] {
  const seen = new Set<string>()
  return (neighbor.relax ?? []).flatMap((rule, index): Finding[] => {
    if (rule === undefined) return []
    const at = [...path, 'relax', index]
    if (seen.has(rule)) return [warning(file, at, `${rule} is in this list twice`, 'keep one of the two')]
    seen.add(rule)
    const why = whyIdle(rule, neighbor, fleet) ?? contradiction(rule, neighbor)
    return why === null ? [] : [warning(file, at, why, 'leave it out')]
  })
}

const others: readonly NeighborKind[] = ['transit', 'peer', 'route-server']
const external: readonly NeighborKind[] = [...others, 'provider-private', 'tor']

/** The kinds that a rule applies to, and whether it applies only with `import: full`. */
const scopes: Readonly<Record<RelaxableRule, readonly [kinds: readonly NeighborKind[], fullOnly: boolean]>> =
  {
    'own-prefix': [others, true],
    'bogon-prefix': [others, true],
    'global-unicast': [others, true],
    'prefix-length': [others, true],
    'path-length': [external, false],
    'as-set': [external, false],
    'first-as': [external.filter((kind) => kind !== 'route-server'), false],
    'other-own-asn': [[...external, 'ibgp'], false],
    'bogon-asn': [external.filter((kind) => kind !== 'tor'), false],
    'tier-1-leak': [['peer', 'route-server'], false],
    'next-hop': [external.filter((kind) => kind !== 'route-server'), false],
    'denied-prefix': [[...external, 'ibgp'], false],
    'denied-asn': [[...external, 'ibgp'], false],
    'only-prefixes': [[...external, 'ibgp'], false],
    irr: [['peer', 'route-server'], false],
    'rpki-invalid': [others, true],
    'rpki-not-found': [others, true],
    'own-origin-invalid': [others, false],
  }

function whyIdle(rule: RelaxableRule, neighbor: NeighborDraft, fleet: FleetDraft | undefined): string | null {
  const { kind, tighten, irr } = neighbor
  const taken = importOf(neighbor)
  if (kind === undefined || taken === undefined) return null
  const [kinds, fullOnly] = scopes[rule]
  if (!kinds.includes(kind)) return `${rule} never applies to a neighbor of kind ${kind}`
  if (rule !== 'own-origin-invalid') {
    if (taken === 'nothing') return `no route is accepted from this neighbor, so ${rule} never applies`
    if (fullOnly && taken !== 'full') return `${rule} applies only with import: full`
  }
  switch (rule) {
    case 'global-unicast':
      return familiesOf(neighbor).join() === 'ipv4'
        ? `${rule} is for IPv6, and this session carries IPv4`
        : null
    case 'denied-prefix':
      return tighten?.rejectPrefixes?.length === 0 ? `${rule} applies only with tighten.rejectPrefixes` : null
    case 'denied-asn':
      return tighten?.rejectAsns?.length === 0 ? `${rule} applies only with tighten.rejectAsns` : null
    case 'only-prefixes':
      return tighten === undefined || Object.hasOwn(tighten, 'onlyPrefixes')
        ? null
        : `${rule} applies only with tighten.onlyPrefixes`
    case 'irr':
      return irr === undefined && !Object.hasOwn(neighbor, 'irr') ? `${rule} applies only with irr` : null
    case 'rpki-not-found':
      return tighten?.notFound === 'accept' ? `${rule} applies only with tighten.notFound: reject` : null
    case 'rpki-invalid':
    case 'own-origin-invalid':
      if (fleet === undefined) return null
      if (!Object.hasOwn(fleet, 'rpki')) return `${rule} applies only with rpki in fleet.yaml`
      return fleet.rpki?.invalid === 'accept' ? `${rule} applies only with rpki.invalid: reject` : null
    default:
      return null
  }
}

/** A rule that the same neighbor both requires and relaxes. */
function contradiction(rule: RelaxableRule, { tighten, irr }: NeighborDraft): string | null {
  const asked =
    rule === 'denied-prefix' || rule === 'denied-asn' || rule === 'only-prefixes' || rule === 'rpki-not-found'
      ? tighten !== undefined && 'tighten'
      : rule === 'irr' && irr !== undefined && 'irr'
  return asked === false ? null : `${rule} is required by ${asked} of the same neighbor`
}
