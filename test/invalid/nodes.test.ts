import { expect, test } from 'vitest'
import { type Edit, issuesAfter } from './base.ts'

const rows: [name: string, edits: Edit[], issues: string[]][] = [
  [
    'a site name twice',
    [['fra1.yaml', 'site: fra1', 'site: ams1']],
    ['sites/fra1.yaml:1:7 site: "ams1" is also the site of sites/ams1.yaml\ngive each site a unique name'],
  ],
  [
    'a node name twice',
    [['fra1.yaml', '  - name: fra1-a', '  - name: ams1-a']],
    [
      'sites/fra1.yaml:3:11 nodes[0].name: "ams1-a" is already used by sites/ams1.yaml nodes[0].name\neach node of the fleet needs a unique name',
    ],
  ],
  [
    'a router id twice',
    [['fra1.yaml', 'routerId: 10.0.0.11', 'routerId: 10.0.0.21']],
    [
      'sites/fra1.yaml:5:15 nodes[0].routerId: "10.0.0.21" is already used by sites/ams1.yaml nodes[0].routerId\ntwo speakers with the same BGP identifier refuse each other (RFC 6286): give each node a unique one',
    ],
  ],
  [
    'a neighbor name twice',
    [['fra1.yaml', '- name: transit1-v6', '- name: transit1']],
    [
      'sites/fra1.yaml:17:15 nodes[0].neighbors[1].name: "transit1" is already used by nodes[0].neighbors[0].name\neach neighbor of a node needs a unique name',
    ],
  ],
  [
    'a neighbor address twice, written differently',
    [
      [
        'fra1.yaml',
        'address: 10.1.1.1\n        localAddress: 10.1.1.2',
        'address: 2001:DB8:11:0::1\n        localAddress: 2001:db8:11::2',
      ],
    ],
    [
      'sites/fra1.yaml:8:7 warning: nodes[0].neighbors: vpn has an IPv4 anycast address, but the node has no IPv4 neighbor to announce it to\nadd an IPv4 session, or extendedNextHop: true to an IPv6 session (RFC 8950)',
      'sites/fra1.yaml:20:18 nodes[0].neighbors[1].address: "2001:db8:11::1" is already used by nodes[0].neighbors[0].address\na second session to the same address stays idle: keep one of the two',
    ],
  ],
  [
    'an unknown service',
    [['fra1.yaml', 'services: [vpn]', 'services: [vnp]']],
    ['sites/fra1.yaml:6:16 nodes[0].services[0]: there is no service "vnp" in fleet.yaml\ndid you mean vpn?'],
  ],
  [
    'an unknown service without a similar one',
    [['fra1.yaml', 'services: [vpn]', 'services: [mail]']],
    [
      'sites/fra1.yaml:6:16 nodes[0].services[0]: there is no service "mail" in fleet.yaml\nknown services: vpn',
    ],
  ],
  [
    'a service twice on a node',
    [['fra1.yaml', 'services: [vpn]', 'services: [vpn, vpn]']],
    ['sites/fra1.yaml:6:21 nodes[0].services[1]: "vpn" is in this list twice\nkeep one of the two'],
  ],
  [
    'an ibgp neighbor in another AS',
    [
      [
        'ams1.yaml',
        'kind: tor, asn: 64613, address: "2001:db8:21::1", gtsm: true',
        'kind: ibgp, asn: 64613, address: "2001:db8:21::1"',
      ],
    ],
    [
      'sites/ams1.yaml:9:40 nodes[0].neighbors[1].asn: an ibgp neighbor is in our own AS, 64500, not in 64613\nwrite 64500, or another kind',
    ],
  ],
  [
    'a peer without an address, of both families, and without a limit',
    [
      [
        'fra1.yaml',
        'kind: transit\n        asn: 64601\n        address: 2001:db8:11::1\n        localAddress: 2001:db8:11::2',
        'kind: peer\n        asn: 64601\n        interface: eth1',
      ],
    ],
    [
      'sites/fra1.yaml:17:9 warning: nodes[0].neighbors[1].limit: is missing: the session stops beyond 1000 prefixes of one address family, the default for kind peer\nwrite the number of prefixes it sends, with a reserve, such as limit: 1000',
    ],
  ],
  [
    'an eBGP neighbor in our AS',
    [['ams1.yaml', 'asn: 64613', 'asn: 64500']],
    [
      'sites/ams1.yaml:9:39 nodes[0].neighbors[1].asn: 64500 is our own AS, but kind tor is another network\nwrite the neighbor’s AS number, or kind: ibgp',
    ],
  ],
  [
    'a local address of the other family',
    [['fra1.yaml', 'localAddress: 10.1.1.2', 'localAddress: 2001:db8:11::3']],
    [
      "sites/fra1.yaml:12:23 nodes[0].neighbors[0].localAddress: 2001:db8:11::3 and the neighbor's 10.1.1.1 are of different families\nwrite the node's own IPv4 address on that link",
    ],
  ],
  [
    'a local address equal to the neighbor’s',
    [['fra1.yaml', 'localAddress: 10.1.1.2', 'localAddress: 10.1.1.1']],
    [
      "sites/fra1.yaml:12:23 nodes[0].neighbors[0].localAddress: 10.1.1.1 is the neighbor's own address\nwrite the node's own address on that link",
    ],
  ],
  [
    'a link-local neighbor without its interface',
    [['fra1.yaml', 'address: 2001:db8:11::1\n        localAddress: 2001:db8:11::2', 'address: fe80::1']],
    [
      'sites/fra1.yaml:20:18 nodes[0].neighbors[1].address: fe80::1 is link-local, and needs its interface\nwrite interface: eth1, with the name of the interface that the neighbor is on',
    ],
  ],
  [
    'a link-local neighbor with its interface in the address',
    [['fra1.yaml', 'address: 2001:db8:11::1\n        localAddress: 2001:db8:11::2', 'address: fe80::1%eth1']],
    [
      'sites/fra1.yaml:20:18 nodes[0].neighbors[1].address: "fe80::1%eth1" is link-local and names an interface (RFC 4007), which a neighbor has in a field of its own\nwrite address: fe80::1, interface: eth1',
    ],
  ],
  [
    'an interface in an address that is not link-local',
    [
      [
        'fra1.yaml',
        'address: 2001:db8:11::1\n        localAddress: 2001:db8:11::2',
        'address: 2001:db8::1%eth1',
      ],
    ],
    [
      'sites/fra1.yaml:20:18 nodes[0].neighbors[1].address: "2001:db8::1%eth1" names an interface (RFC 4007), but is not link-local\nwrite 2001:db8::1',
    ],
  ],
  [
    'an interface for an address that is not link-local',
    [
      [
        'fra1.yaml',
        'address: 2001:db8:11::1\n        localAddress: 2001:db8:11::2',
        'address: 2001:db8:11::1\n        interface: eth1',
      ],
    ],
    [
      "sites/fra1.yaml:21:20 nodes[0].neighbors[1].interface: 2001:db8:11::1 is not link-local: it is reached through the node's routes\nleave interface out",
    ],
  ],
  [
    'a link-local neighbor and a local address that is not',
    [
      [
        'fra1.yaml',
        'address: 2001:db8:11::1\n        localAddress: 2001:db8:11::2',
        'address: fe80::1\n        interface: eth1\n        localAddress: 2001:db8:11::2',
      ],
    ],
    [
      "sites/fra1.yaml:22:23 nodes[0].neighbors[1].localAddress: 2001:db8:11::2 is not link-local, but the neighbor's address is\nwrite a link-local address of the interface, or leave it out",
    ],
  ],
  [
    'a local address of an unnumbered session',
    [
      [
        'fra1.yaml',
        'address: 2001:db8:11::1\n        localAddress: 2001:db8:11::2',
        'interface: eth1\n        localAddress: fe80::2',
      ],
    ],
    [
      'sites/fra1.yaml:21:23 nodes[0].neighbors[1].localAddress: an unnumbered session uses the link-local address of the interface\nleave localAddress out',
    ],
  ],
  [
    'an unnumbered neighbor behind several hops',
    [
      [
        'fra1.yaml',
        'address: 2001:db8:11::1\n        localAddress: 2001:db8:11::2',
        'interface: eth1\n        multihop: 2',
      ],
    ],
    [
      'sites/fra1.yaml:20:20 nodes[0].neighbors[1].interface: a neighbor on an interface is one hop away, and multihop says up to 2\nwrite an address that is not link-local',
    ],
  ],
  [
    'no address and no interface',
    [['fra1.yaml', 'address: 2001:db8:11::1\n        localAddress: 2001:db8:11::2', 'description: none']],
    [
      'sites/fra1.yaml:17:9 nodes[0].neighbors[1].address: is missing, and so is interface\nwrite address: 10.1.1.1, with its address, or interface: eth1 for an unnumbered session',
    ],
  ],
  [
    'IPv6 next hops over several hops',
    [
      [
        'fra1.yaml',
        'address: 2001:db8:11::1\n        localAddress: 2001:db8:11::2',
        'address: 2001:db8:11::1\n        extendedNextHop: true\n        multihop: 2',
      ],
    ],
    [
      'sites/fra1.yaml:21:26 nodes[0].neighbors[1].extendedNextHop: the next hops have to be on the link, and multihop says up to 2\nleave extendedNextHop out, and write a session for each address family',
    ],
  ],
  [
    'two neighbors on one interface',
    [
      [
        'fra1.yaml',
        'address: 2001:db8:11::1\n        localAddress: 2001:db8:11::2',
        'interface: eth1\n      - { name: second, kind: tor, asn: 64999, address: fe80::1, interface: eth1 }',
      ],
    ],
    [
      'sites/fra1.yaml:21:77 nodes[0].neighbors[2].interface: "eth1" is already used by nodes[0].neighbors[1].interface\none router is on the other end of a link: keep one of the two',
    ],
  ],
  [
    'IPv6 next hops of an IPv4 session',
    [['ams1.yaml', 'address: 10.2.1.1', 'address: 10.2.1.1, extendedNextHop: true']],
    [
      'sites/ams1.yaml:8:90 nodes[0].neighbors[0].extendedNextHop: only an IPv6 session has IPv6 next hops (RFC 8950)\nleave extendedNextHop out',
    ],
  ],
  [
    'one link-local address on two interfaces, on FRR',
    [
      [
        'ams1.yaml',
        'kind: tor, asn: 64613, address: "2001:db8:21::1", gtsm: true }',
        'kind: tor, asn: 64613, address: "fe80::1", interface: eth1 }\n      - { name: tor3, kind: tor, asn: 64614, address: "fe80::1", interface: eth2 }',
      ],
    ],
    [
      'sites/ams1.yaml:10:55 nodes[0].neighbors[2].address: "fe80::1" is already used by nodes[0].neighbors[1].address\na second session to the same address stays idle, and bgpd does not look at the interface: keep one of the two, or leave address out',
    ],
  ],
  [
    'one link-local address on two interfaces, on BIRD',
    [
      [
        'fra1.yaml',
        'address: 2001:db8:11::1\n        localAddress: 2001:db8:11::2',
        'address: fe80::1\n        interface: eth1\n      - { name: second, kind: tor, asn: 64999, address: "fe80::1", interface: eth2 }',
      ],
    ],
    [],
  ],
  [
    'an ibgp neighbor without an address',
    [
      [
        'ams1.yaml',
        'kind: tor, asn: 64613, address: "2001:db8:21::1", gtsm: true',
        'kind: ibgp, asn: 64500, interface: eth1',
      ],
    ],
    [
      'sites/ams1.yaml:9:58 nodes[0].neighbors[1].interface: a neighbor on an interface is one hop away, and an ibgp neighbor need not be\nwrite an address that is not link-local',
    ],
  ],
  [
    'an IPv6 session that carries IPv4 too, and no other',
    [['ams1.yaml', 'address: 10.2.1.1', 'address: "2001:db8:21::9", extendedNextHop: true']],
    [],
  ],
  [
    'an IPv4 neighbor of a cloud provider',
    [['ams1.yaml', 'address: 10.2.1.1', 'address: 169.254.169.254']],
    [],
  ],
  [
    'a keepalive longer than a third of the hold time',
    [['ams1.yaml', 'address: 10.2.1.1', 'address: 10.2.1.1, timers: { hold: 10s, keepalive: 4s }']],
    [
      'sites/ams1.yaml:8:105 nodes[0].neighbors[0].timers.keepalive: 4s is longer than a third of the hold time, 10s: two lost keepalives would end the session (RFC 4271, section 4.4)\nwrite at most 3s, or leave it out',
    ],
  ],
  [
    'no hold time',
    [['ams1.yaml', 'address: 10.2.1.1', 'address: 10.2.1.1, timers: { hold: 0s }']],
    [
      'sites/ams1.yaml:8:89 nodes[0].neighbors[0].timers.hold: "0s" is shorter than 3s\nRFC 4271 also allows 0, without keepalives: a neighbor that has failed would keep our routes for ever',
    ],
  ],
  [
    'prepending on ibgp',
    [
      [
        'ams1.yaml',
        'kind: tor, asn: 64613, address: "2001:db8:21::1", gtsm: true',
        'kind: ibgp, asn: 64500, address: "2001:db8:21::1", prepend: 1',
      ],
    ],
    [
      'sites/ams1.yaml:9:83 nodes[0].neighbors[1].prepend: a neighbor inside the AS treats our own AS number in a path as a loop\nleave prepend out',
    ],
  ],
  [
    'a local preference inside the AS',
    [
      [
        'ams1.yaml',
        'kind: tor, asn: 64613, address: "2001:db8:21::1", gtsm: true',
        'kind: ibgp, asn: 64500, address: "2001:db8:21::1", localPref: 200',
      ],
    ],
    [
      'sites/ams1.yaml:9:85 nodes[0].neighbors[1].localPref: inside the AS the sender sets LOCAL_PREF, to 0 while it drains, and it must not be overwritten\nleave localPref out, or set it where the route enters the AS',
    ],
  ],
  [
    'a MED that makes a degraded announcement the preferred one',
    [['ams1.yaml', 'address: 10.2.1.1', 'address: 10.2.1.1, med: 100, degrade: { med: 50 }']],
    [
      'sites/ams1.yaml:8:99 nodes[0].neighbors[0].degrade.med: a degraded announcement has the MED 50, and a normal one 100: the neighbor prefers the lower\nwrite at least 100, or leave it out',
    ],
  ],
  [
    'a local preference without routes',
    [['ams1.yaml', 'gtsm: true', 'gtsm: true, localPref: 200']],
    [
      'sites/ams1.yaml:9:96 warning: nodes[0].neighbors[1].localPref: no route is accepted from this neighbor, so localPref has no effect',
    ],
  ],
  [
    'a multicast neighbor',
    [['ams1.yaml', 'address: 10.2.1.1', 'address: 224.0.0.5']],
    ['sites/ams1.yaml:8:63 nodes[0].neighbors[0].address: 224.0.0.5 cannot be the address of a router'],
  ],
  [
    'GTSM on ibgp',
    [['ams1.yaml', 'kind: tor, asn: 64613', 'kind: ibgp, asn: 64500']],
    [
      'sites/ams1.yaml:9:80 nodes[0].neighbors[1].gtsm: GTSM (RFC 5082) requires a neighbor one hop away, which an ibgp neighbor need not be\nleave gtsm out',
    ],
  ],
  [
    'GTSM and BFD on FRR',
    [['ams1.yaml', 'gtsm: true', 'gtsm: true, bfd: {}']],
    [
      'sites/ams1.yaml:9:79 nodes[0].neighbors[1].gtsm: with gtsm, FRR 8.4 makes BFD a multihop session (RFC 5883), which a directly connected neighbor never answers\nleave out gtsm or bfd, or use daemon: bird',
    ],
  ],
  [
    'BFD with an ibgp neighbor without its hops',
    [
      [
        'ams1.yaml',
        'kind: tor, asn: 64613, address: "2001:db8:21::1", gtsm: true',
        'kind: ibgp, asn: 64500, address: "2001:db8:21::1", bfd: {}',
      ],
    ],
    [
      'sites/ams1.yaml:9:79 nodes[0].neighbors[1].bfd: an ibgp neighbor may be on a link or behind routers, and BFD differs: BIRD takes the second for granted, FRR looks\nadd hops: single if the neighbor is on a link of the node, else hops: multi',
    ],
  ],
  [
    'the hops of BFD where multihop tells',
    [['ams1.yaml', 'gtsm: true', 'bfd: { hops: multi }']],
    [
      'sites/ams1.yaml:9:86 nodes[0].neighbors[1].bfd.hops: hops is for ibgp neighbors: of another one multihop tells\nleave hops out, and add multihop',
    ],
  ],
  [
    'multihop BFD on FRR without the local address',
    [['ams1.yaml', 'gtsm: true', 'multihop: 2, bfd: {}']],
    [
      'sites/ams1.yaml:9:91 nodes[0].neighbors[1].bfd: FRR needs the node’s own address for BFD with a neighbor that is not on the link\nadd localAddress, or leave bfd out',
    ],
  ],
  [
    'multihop BFD inside the AS on FRR 10 without the local address',
    [
      [
        'ams1.yaml',
        'kind: tor, asn: 64613, address: "2001:db8:21::1", gtsm: true',
        'kind: ibgp, asn: 64500, address: "2001:db8:21::1", bfd: { hops: multi }',
      ],
    ],
    [
      'sites/ams1.yaml:9:79 nodes[0].neighbors[1].bfd: FRR needs the node’s own address for BFD with a neighbor that is not on the link\nadd localAddress, or leave bfd out',
    ],
  ],
]

test.each(rows)('nodes and neighbors: %s', (_name, edits, issues) => {
  expect(issuesAfter(edits)).toEqual(issues)
})
