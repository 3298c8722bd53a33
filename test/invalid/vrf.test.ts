import { expect, test } from 'vitest'
import { type Edit, issuesAfter } from './base.ts'

const transit = 'kind: transit, asn: 64602, address: 10.2.1.1'
const tor = 'gtsm: true'
const noRpki: Edit = [
  'fleet.yaml',
  'rpki:\n  caches: [{ host: 127.0.0.1, port: 3323 }, { host: rpki.example.net, port: 323 }]\n',
  '',
]
const onBird = 'import: default-only\n'

const rows: [name: string, edits: Edit[], issues: string[]][] = [
  ['a rack in a VRF, on FRR', [['ams1.yaml', tor, 'vrf: red']], []],
  ['a rack in a VRF, on FRR, with routes', [['ams1.yaml', tor, 'vrf: red, import: default-only']], []],
  [
    'transit in a VRF, on FRR 8.4 with RPKI',
    [
      ['ams1.yaml', transit, `${transit}, vrf: red`],
      ['ams1.yaml', 'daemon: frr', 'daemon: frr\n    daemonVersion: "8.4.4"'],
    ],
    [],
  ],
  ['transit in a VRF, on FRR 10 without RPKI', [['ams1.yaml', transit, `${transit}, vrf: red`], noRpki], []],
  [
    'transit in a VRF, on FRR 10 with RPKI',
    [['ams1.yaml', transit, `${transit}, vrf: red`]],
    [
      'sites/ams1.yaml:8:78 nodes[0].neighbors[0].vrf: from FRR 10.0 on, a VRF has RPKI caches of its own, which Anyward does not configure: own-origin-invalid and rpki-invalid would never apply\nwrite relax: [own-origin-invalid, rpki-invalid] to do without, or use daemon: bird with import: nothing',
    ],
  ],
  [
    'the same, half relaxed',
    [['ams1.yaml', transit, `${transit}, vrf: red, relax: [own-origin-invalid]`]],
    [
      'sites/ams1.yaml:8:78 nodes[0].neighbors[0].vrf: from FRR 10.0 on, a VRF has RPKI caches of its own, which Anyward does not configure: rpki-invalid would never apply\nwrite relax: [own-origin-invalid, rpki-invalid] to do without, or use daemon: bird with import: nothing',
    ],
  ],
  [
    'the same, relaxed',
    [['ams1.yaml', transit, `${transit}, vrf: red, import: nothing, relax: [own-origin-invalid]`]],
    [],
  ],
  ['a VRF on BIRD', [['fra1.yaml', onBird, 'import: nothing\n        vrf: red\n']], []],
  [
    'a VRF on BIRD, with routes',
    [['fra1.yaml', onBird, `${onBird}        vrf: red\n`]],
    [
      'sites/fra1.yaml:15:14 nodes[0].neighbors[0].vrf: BIRD cannot put the routes of a VRF into its table, whose number it does not know, and this neighbor has import: default-only\nwrite import: nothing, and give the VRF its routes yourself: ip route add default via ADDRESS vrf red',
    ],
  ],
  [
    'a VRF on BIRD, with the routes of the kind',
    [['fra1.yaml', onBird, 'vrf: red\n']],
    [
      'sites/fra1.yaml:14:14 nodes[0].neighbors[0].vrf: BIRD cannot put the routes of a VRF into its table, whose number it does not know, and this neighbor has import: full\nwrite import: nothing, and give the VRF its routes yourself: ip route add default via ADDRESS vrf red',
    ],
  ],
  [
    'the default VRF',
    [['ams1.yaml', tor, 'vrf: default']],
    [
      'sites/ams1.yaml:9:78 nodes[0].neighbors[1].vrf: a VRF has a name of its own\nleave vrf out: that is the default VRF',
    ],
  ],
  [
    'a VRF with a name that Linux refuses',
    [['ams1.yaml', tor, 'vrf: "customer red"']],
    [
      'sites/ams1.yaml:9:78 nodes[0].neighbors[1].vrf: "customer red" is not an interface name\nuse letters, digits, _ . and -, with a letter first, such as wg0',
    ],
  ],
  [
    'a VRF that is a number',
    [['ams1.yaml', tor, 'vrf: 100']],
    [
      'sites/ams1.yaml:9:78 nodes[0].neighbors[1].vrf: expected text, got the number 100: quotes are missing\nuse letters, digits, _ . and -, with a letter first, such as wg0',
    ],
  ],
  [
    'a VRF between nodes of the fleet',
    [
      [
        'ams1.yaml',
        'kind: tor, asn: 64613, address: "2001:db8:21::1", gtsm: true',
        'kind: ibgp, asn: 64500, address: "2001:db8:21::1", vrf: red',
      ],
    ],
    [
      'sites/ams1.yaml:9:79 nodes[0].neighbors[1].vrf: the nodes of the fleet reach each other in the default VRF\nleave vrf out, or write the session as another kind of neighbor',
    ],
  ],
  [
    'one address in two VRFs',
    [['ams1.yaml', 'address: "2001:db8:21::1", gtsm: true', 'address: 10.2.1.1, vrf: red']],
    [
      'sites/ams1.yaml:8:7 warning: nodes[0].neighbors: vpn has an IPv6 anycast address, but the node has no IPv6 neighbor to announce it to\nadd an IPv6 session',
      'sites/ams1.yaml:9:55 nodes[0].neighbors[1].address: "10.2.1.1" is already used by nodes[0].neighbors[0].address\nAnyward tells sessions apart by their address, also in different VRFs: keep one of the two, or give the link another address',
    ],
  ],
  [
    'a VRF of an attached BIRD',
    [
      ['fra1.yaml', 'daemon: bird', 'daemon: bird\n    routing: attached'],
      ['fra1.yaml', onBird, 'import: nothing\n        vrf: red\n'],
      [
        'fra1.yaml',
        '        bfd: { interval: 100ms, multiplier: 3 }\n        passwordFile: /etc/anyward/transit1.password\n',
        '',
      ],
    ],
    [
      'sites/fra1.yaml:16:14 nodes[0].neighbors[0].vrf: the node has routing: attached, and BIRD finds the session in every VRF\nleave vrf out',
    ],
  ],
  [
    'a VRF of an attached FRR',
    [
      ['ams1.yaml', 'daemon: frr', 'daemon: frr\n    routing: attached'],
      ['ams1.yaml', tor, 'vrf: red'],
    ],
    [],
  ],
]

test.each(rows)('VRFs: %s', (_name, edits, issues) => {
  expect(issuesAfter(edits)).toEqual(issues)
})
