import { parseCommunity } from '../../../net/community.ts'
import { parseRange } from '../../../net/prefix-range.ts'
import { alternatives, nearestWord, quote } from '../../../text/wording.ts'
import { type Reading, textField } from '../fields.ts'
import { type RelaxableRule, relaxableRules } from '../fleet.ts'
import { netField } from './net-fields.ts'

export const communityField = netField(
  '"64500:100"',
  { title: 'standard, large or extended community' },
  parseCommunity,
)

export const rangeField = netField(
  '203.0.113.0/24 le 32',
  {
    title: 'prefix, or prefix with ge and le',
    pattern: '^[0-9a-fA-F:.]+/[0-9]{1,3}(?: ge [0-9]{1,3})?(?: le [0-9]{1,3})?$',
  },
  parseRange,
)

/** Rules that define a kind, each with the setting to use instead of `relax`. */
const structuralRules: Readonly<Record<string, string>> = {
  'as-loop': 'leave it out of relax: the daemon itself requires the rule',
  'import-nothing': 'write import: default-only or full',
  'default-only': 'write import: full',
  'own-prefixes-only': 'write import: default-only, or another kind',
  'scrub-communities': 'leave it out of relax: only we may set our large communities',
  'scrub-extended': 'leave it out of relax: extended communities of other networks have no use here',
  'martian-prefix': 'leave it out of relax: the daemons refuse most of these prefixes anyway',
  'empty-path': 'leave it out of relax: an empty path is not a route of another AS',
  'as-zero': 'leave it out of relax: RFC 7607 requires the rule',
  'own-next-hop': 'leave it out of relax: the daemon itself requires the rule',
  'role-leak': 'the daemons enforce it wherever the session has a role: write role: none',
  'learned-inside': 'leave it out of relax: the rule keeps iBGP routes inside the AS',
  'only-to-customer': 'write role: none',
  'local-pref': 'leave out localPref',
  'graceful-shutdown': 'leave it out of relax: the rule applies only when the neighbor requests it',
  'import-rest': 'to accept less, write import: default-only or nothing',
  'learned-route': 'leave it out of relax: we provide no transit',
  'host-route': 'if the neighbor agreed, write hostRoutes: true',
  'our-communities': 'remove them from communities',
  'service-communities': 'remove them from communities of the service',
  'no-export': 'for tor and provider-private, write noExport: false',
  'mark-for-customers': 'write role: none',
  prepend: 'leave out prepend',
  med: 'leave out med',
  degraded: 'set gracefulShutdown, prepend and med in degrade',
  'own-prefixes': 'to advertise less to this neighbor, write services: [vpn], or [] for nothing',
  'default-deny': 'leave it out of relax: only our own prefixes are advertised (RFC 8212)',
}

/** The rule ids that `relax` does not accept. */
export const structuralRuleIds: readonly string[] = Object.keys(structuralRules)

export const relaxField = textField(
  'path-length',
  { title: 'rule id', enum: relaxableRules },
  (text): Reading<RelaxableRule> => {
    const known = relaxableRules.find((rule) => rule === text)
    if (known !== undefined) return { ok: true, value: known }
    if (Object.hasOwn(structuralRules, text)) {
      return {
        ok: false,
        message: `${quote(text)} is a rule that cannot be relaxed`,
        hint: structuralRules[text]!,
      }
    }
    const nearest = nearestWord(text, [...relaxableRules, ...structuralRuleIds])
    return {
      ok: false,
      message: `${quote(text)} is not the id of a rule`,
      hint: nearest === null ? `write ${alternatives(relaxableRules)}` : `did you mean ${nearest}?`,
    }
  },
)

const asNumber = /^AS(0|[1-9]\d{0,9})$/i
const sets = {
  'as-set': { prefix: 'AS', key: 'asSet' },
  'route-set': { prefix: 'RS', key: 'routeSet' },
} as const
const namesOfSets = {
  'as-set': /^AS-[A-Z0-9_-]*[A-Z0-9]$/i,
  'route-set': /^RS-[A-Z0-9_-]*[A-Z0-9]$/i,
} as const

/** RFC 2622, section 5: set names, or AS numbers with set names below them, separated by colons. */
function isSetName(kind: keyof typeof sets, name: string): boolean {
  const parts = name.split(':')
  return (
    name.length <= 160 &&
    parts.some((part) => namesOfSets[kind].test(part)) &&
    parts.every((part) => namesOfSets[kind].test(part) || asNumber.test(part))
  )
}

function splitSource(text: string): [source: string | undefined, name: string] {
  const [, source, name = ''] = /^(?:([A-Za-z][A-Za-z0-9-]{0,31})::)?(.+)$/s.exec(text) ?? []
  return [source, name]
}

function hintAt(kind: keyof typeof sets, text: string): string {
  const number = asNumber.exec(text)?.[1]
  if (number !== undefined) return `it is a single AS: write irr: { asn: ${number} }`
  const other = kind === 'as-set' ? 'route-set' : 'as-set'
  const [, name] = splitSource(text)
  if (isSetName(other, name))
    return `it is the name of ${other === 'as-set' ? 'an as-set' : 'a route-set'}: write ${sets[other].key}`
  return kind === 'as-set'
    ? 'write one such as AS-EXAMPLE, AS64601:AS-EXAMPLE or RIPE::AS-EXAMPLE (RFC 2622)'
    : 'write one such as RS-EXAMPLE or AS64601:RS-EXAMPLE (RFC 2622)'
}

export const asSetField = textField(
  'AS64601:AS-EXAMPLE',
  { title: 'as-set, hierarchical or not', maxLength: 160 },
  (text) => {
    const [source, name] = splitSource(text)
    if (text.length <= 160 && isSetName('as-set', name)) {
      const upper = name.toUpperCase()
      return { ok: true, value: source === undefined ? upper : `${source.toUpperCase()}::${upper}` }
    }
    return {
      ok: false,
      message: `${quote(text)} is not the name of an as-set`,
      hint: hintAt('as-set', text),
    }
  },
)

export const routeSetField = textField(
  'RS-EXAMPLE',
  { title: 'route-set, hierarchical or not', maxLength: 160 },
  (text) => {
    const [source, name] = splitSource(text)
    if (!isSetName('route-set', name)) {
      return {
        ok: false,
        message: `${quote(text)} is not the name of a route-set`,
        hint: hintAt('route-set', text),
      }
    }
    if (source === undefined) return { ok: true, value: name.toUpperCase() }
    return {
      ok: false,
      message: `${quote(text)} names a source, which bgpq4 supports for as-sets only`,
      hint: `write ${name.toUpperCase()}, and irr: { sources: [${source.toUpperCase()}] } in fleet.yaml`,
    }
  },
)
