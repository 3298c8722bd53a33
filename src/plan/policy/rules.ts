/** The reason for each rule, and its source. In the order of evaluation. */
export const importRules = {
  'as-loop': ['our own AS number is in the path: a loop', 'RFC 4271, section 9.1.2'],
  'import-nothing': ['no route is accepted from this neighbor', 'RFC 8212, section 2'],
  'default-only': ['only the default route is accepted', null],
  'own-prefixes-only': ['only our own prefixes are accepted over iBGP', null],
  'martian-prefix': [
    'never forwarded, even if bogons.allow contains it',
    'RFC 6890, RFC 1812, section 5.3.7',
  ],
  'own-prefix': ['our own prefixes are not accepted from other networks', 'RFC 7454, section 6.1.4'],
  'bogon-prefix': ['never in the global table', 'RFC 6890'],
  'global-unicast': ['only 2000::/3 is allocated', 'RFC 7454, section 6.1.1.2'],
  'prefix-length': ['too short or too long for the global table', 'RFC 7454, section 6.1.3'],
  'empty-path': ['a path from another AS contains at least its number', 'RFC 4271, section 5.1.2'],
  'as-zero': ['AS 0 is reserved', 'RFC 7607'],
  'path-length': ['the path is implausibly long', 'RFC 7454, section 9'],
  'as-set': ['an AS_SET hides the ASes in the path', 'RFC 9774, section 3'],
  'first-as': ['the path does not begin with the neighbor', 'RFC 4271, section 6.3'],
  'other-own-asn': ['another AS number of ours is in the path: a loop', 'RFC 4271, section 9.1.2'],
  'bogon-asn': ['an AS number that is not for public use', 'RFC 5398, 6793, 6996, 7300, 7607'],
  'tier-1-leak': ['tier-1 networks are reached through transit: this is a leak', 'RFC 7908, section 3.1'],
  'own-next-hop': ['the next hop is this node', 'RFC 4271, section 5.1.3'],
  'next-hop': ['the next hop is not the neighbor', 'RFC 7454, section 10'],
  'role-leak': ['marked for customers only, and we are not one', 'RFC 9234, section 5'],
  'denied-prefix': ['refused by tighten.rejectPrefixes', null],
  'denied-asn': ['refused by tighten.rejectAsns', null],
  'only-prefixes': ['not in tighten.onlyPrefixes', null],
  irr: ['not registered in the IRR for this neighbor', 'RFC 7454, section 6.1.2'],
  'rpki-invalid': ['its origin or length contradicts the ROAs', 'RFC 6811, RFC 7115'],
  'rpki-not-found': ['no ROA covers the prefix', 'RFC 6811'],
  'scrub-communities': ['only we may set our large communities', 'RFC 7454, section 11'],
  'scrub-extended': ['extended communities are for use inside an AS', 'RFC 4360, RFC 7454, section 11'],
  'learned-inside': ['not originated here: not to be advertised to others', null],
  'only-to-customer': ['to be advertised to customers only', 'RFC 9234, section 5'],
  'local-pref': ['the preference that the sites set', 'RFC 4271, section 5.1.5'],
  'graceful-shutdown': ['about to be withdrawn: least preferred', 'RFC 8326, section 4.2'],
  'import-rest': ['no rule above rejects it', null],
} as const satisfies Record<string, RuleText>

export const exportRules = {
  'learned-route': ['we provide no transit', 'RFC 7908'],
  'host-route': ['a host route never leaves the AS', 'RFC 7454, section 6.1.3'],
  'own-origin-invalid': ['others would refuse it: it contradicts our own ROA', 'RFC 8893'],
  'our-communities': ['the communities that the sites set', 'RFC 1997, RFC 8092'],
  'service-communities': ['the communities that the sites set for a service', 'RFC 1997, RFC 8092'],
  'no-export': ['not to be advertised beyond this neighbor', 'RFC 1997'],
  'mark-for-customers': ['the neighbor may advertise it to customers only', 'RFC 9234, section 5'],
  prepend: ['less preferred than by other ways, as the sites set', 'RFC 4271, section 9.1.2.2'],
  med: ['the order among the sessions with this AS, as the sites set', 'RFC 4271, section 5.1.4'],
  degraded: ['less preferred than the announcements of other nodes', 'RFC 8326, section 4'],
  'own-prefixes': ['exactly our prefixes', null],
  'default-deny': ['nothing else is advertised', 'RFC 8212, section 2'],
} as const satisfies Record<string, RuleText>

type RuleText = readonly [why: string, source: string | null]

/** A rule by its name in `relax`, in comments of generated filters, in `explain` and in tests. */
export type RuleId = keyof typeof importRules | keyof typeof exportRules
