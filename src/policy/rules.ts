/** Why each rule is there, and where it is written. In the order in which they are tried. */
export const importRules = {
  'as-loop': ['our own AS number in the path is a loop', 'RFC 4271, section 9.1.2'],
  'import-nothing': ['nothing is taken from this neighbor', 'RFC 8212, section 2'],
  'default-only': ['only the default route is taken', null],
  'own-prefixes-only': ['only our own prefixes come from inside', null],
  'martian-prefix': [
    'no router forwards to it, whatever a fleet allows itself',
    'RFC 6890, RFC 1812, section 5.3.7',
  ],
  'own-prefix': ['nobody else may tell us our own prefixes', 'RFC 7454, section 6.1.4'],
  'bogon-prefix': ['never in the global table', 'RFC 6890'],
  'global-unicast': ['only 2000::/3 is handed out', 'RFC 7454, section 6.1.1.2'],
  'prefix-length': ['too short or too long for the global table', 'RFC 7454, section 6.1.3'],
  'empty-path': ['a path from another AS has at least its number', 'RFC 4271, section 5.1.2'],
  'as-zero': ['nobody is AS 0', 'RFC 7607'],
  'path-length': ['a path as long as that is a mistake', 'RFC 7454, section 9'],
  'as-set': ['an AS_SET hides who is in the path', 'RFC 9774, section 3'],
  'first-as': ['the path does not begin with the neighbor', 'RFC 4271, section 6.3'],
  'bogon-asn': ['an AS number that nobody may use in public', 'RFC 5398, 6793, 6996, 7300, 7607'],
  'tier-1-leak': ['a tier-1 network is reached by transit: this is a leak', 'RFC 7908, section 3.1'],
  'own-next-hop': ['the next hop is this node', 'RFC 4271, section 5.1.3'],
  'next-hop': ['the next hop is not the neighbor', 'RFC 7454, section 10'],
  'role-leak': ['marked as only for customers, and we are none', 'RFC 9234, section 5'],
  'denied-prefix': ['refused by the sites', null],
  'denied-asn': ['refused by the sites', null],
  'only-prefixes': ['not among the prefixes that the sites allow', null],
  irr: ['not registered for this neighbor', 'RFC 7454, section 6.1.2'],
  'rpki-invalid': ['the holder of the prefix says another origin or length', 'RFC 6811, RFC 7115'],
  'rpki-not-found': ['the holder of the prefix says nothing', 'RFC 6811'],
  'scrub-communities': ['only we may set our large communities', 'RFC 7454, section 11'],
  'learned-inside': ['not originated here: never to be told to others', null],
  'only-to-customer': ['from here on for customers only', 'RFC 9234, section 5'],
  'graceful-shutdown': ['it is about to go away: the last choice', 'RFC 8326, section 4.2'],
  'import-rest': ['nothing speaks against it', null],
} as const satisfies Record<string, RuleText>

export const exportRules = {
  'learned-route': ['we carry no traffic of others', 'RFC 7908'],
  'host-route': ['a host route never leaves the AS', 'RFC 7454, section 6.1.3'],
  'own-origin-invalid': ['others would refuse it: our own ROA speaks against it', 'RFC 8893'],
  'our-communities': ['what we tell about our routes', 'RFC 1997, RFC 8092'],
  'no-export': ['not beyond this neighbor', 'RFC 1997'],
  'mark-for-customers': ['the neighbor may tell its customers only', 'RFC 9234, section 5'],
  degraded: ['less attractive than what other nodes announce', 'RFC 8326, section 4'],
  'own-prefixes': ['exactly ours', null],
  'default-deny': ['nothing else is told', 'RFC 8212, section 2'],
} as const satisfies Record<string, RuleText>

type RuleText = readonly [why: string, source: string | null]

/** A rule by its name in `relax`, in comments of generated filters, in `explain` and in tests. */
export type RuleId = keyof typeof importRules | keyof typeof exportRules
