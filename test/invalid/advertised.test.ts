import { expect, test } from 'vitest'
import { issuesAfter, issuesOf, twoServices } from './base.ts'

const shared = { office: 'communities: []' }

/** `neighbor`: fields of transit2 at ams1, whose node serves vpn and office. */
const rows: [name: string, neighbor: string, edit: (text: string) => string, issues: string[]][] = [
  [
    'a service that the node does not serve',
    'services: [ofice]',
    (text) => text,
    [
      'sites/ams1.yaml:8:84 nodes[0].neighbors[0].services[0]: "ofice" is not among the services of the node\ndid you mean office?',
    ],
  ],
  [
    'a service of another node',
    'services: [vpn, telephony]',
    (text) => text,
    [
      'sites/ams1.yaml:8:89 nodes[0].neighbors[0].services[1]: "telephony" is not among the services of the node\nadd telephony to the services of the node, or leave it out here',
    ],
  ],
  [
    'a service twice',
    'services: [vpn, office, vpn]',
    (text) => text,
    [
      'sites/ams1.yaml:8:97 nodes[0].neighbors[0].services[2]: "vpn" is in this list twice\nkeep one of the two',
    ],
  ],
  [
    'one word for a list of services',
    'services: vpn',
    (text) => text,
    ['sites/ams1.yaml:8:83 nodes[0].neighbors[0].services: expected a list, got "vpn"\nwrite [vpn]'],
  ],
  [
    'one of two services that share a covering prefix',
    'services: [vpn]',
    (text) =>
      text
        .replace('anycast: [198.51.100.7/32]', 'anycast: [192.0.2.7/32]')
        .replace('covering: [198.51.100.0/24]', 'covering: [192.0.2.0/24]'),
    [
      'sites/ams1.yaml:8:7 warning: nodes[0].neighbors: office has an IPv4 anycast address, but no IPv4 neighbor of the node has it in its services\nadd office to the services of one of them',
      'sites/ams1.yaml:8:84 nodes[0].neighbors[0].services[0]: vpn shares 192.0.2.0/24 with office, which is not in this list: the neighbor would have that prefix also while only office is up\nadd office, or give the services different prefixes',
    ],
  ],
  [
    'a service that no neighbor receives',
    'services: [vpn]',
    (text) => text,
    [
      'sites/ams1.yaml:8:7 warning: nodes[0].neighbors: office has an IPv4 anycast address, but no IPv4 neighbor of the node has it in its services\nadd office to the services of one of them',
    ],
  ],
  [
    'a community of a service that a neighbor is not to have',
    'services: [vpn, office]',
    (text) =>
      text
        .replace('communities: []', 'communities: [no-export]')
        .replace('gtsm: true', 'gtsm: true, noExport: false'),
    [
      'sites/ams1.yaml:9:95 nodes[0].neighbors[1].noExport: communities of vpn adds NO_EXPORT to each route of the service\nkeep one of the two',
    ],
  ],
  [
    'communities of a service that are none, or take it out of service',
    'services: [vpn, office]',
    (text) => text.replace('communities: []', 'communities: [64500, blackhole, "1:2", "1:2"]'),
    [
      'sites/fleet.yaml:7:19 services.vpn.communities[0]: expected text, got the number 64500: quotes are missing\nwrite one such as 64500:100, 64500:1:2, rt:64500:100 or no-export',
      'sites/fleet.yaml:7:26 warning: services.vpn.communities[1]: blackhole asks the neighbor to drop all traffic for our prefixes (RFC 7999)\nleave it out unless this is intended',
      'sites/fleet.yaml:7:44 services.vpn.communities[3]: 1:2 is in this list twice\nkeep one of the two',
    ],
  ],
]

test.each(rows)('what is advertised to a neighbor: %s', (_name, neighbor, edit, issues) => {
  const texts = Object.entries(twoServices(neighbor, shared)).map(([file, text]) => [file, edit(text)])
  expect(issuesOf(Object.fromEntries(texts))).toEqual(issues)
})

test.each(['services: [office, vpn]', 'import: default-only, services: [vpn, office]'])(
  'a neighbor may have %s',
  (neighbor) => {
    expect(issuesOf(twoServices(neighbor))).toEqual([])
  },
)

test('services that share no prefix may be advertised to different neighbors', () => {
  const texts = twoServices('services: [vpn]')
  const second = '      - { name: t3, kind: transit, asn: 64602, address: 10.2.1.9, services: [office] }\n'
  expect(issuesOf({ ...texts, 'ams1.yaml': `${texts['ams1.yaml']}${second}` })).toEqual([])
})

