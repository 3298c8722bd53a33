import { expect, test } from 'vitest'
import { exportRules, importRules } from '../../src/plan/policy/rules.ts'
import { relaxableRules } from '../../src/plan/sites/fleet.ts'
import { structuralRuleIds } from '../../src/plan/sites/schema/policy-fields.ts'
import { issuesAfter } from './base.ts'

/** The first neighbor of Frankfurt, on line 8, has that kind and these fields; the others are valid. */
function issuesWith(kind: string, fields: string): string[] {
  const text = `site: fra1
nodes:
  - name: fra1-a
    daemon: bird
    routerId: 10.0.0.11
    services: [vpn]
    neighbors:
      - { name: other, kind: ${kind}, asn: 64601, address: 10.1.1.1, ${fields} }
      - { name: tor1, kind: tor, asn: 64611, address: "2001:db8:11::1" }
`
  return issuesAfter([['fra1.yaml', text]]).map((issue) => issue.replace(' nodes[0].neighbors[0].', ' '))
}

const rows: [name: string, kind: string, fields: string, issues: string[]][] = [
  [
    'an import that another kind has',
    'tor',
    'import: full',
    [
      'sites/fra1.yaml:8:74 import: full is not allowed for a neighbor of kind tor\nwrite nothing or default-only',
    ],
  ],
  [
    'own prefixes from a transit',
    'transit',
    'import: own-prefixes',
    [
      'sites/fra1.yaml:8:78 import: own-prefixes is not allowed for a neighbor of kind transit\nwrite full, default-only or nothing',
    ],
  ],
  [
    'the default route from a peer',
    'peer',
    'import: default-only, limit: 100',
    [
      'sites/fra1.yaml:8:75 import: default-only is not allowed for a neighbor of kind peer\nwrite full or nothing',
    ],
  ],
  [
    'an unknown word for import',
    'transit',
    'import: default',
    ['sites/fra1.yaml:8:78 import: "default" is not nothing, default-only, own-prefixes or full'],
  ],
  [
    'a peer without a limit',
    'peer',
    'import: full',
    [
      'sites/fra1.yaml:8:9 warning: limit: is missing: the session stops beyond 1000 prefixes, the default for kind peer\nwrite the number of prefixes it sends, with a reserve, such as limit: 1000',
    ],
  ],
  [
    'a route server without a limit',
    'route-server',
    'communities: ["64700:64500"]',
    [
      'sites/fra1.yaml:8:9 warning: limit: is missing: the session stops beyond 300000 prefixes, the default for kind route-server\nwrite the number of prefixes it sends, with a reserve, such as limit: 1000',
    ],
  ],
  [
    'a limit of nothing',
    'transit',
    'limit: 0',
    ['sites/fra1.yaml:8:77 limit: 0 is not from 1 to 4294967295\nto accept no route, write import: nothing'],
  ],
  [
    'a limit that is text',
    'peer',
    'limit: "1000"',
    ['sites/fra1.yaml:8:74 limit: expected a whole number, got "1000"\nleave out the quotes: 1000'],
  ],
  [
    'a limit with a unit',
    'peer',
    'limit: 1k',
    ['sites/fra1.yaml:8:74 limit: expected a whole number, got "1k"'],
  ],
  [
    'a misspelled rule',
    'transit',
    'relax: [path-lenght]',
    ['sites/fra1.yaml:8:78 relax[0]: "path-lenght" is not the id of a rule\ndid you mean path-length?'],
  ],
  [
    'an unknown rule without a similar one',
    'transit',
    'relax: [everything]',
    [
      'sites/fra1.yaml:8:78 relax[0]: "everything" is not the id of a rule\nwrite own-prefix, bogon-prefix, global-unicast, prefix-length, path-length, as-set, first-as, other-own-asn, bogon-asn, tier-1-leak, next-hop, denied-prefix, denied-asn, only-prefixes, irr, rpki-invalid, rpki-not-found or own-origin-invalid',
    ],
  ],
  [
    'one word for a list of rules',
    'transit',
    'relax: path-length',
    ['sites/fra1.yaml:8:77 relax: expected a list, got "path-length"\nwrite [path-length]'],
  ],
  [
    'a rule that defines the import',
    'transit',
    'import: default-only, relax: [default-only]',
    ['sites/fra1.yaml:8:100 relax[0]: "default-only" is a rule that cannot be relaxed\nwrite import: full'],
  ],
  [
    'the rule that denies all else',
    'transit',
    'relax: [default-deny]',
    [
      'sites/fra1.yaml:8:78 relax[0]: "default-deny" is a rule that cannot be relaxed\nleave it out of relax: only our own prefixes are advertised (RFC 8212)',
    ],
  ],
  [
    'the rule that keeps host routes inside',
    'tor',
    'relax: [host-route]',
    [
      'sites/fra1.yaml:8:74 relax[0]: "host-route" is a rule that cannot be relaxed\nif the neighbor agreed, write hostRoutes: true',
    ],
  ],
  [
    'the rule against loops',
    'transit',
    'relax: [as-loop]',
    [
      'sites/fra1.yaml:8:78 relax[0]: "as-loop" is a rule that cannot be relaxed\nleave it out of relax: the daemon itself requires the rule',
    ],
  ],
  [
    'a rule twice',
    'transit',
    'relax: [path-length, path-length]',
    ['sites/fra1.yaml:8:91 warning: relax[1]: path-length is in this list twice\nkeep one of the two'],
  ],
  [
    'first-AS on a route server',
    'route-server',
    'limit: 1000, relax: [first-as]',
    [
      'sites/fra1.yaml:8:96 warning: relax[0]: first-as never applies to a neighbor of kind route-server\nleave it out',
    ],
  ],
  [
    'the next hop on a route server',
    'route-server',
    'limit: 1000, relax: [next-hop]',
    [
      'sites/fra1.yaml:8:96 warning: relax[0]: next-hop never applies to a neighbor of kind route-server\nleave it out',
    ],
  ],
  [
    'tier-1 networks from a transit',
    'transit',
    'relax: [tier-1-leak]',
    [
      'sites/fra1.yaml:8:78 warning: relax[0]: tier-1-leak never applies to a neighbor of kind transit\nleave it out',
    ],
  ],
  [
    'bogon ranges in the rack',
    'tor',
    'import: default-only, relax: [bogon-prefix]',
    [
      'sites/fra1.yaml:8:96 warning: relax[0]: bogon-prefix never applies to a neighbor of kind tor\nleave it out',
    ],
  ],
  [
    'a rule with import: nothing',
    'tor',
    'relax: [path-length]',
    [
      'sites/fra1.yaml:8:74 warning: relax[0]: no route is accepted from this neighbor, so path-length never applies\nleave it out',
    ],
  ],
  [
    'a rule for full tables with import: default-only',
    'transit',
    'import: default-only, relax: [prefix-length]',
    ['sites/fra1.yaml:8:100 warning: relax[0]: prefix-length applies only with import: full\nleave it out'],
  ],
  [
    'a rule for IPv6 on a session of IPv4',
    'transit',
    'relax: [global-unicast]',
    [
      'sites/fra1.yaml:8:78 warning: relax[0]: global-unicast is for IPv6, and this session carries IPv4\nleave it out',
    ],
  ],
  [
    'role-leak, which the daemons check by themselves',
    'peer',
    'limit: 9, relax: [role-leak]',
    [
      'sites/fra1.yaml:8:85 relax[0]: "role-leak" is a rule that cannot be relaxed\nthe daemons enforce it wherever the session has a role: write role: none',
    ],
  ],
  [
    'rules that are not in the policy',
    'peer',
    'limit: 100, relax: [denied-prefix, denied-asn, only-prefixes, irr, rpki-not-found]',
    [
      'sites/fra1.yaml:8:87 warning: relax[0]: denied-prefix applies only with tighten.rejectPrefixes\nleave it out',
      'sites/fra1.yaml:8:102 warning: relax[1]: denied-asn applies only with tighten.rejectAsns\nleave it out',
      'sites/fra1.yaml:8:114 warning: relax[2]: only-prefixes applies only with tighten.onlyPrefixes\nleave it out',
      'sites/fra1.yaml:8:129 warning: relax[3]: irr applies only with irr\nleave it out',
      'sites/fra1.yaml:8:134 warning: relax[4]: rpki-not-found applies only with tighten.notFound: reject\nleave it out',
    ],
  ],
  [
    'a rule that tighten of the same neighbor adds',
    'transit',
    'tighten: { rejectAsns: [64666] }, relax: [denied-asn]',
    [
      'sites/fra1.yaml:8:112 warning: relax[0]: denied-asn is required by tighten of the same neighbor\nleave it out',
    ],
  ],
  [
    'a path length above the limit',
    'transit',
    'tighten: { pathLength: 65 }',
    ['sites/fra1.yaml:8:93 tighten.pathLength: 65 is not from 1 to 64'],
  ],
  [
    'a path length of 0',
    'transit',
    'tighten: { pathLength: 0 }',
    ['sites/fra1.yaml:8:93 tighten.pathLength: 0 is not from 1 to 64'],
  ],
  [
    'a range with host bits',
    'transit',
    'tighten: { rejectPrefixes: [203.0.113.1/24] }',
    [
      'sites/fra1.yaml:8:98 tighten.rejectPrefixes[0]: "203.0.113.1/24" has host bits set beyond /24\nwrite 203.0.113.0/24, or 203.0.113.1/32 for a single address',
    ],
  ],
  [
    'an invalid range',
    'transit',
    'tighten: { rejectPrefixes: [203.0.113.0/24-32] }',
    [
      'sites/fra1.yaml:8:98 tighten.rejectPrefixes[0]: "203.0.113.0/24-32" has a prefix length that is not 0 to 32\nwrite 203.0.113.0/32 or shorter',
    ],
  ],
  [
    'a range in the syntax of another tool',
    'transit',
    'tighten: { rejectPrefixes: ["203.0.113.0/24{25,32}"] }',
    [
      'sites/fra1.yaml:8:98 tighten.rejectPrefixes[0]: "203.0.113.0/24{25,32}" has a prefix length that is not 0 to 32\nwrite 203.0.113.0/32 or shorter',
    ],
  ],
  [
    'a range with impossible lengths',
    'transit',
    'tighten: { rejectPrefixes: [203.0.113.0/24 le 20] }',
    [
      'sites/fra1.yaml:8:98 tighten.rejectPrefixes[0]: "203.0.113.0/24 le 20" has prefix lengths outside of its range\nge and le are 24 to 32, with ge at most le',
    ],
  ],
  [
    'a range with ge above le',
    'transit',
    'tighten: { rejectPrefixes: [203.0.113.0/24 ge 30 le 26] }',
    [
      'sites/fra1.yaml:8:98 tighten.rejectPrefixes[0]: "203.0.113.0/24 ge 30 le 26" has prefix lengths outside of its range\nge and le are 24 to 32, with ge at most le',
    ],
  ],
  [
    'a range of IPv6 on a session of IPv4',
    'transit',
    'tighten: { rejectPrefixes: ["2001:db8:f::/48 le 64"] }',
    [
      "sites/fra1.yaml:8:98 tighten.rejectPrefixes[0]: 2001:db8:f::/48 le 64 is IPv6, but the session to 10.1.1.1 carries IPv4\nmove it to the neighbor's IPv6 session",
    ],
  ],
  [
    'a prefix of IPv6 among those of IPv4',
    'peer',
    'limit: 10, tighten: { onlyPrefixes: [203.0.113.0/24, "2001:db8:f::/48"] }',
    [
      "sites/fra1.yaml:8:120 tighten.onlyPrefixes[1]: 2001:db8:f::/48 is IPv6, but the session to 10.1.1.1 carries IPv4\nmove it to the neighbor's IPv6 session",
    ],
  ],
  [
    'a range twice, written differently',
    'transit',
    'tighten: { rejectPrefixes: [203.0.113.0/24 le 32, 203.0.113.0/24 ge 24 le 32] }',
    [
      'sites/fra1.yaml:8:120 tighten.rejectPrefixes[1]: 203.0.113.0/24 le 32 is in this list twice\nkeep one of the two',
    ],
  ],
  [
    'no prefix at all',
    'transit',
    'tighten: { onlyPrefixes: [] }',
    ['sites/fra1.yaml:8:95 tighten.onlyPrefixes: is an empty list\nadd at least one entry'],
  ],
  [
    'AS numbers that cannot occur',
    'transit',
    'tighten: { rejectAsns: [0, 23456, 4294967296] }',
    [
      'sites/fra1.yaml:8:94 tighten.rejectAsns[0]: 0 is reserved (RFC 7607)\nwrite the number that your registry assigned',
      'sites/fra1.yaml:8:97 tighten.rejectAsns[1]: 23456 is AS_TRANS, a placeholder that no AS may use (RFC 6793)\nwrite the number that your registry assigned',
      'sites/fra1.yaml:8:104 tighten.rejectAsns[2]: 4294967296 is not an AS number\nan AS number is a whole number from 1 to 4294967294',
    ],
  ],
  [
    'an AS number twice',
    'transit',
    'tighten: { rejectAsns: [64666, 64666] }',
    ['sites/fra1.yaml:8:101 tighten.rejectAsns[1]: 64666 is in this list twice\nkeep one of the two'],
  ],
  [
    'the neighbor’s own number refused',
    'transit',
    'tighten: { rejectAsns: [64601] }',
    [
      "sites/fra1.yaml:8:94 tighten.rejectAsns[0]: 64601 is the neighbor's own AS number, which is in every path it sends\nto accept no route from it, write import: nothing",
    ],
  ],
  [
    'tighten with import: nothing',
    'tor',
    'tighten: { pathLength: 3 }',
    [
      'sites/fra1.yaml:8:75 warning: tighten: no route is accepted from this neighbor, so tighten has no effect',
    ],
  ],
  [
    'not-found where nothing is validated',
    'tor',
    'import: default-only, tighten: { notFound: reject }',
    [
      'sites/fra1.yaml:8:109 tighten.notFound: routes of a neighbor of kind tor with import: default-only are not validated\nleave it out',
    ],
  ],
  [
    'an unknown key of tighten',
    'transit',
    'tighten: { maxLength: 24 }',
    ['sites/fra1.yaml:8:81 tighten.maxLength: "maxLength" is not a known key\ndid you mean pathLength?'],
  ],
  [
    'an IRR set for a transit',
    'transit',
    'irr: { asSet: AS-EXAMPLE }',
    [
      'sites/fra1.yaml:8:75 irr: is for peer and route-server only: no IRR set lists the routes of a neighbor of kind transit\nleave it out, or write tighten.onlyPrefixes',
    ],
  ],
  [
    'an IRR set without a source',
    'peer',
    'limit: 10, irr: {}',
    ['sites/fra1.yaml:8:83 irr: has none of asSet, asn, routeSet and file\nwrite irr: { asSet: AS-EXAMPLE }'],
  ],
  [
    'a misspelled key of an IRR set',
    'peer',
    'limit: 10, irr: { asset: AS-EXAMPLE }',
    ['sites/fra1.yaml:8:85 irr.asset: "asset" is not a known key\ndid you mean asSet?'],
  ],
  [
    'an IRR set and a file',
    'peer',
    'limit: 10, irr: { asSet: AS-EXAMPLE, file: example.txt }',
    ['sites/fra1.yaml:8:83 irr: has asSet and file\nkeep one of them'],
  ],
  [
    'an IRR set with import: nothing',
    'peer',
    'import: nothing, irr: { asSet: AS-EXAMPLE }',
    ['sites/fra1.yaml:8:89 warning: irr: no route is accepted from this neighbor, so the set is not used'],
  ],
  [
    'an AS number in place of an as-set',
    'peer',
    'limit: 10, irr: { asSet: AS64601 }',
    [
      'sites/fra1.yaml:8:92 irr.asSet: "AS64601" is not the name of an as-set\nit is a single AS: write irr: { asn: 64601 }',
    ],
  ],
  [
    'an option of bgpq4 in place of an as-set',
    'peer',
    'limit: 10, irr: { asSet: "-h evil.example" }',
    [
      'sites/fra1.yaml:8:92 irr.asSet: "-h evil.example" is not the name of an as-set\nwrite one such as AS-EXAMPLE, AS64601:AS-EXAMPLE or RIPE::AS-EXAMPLE (RFC 2622)',
    ],
  ],
  [
    'an as-set with a shell command',
    'peer',
    'limit: 10, irr: { asSet: "AS-EXAMPLE; reboot" }',
    [
      'sites/fra1.yaml:8:92 irr.asSet: "AS-EXAMPLE; reboot" is not the name of an as-set\nwrite one such as AS-EXAMPLE, AS64601:AS-EXAMPLE or RIPE::AS-EXAMPLE (RFC 2622)',
    ],
  ],
  [
    'a hierarchical name without an as-set',
    'peer',
    'limit: 10, irr: { asSet: "AS64601:AS64602" }',
    [
      'sites/fra1.yaml:8:92 irr.asSet: "AS64601:AS64602" is not the name of an as-set\nwrite one such as AS-EXAMPLE, AS64601:AS-EXAMPLE or RIPE::AS-EXAMPLE (RFC 2622)',
    ],
  ],
  [
    'an IRR file with a line break',
    'peer',
    'limit: 10, irr: { file: "a\\nb" }',
    [
      'sites/fra1.yaml:8:91 irr.file: "a\\nb" is not the path of a file\nuse letters, digits, inner spaces, and . _ @ + = , / -, such as vrps.json',
    ],
  ],
  [
    'a 32-bit AS number in a standard community',
    'transit',
    'communities: ["4200000000:100"]',
    [
      'sites/fra1.yaml:8:84 communities[0]: "4200000000:100" has a part beyond 65535, the limit of a standard community (RFC 1997)\nwrite a large community (RFC 8092), such as 4200000000:0:100',
    ],
  ],
  [
    'an extended community by a name of FRR',
    'transit',
    'communities: ["soo:64500:1", "rt:65536:65536"]',
    [
      'sites/fra1.yaml:8:84 communities[0]: "soo:64500:1" is not an extended community that both daemons know\nwrite a route target, rt:64500:1, or a route origin, ro:64500:1 (FRR: soo)',
      'sites/fra1.yaml:8:99 communities[1]: "rt:65536:65536" has a value beyond 65535, the limit beside an AS number of 32 bits (RFC 5668)\nwrite rt:65536:65535 or less',
    ],
  ],
  [
    'a community with four parts',
    'transit',
    'communities: ["1:2:3:4"]',
    [
      'sites/fra1.yaml:8:84 communities[0]: "1:2:3:4" is not a community\nwrite one such as 64500:100, 64500:1:2, rt:64500:100 or no-export',
    ],
  ],
  [
    'a community that YAML reads as a number',
    'transit',
    'communities: [100]',
    [
      'sites/fra1.yaml:8:84 communities[0]: expected text, got the number 100: quotes are missing\nwrite one such as 64500:100, 64500:1:2, rt:64500:100 or no-export',
    ],
  ],
  [
    'a community twice',
    'transit',
    'communities: ["64500:1", "64500:1"]',
    ['sites/fra1.yaml:8:95 communities[1]: 64500:1 is in this list twice\nkeep one of the two'],
  ],
  [
    'the blackhole community',
    'transit',
    'communities: [blackhole]',
    [
      'sites/fra1.yaml:8:84 warning: communities[0]: blackhole asks the neighbor to drop all traffic for our prefixes (RFC 7999)\nleave it out unless this is intended',
    ],
  ],
  [
    'host routes to a transit',
    'transit',
    'hostRoutes: true',
    [
      'sites/fra1.yaml:8:82 hostRoutes: a host route never leaves the AS, and kind transit is another network\nleave it out: the covering prefixes are advertised',
    ],
  ],
  [
    'NO_EXPORT turned off for a transit, which has none',
    'transit',
    'noExport: false',
    [
      'sites/fra1.yaml:8:80 noExport: is for tor and provider-private only: routes to a neighbor of kind transit carry no NO_EXPORT\nleave it out',
    ],
  ],
  [
    'NO_EXPORT asked for by the wrong field',
    'peer',
    'limit: 9, noExport: true',
    [
      'sites/fra1.yaml:8:87 noExport: is for tor and provider-private only: a neighbor of kind peer passes our routes on\nif that is unwanted, write communities: [no-export]',
    ],
  ],
  [
    'NO_EXPORT turned off and added',
    'tor',
    'noExport: false, communities: ["64500:1", no-export]',
    [
      'sites/fra1.yaml:8:108 communities[1]: adds NO_EXPORT, and noExport: false says that the routes carry none\nkeep one of the two',
    ],
  ],
  [
    'the rule no-export in relax',
    'tor',
    'relax: [no-export]',
    [
      'sites/fra1.yaml:8:74 relax[0]: "no-export" is a rule that cannot be relaxed\nfor tor and provider-private, write noExport: false',
    ],
  ],
  [
    'an as-set as a route-set, and the other way round',
    'peer',
    'limit: 10, irr: { routeSet: AS-EXAMPLE }',
    [
      'sites/fra1.yaml:8:95 irr.routeSet: "AS-EXAMPLE" is not the name of a route-set\nit is the name of an as-set: write asSet',
    ],
  ],
  [
    'a route-set as an as-set',
    'peer',
    'limit: 10, irr: { asSet: "AS64601:RS-EXAMPLE" }',
    [
      'sites/fra1.yaml:8:92 irr.asSet: "AS64601:RS-EXAMPLE" is not the name of an as-set\nit is the name of a route-set: write routeSet',
    ],
  ],
  [
    'a route-set with a source, which bgpq4 does not resolve',
    'peer',
    'limit: 10, irr: { routeSet: "ripe::RS-EXAMPLE" }',
    [
      'sites/fra1.yaml:8:95 irr.routeSet: "ripe::RS-EXAMPLE" names a source, which bgpq4 supports for as-sets only\nwrite RS-EXAMPLE, and irr: { sources: [RIPE] } in fleet.yaml',
    ],
  ],
  [
    'a route-set that is an option of a program',
    'peer',
    'limit: 10, irr: { routeSet: "-h RS-X" }',
    [
      'sites/fra1.yaml:8:95 irr.routeSet: "-h RS-X" is not the name of a route-set\nwrite one such as RS-EXAMPLE or AS64601:RS-EXAMPLE (RFC 2622)',
    ],
  ],
  [
    'an AS number with its letters',
    'peer',
    'limit: 10, irr: { asn: AS3333, routeSet: RS-EXAMPLE }',
    ['sites/fra1.yaml:8:90 irr.asn: expected a whole number, got "AS3333"\nwrite 3333'],
  ],
  [
    'no in place of false',
    'tor',
    'hostRoutes: no',
    ['sites/fra1.yaml:8:78 hostRoutes: expected true or false, got "no"\nwrite false'],
  ],
  [
    'a role that contradicts the kind',
    'transit',
    'role: provider',
    [
      "sites/fra1.yaml:8:76 role: provider is not our role towards a neighbor of kind transit\nwrite customer or none, or another kind; the role is our side's (RFC 9234)",
    ],
  ],
  [
    'another role than a client’s on a route server',
    'route-server',
    'limit: 10, role: peer',
    [
      "sites/fra1.yaml:8:92 role: peer is not our role towards a neighbor of kind route-server\nwrite rs-client or none, or another kind; the role is our side's (RFC 9234)",
    ],
  ],
  [
    'an unknown role',
    'transit',
    'role: costumer',
    [
      'sites/fra1.yaml:8:76 role: "costumer" is not customer, provider, peer, rs-client, rs-server or none\ndid you mean customer?',
    ],
  ],
  [
    'multihop of one hop',
    'transit',
    'multihop: 1',
    ['sites/fra1.yaml:8:80 multihop: 1 is not from 2 to 255\nleave it out for a neighbor on the link'],
  ],
  [
    'prepending towards an ibgp neighbor',
    'ibgp',
    'degrade: { prepend: 1 }',
    [
      'sites/fra1.yaml:8:41 asn: an ibgp neighbor is in our own AS, 64500, not in 64601\nwrite 64500, or another kind',
      'sites/fra1.yaml:8:87 degrade.prepend: a neighbor inside the AS treats our own AS number in a path as a loop\nleave prepend out: gracefulShutdown sends LOCAL_PREF 0 to an ibgp neighbor',
    ],
  ],
  [
    'a degraded announcement equal to a normal one',
    'transit',
    'degrade: { gracefulShutdown: false, prepend: 0 }',
    [
      'sites/fra1.yaml:8:79 warning: degrade: for this neighbor a degraded announcement equals a normal one: a drain moves no traffic away from it\nleave degrade out, or set one of gracefulShutdown, prepend and med',
    ],
  ],
  [
    'GTSM with multihop',
    'transit',
    'multihop: 2, gtsm: true',
    [
      'sites/fra1.yaml:8:89 gtsm: GTSM (RFC 5082) requires a neighbor one hop away, and multihop says up to 2\nleave out gtsm or multihop',
    ],
  ],
]