/** Of ams1-a, with a transit over IPv4 and a tor over IPv6. */
const alwaysRows: [name: string, list: string, issues: string[]][] = [
  [
    'a prefix of a service, or around it',
    '[192.0.2.1/32, 192.0.0.0/16]',
    [
      'sites/ams1.yaml:7:22 nodes[0].alwaysAnnounce[0]: 192.0.2.1/32 overlaps 192.0.2.0/24 of vpn, which is announced only while vpn is healthy\nleave it out, or give the service prefixes of its own',
      'sites/ams1.yaml:7:36 nodes[0].alwaysAnnounce[1]: 192.0.0.0/16 overlaps 192.0.2.0/24 of vpn, which is announced only while vpn is healthy\nleave it out, or give the service prefixes of its own',
    ],
  ],
  [
    'a private prefix',
    '[10.1.0.0/16]',
    [
      'sites/ams1.yaml:7:22 nodes[0].alwaysAnnounce[0]: 10.1.0.0/16 is in a bogon range, 10.0.0.0/8: private (RFC 1918)\nif this is intended, as in a lab, add 10.0.0.0/8 to bogons.allow',
    ],
  ],
  [
    'half of the internet, and a prefix too long for it',
    '["2a00::/8", 45.45.45.0/25]',
    [
      'sites/ams1.yaml:7:22 nodes[0].alwaysAnnounce[0]: 2a00::/8 is shorter than /12: no network is that large\nwrite the prefixes that are in use here',
      'sites/ams1.yaml:7:34 nodes[0].alwaysAnnounce[1]: 45.45.45.0/25 is longer than /24, which other networks drop, and transit2 is of kind transit\nannounce a prefix of /24 or shorter',
    ],
  ],
  [
    'a host route without a neighbor that receives host routes',
    '[45.45.45.45/32, "2a45::1/128"]',
    [
      'sites/ams1.yaml:7:22 warning: nodes[0].alwaysAnnounce[0]: 45.45.45.45/32 is a host route, and no IPv4 neighbor of the node receives host routes\nadd an IPv4 session, or leave it out',
    ],
  ],
  [
    'host bits, and a prefix twice',
    '[45.45.45.1/24, 45.45.44.0/24, 45.45.44.0/24]',
    [
      'sites/ams1.yaml:7:22 nodes[0].alwaysAnnounce[0]: "45.45.45.1/24" has host bits set beyond /24\nwrite 45.45.45.0/24, or 45.45.45.1/32 for a single address',
      'sites/ams1.yaml:7:52 nodes[0].alwaysAnnounce[2]: 45.45.44.0/24 is in this list twice\nkeep one of the two',
    ],
  ],
]

test.each(alwaysRows)('what a node always announces: %s', (_name, list, issues) => {
  const edit = ['ams1.yaml', 'services: [vpn]', `services: [vpn]\n    alwaysAnnounce: ${list}`] as const
  expect(issuesAfter([edit])).toEqual(issues)
})

test('a node always announces a prefix only to neighbors of its family', () => {
  const edits = [
    ['ams1.yaml', 'services: [vpn]', 'services: [vpn]\n    alwaysAnnounce: ["2a45::/32"]'],
    ['ams1.yaml', 'address: "2001:db8:21::1"', 'address: 10.2.1.2'],
  ] as const
  expect(issuesAfter(edits)).toContain(
    'sites/ams1.yaml:7:22 warning: nodes[0].alwaysAnnounce[0]: the node has no IPv6 neighbor to announce 2a45::/32 to\nadd an IPv6 session, or leave it out',
  )
})

test('an IPv6 session that carries IPv4 routes (RFC 8950) receives an IPv4 prefix', () => {
  const edits = [
    ['ams1.yaml', 'services: [vpn]', 'services: [vpn]\n    alwaysAnnounce: [45.45.45.0/24]'],
    [
      'ams1.yaml',
      'kind: transit, asn: 64602, address: 10.2.1.1',
      'kind: tor, asn: 64614, address: "2001:db8:21::3"',
    ],
  ] as const
  const warning = 'the node has no IPv4 neighbor to announce 45.45.45.0/24 to'
  expect(issuesAfter(edits).join()).toContain(warning)
  const extended = ['ams1.yaml', 'gtsm: true', 'gtsm: true, extendedNextHop: true'] as const
  expect(issuesAfter([...edits, extended]).join()).not.toContain(warning)
})