test.each(rows)('the policy of a neighbor: %s', (_name, kind, fields, issues) => {
  expect(issuesWith(kind, fields)).toEqual(issues)
})

test('every rule of a policy can be relaxed, or its error names the alternative', () => {
  const ids = [...Object.keys(importRules), ...Object.keys(exportRules)]
  expect([...relaxableRules, ...structuralRuleIds].sort()).toEqual(ids.sort())
})

test.each([
  ['transit', 'limit: 2000000, tighten: { pathLength: 32, notFound: reject }'],
  ['transit', 'tighten: { rejectPrefixes: [203.0.113.0/24 le 32, 0.0.0.0/0 ge 25], rejectAsns: [64666] }'],
  ['peer', 'limit: 1, role: none, irr: { asSet: "RIPE::AS64601:AS-EXAMPLE" }, multihop: 2, gtsm: false'],
  ['peer', 'limit: 4294967295, relax: [tier-1-leak, irr], irr: { file: irr/example.txt }, tighten: {}'],
  ['route-server', 'limit: 9, role: rs-client, communities: [no-export, "0:64700", "64700:1:2"]'],
  ['provider-private', 'import: default-only, hostRoutes: true, relax: [bogon-asn, next-hop]'],
  ['peer', 'limit: 1, irr: { asn: 3333 }'],
  ['route-server', 'limit: 1, irr: { routeSet: AS64601:RS-EXAMPLE }'],
  ['provider-private', 'noExport: false, hostRoutes: true'],
  ['tor', 'noExport: true, communities: [no-export]'],
  ['transit', 'degrade: { gracefulShutdown: false, prepend: 0, med: 0 }'],
  ['peer', 'limit: 9, degrade: { gracefulShutdown: false }'],
  ['tor', 'import: default-only, hostRoutes: false, role: provider, relax: [first-as]'],
])('the policy of a %s neighbor may have %s', (kind, fields) => {
  const issues = issuesWith(kind, fields)
  expect(issues.filter((issue) => !issue.includes('is required by irr of the same neighbor'))).toEqual([])
})
