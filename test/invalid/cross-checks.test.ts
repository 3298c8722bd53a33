import { expect, test } from 'vitest'
import { type Edit, issuesAfter } from './base.ts'

const rows: [name: string, edits: Edit[], issues: string[]][] = [
  [
    'an anycast prefix that is no host',
    [['fleet.yaml', 'anycast: [192.0.2.1/32,', 'anycast: [192.0.2.0/25,']],
    [
      'sites/fleet.yaml:5:15 services.vpn.anycast[0]: 192.0.2.0/25 is not one address, but clients dial one\nwrite the address with /32, such as 192.0.2.0/32; 192.0.2.0/25 belongs in covering',
    ],
  ],
  [
    'an anycast address outside every covering prefix',
    [
      ['fleet.yaml', 'anycast: [192.0.2.1/32,', 'anycast: [198.51.100.1/32,'],
      ['fleet.yaml', 'allow: [', 'allow: [198.51.100.0/24, '],
    ],
    [
      'sites/fleet.yaml:5:15 services.vpn.anycast[0]: 198.51.100.1/32 is in none of the covering prefixes (192.0.2.0/24, 2001:db8:51::/48), so nobody outside would reach it\nname the prefix that leaves the AS in covering',
    ],
  ],
  [
    'a covering prefix too long for other networks',
    [
      [
        'fleet.yaml',
        'covering: [192.0.2.0/24, "2001:db8:51::/48"]',
        'covering: [192.0.2.0/25, "2001:db8:51::/49"]',
      ],
    ],
    [
      'sites/fleet.yaml:6:16 services.vpn.covering[0]: 192.0.2.0/25 is longer than /24, which other networks drop, and transit2 is of kind transit\nannounce a covering prefix of /24 or shorter',
      'sites/fleet.yaml:6:30 services.vpn.covering[1]: 2001:db8:51::/49 is longer than /48, which other networks drop, and transit2 is of kind transit\nannounce a covering prefix of /48 or shorter',
    ],
  ],
  [
    'our prefix in a bogon range',
    [['fleet.yaml', 'bogons: { allow: [192.0.2.0/24, "2001:db8::/32"] }\n', '']],
    [
      'sites/fleet.yaml:5:16 services.vpn.covering[0]: 192.0.2.0/24 is in a bogon range, 192.0.2.0/24: documentation (RFC 5737)\nif that is on purpose, as in a lab, write 192.0.2.0/24 in bogons.allow',
      'sites/fleet.yaml:5:30 services.vpn.covering[1]: 2001:db8:51::/48 is in a bogon range, 2001:db8::/32: documentation (RFC 3849)\nif that is on purpose, as in a lab, write 2001:db8::/32 in bogons.allow',
    ],
  ],
  [
    'a bogon range that is allowed only in part',
    [['fleet.yaml', 'allow: [192.0.2.0/24,', 'allow: [192.0.2.0/25,']],
    [
      'sites/fleet.yaml:6:16 services.vpn.covering[0]: 192.0.2.0/24 is in a bogon range, 192.0.2.0/24: documentation (RFC 5737)\nif that is on purpose, as in a lab, write 192.0.2.0/24 in bogons.allow',
    ],
  ],
  [
    'a prefix twice in a service',
    [['fleet.yaml', 'anycast: [192.0.2.1/32,', 'anycast: [192.0.2.1/32, 192.0.2.1/32,']],
    [
      'sites/fleet.yaml:5:29 services.vpn.anycast[1]: 192.0.2.1/32 stands in this list twice\nkeep one of the two',
    ],
  ],
  [
    'a covering prefix twice',
    [['fleet.yaml', 'covering: [192.0.2.0/24,', 'covering: [192.0.2.0/24, 192.0.2.0/24,']],
    [
      'sites/fleet.yaml:6:30 services.vpn.covering[1]: 192.0.2.0/24 stands in this list twice\nkeep one of the two',
    ],
  ],
  [
    'a site name twice',
    [['fra1.yaml', 'site: fra1', 'site: ams1']],
    ['sites/fra1.yaml:1:7 site: "ams1" is the site of sites/ams1.yaml too\ngive each site a name of its own'],
  ],
  [
    'a node name twice',
    [['fra1.yaml', '  - name: fra1-a', '  - name: ams1-a']],
    [
      'sites/fra1.yaml:3:11 nodes[0].name: "ams1-a" is taken by sites/ams1.yaml nodes[0].name\neach node of the fleet needs a name of its own',
    ],
  ],
  [
    'a router id twice',
    [['fra1.yaml', 'routerId: 10.0.0.11', 'routerId: 10.0.0.21']],
    [
      'sites/fra1.yaml:5:15 nodes[0].routerId: "10.0.0.21" is taken by sites/ams1.yaml nodes[0].routerId\ntwo speakers with one BGP identifier refuse each other (RFC 6286): give each its own',
    ],
  ],
  [
    'a neighbor name twice',
    [['fra1.yaml', '- name: transit1-v6', '- name: transit1']],
    [
      'sites/fra1.yaml:17:15 nodes[0].neighbors[1].name: "transit1" is taken by nodes[0].neighbors[0].name\neach neighbor of a node needs a name of its own',
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
      'sites/fra1.yaml:8:7 warning: nodes[0].neighbors: vpn has an IPv4 anycast address, but the node has no IPv4 neighbor to announce it to\nadd an IPv4 session',
      'sites/fra1.yaml:20:18 nodes[0].neighbors[1].address: "2001:db8:11::1" is taken by nodes[0].neighbors[0].address\nof two sessions to one address, the second stays idle for ever: keep one',
    ],
  ],
  [
    'an unknown service',
    [['fra1.yaml', 'services: [vpn]', 'services: [vnp]']],
    ['sites/fra1.yaml:6:16 nodes[0].services[0]: there is no service "vnp" in fleet.yaml\ndid you mean vpn?'],
  ],
  [
    'an unknown service near none',
    [['fra1.yaml', 'services: [vpn]', 'services: [mail]']],
    [
      'sites/fra1.yaml:6:16 nodes[0].services[0]: there is no service "mail" in fleet.yaml\nknown services: vpn',
    ],
  ],
  [
    'a service twice on a node',
    [['fra1.yaml', 'services: [vpn]', 'services: [vpn, vpn]']],
    ['sites/fra1.yaml:6:21 nodes[0].services[1]: "vpn" stands in this list twice\nkeep one of the two'],
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
      "sites/fra1.yaml:12:23 nodes[0].neighbors[0].localAddress: 2001:db8:11::3 and the neighbor's 10.1.1.1 are not of one family\nwrite the node's own IPv4 address on that link",
    ],
  ],
  [
    'a local address that is the neighbor’s',
    [['fra1.yaml', 'localAddress: 10.1.1.2', 'localAddress: 10.1.1.1']],
    [
      "sites/fra1.yaml:12:23 nodes[0].neighbors[0].localAddress: 10.1.1.1 is the neighbor's own address\nwrite the node's own address on that link",
    ],
  ],
  [
    'a link-local neighbor',
    [['fra1.yaml', 'address: 2001:db8:11::1\n        localAddress: 2001:db8:11::2', 'address: fe80::1']],
    [
      'sites/fra1.yaml:20:18 nodes[0].neighbors[1].address: fe80::1 is link-local, which is not available in this version\nwrite an address that needs no interface',
    ],
  ],
  [
    'a multicast neighbor',
    [['ams1.yaml', 'address: 10.2.1.1', 'address: 224.0.0.5']],
    [
      'sites/ams1.yaml:8:63 nodes[0].neighbors[0].address: 224.0.0.5 is not an address that a router can have',
    ],
  ],
  [
    'GTSM on ibgp',
    [['ams1.yaml', 'kind: tor, asn: 64613', 'kind: ibgp, asn: 64500']],
    [
      'sites/ams1.yaml:9:80 nodes[0].neighbors[1].gtsm: GTSM (RFC 5082) wants a neighbor one hop away, which an ibgp neighbor need not be\nleave gtsm out',
    ],
  ],
  [
    'GTSM and BFD on FRR',
    [['ams1.yaml', 'gtsm: true', 'gtsm: true, bfd: {}']],
    [
      'sites/ams1.yaml:9:79 nodes[0].neighbors[1].gtsm: FRR 8.4 turns BFD into a multihop session (RFC 5883) where gtsm is set, and a directly connected neighbor never answers that\nleave out gtsm or bfd, or use daemon: bird',
    ],
  ],
  [
    'minSites that cannot be met',
    [['fleet.yaml', 'minSites: 1', 'minSites: 3']],
    [
      "sites/fleet.yaml:17:25 services.vpn.safety.minSites: 3 can't be met: 2 sites serve vpn\nwrite 1 or less",
    ],
  ],
  [
    'minSites of all sites',
    [['fleet.yaml', 'minSites: 1', 'minSites: 2']],
    [
      'sites/fleet.yaml:17:25 warning: services.vpn.safety.minSites: 2 is the number of sites that serve vpn: none of them could ever be withdrawn\nwrite 1 or less',
    ],
  ],
  [
    'a single RPKI cache',
    [['fleet.yaml', ', { host: rpki.example.net, port: 323 }', '']],
    [
      'sites/fleet.yaml:19:11 warning: rpki.caches: a single RPKI cache: while it is away, invalid routes are taken\nname a second one, on another machine',
    ],
  ],
  [
    'an RPKI cache twice',
    [['fleet.yaml', '{ host: rpki.example.net, port: 323 }', '{ host: 127.0.0.1, port: 3323 }']],
    [
      'sites/fleet.yaml:19:45 rpki.caches[1]: 127.0.0.1 port 3323 stands in this list twice\nname two caches on two machines',
    ],
  ],
  [
    'a probe address outside the tunnel',
    [['fleet.yaml', 'address: 10.80.255.254', 'address: 10.81.0.2']],
    [
      "sites/fleet.yaml:14:16 services.vpn.probe.address: 10.81.0.2 is outside the tunnel's subnet (10.80.0.0/16)\ntake a free address of that subnet",
    ],
  ],
  [
    'a probe address of the other family',
    [['fleet.yaml', 'address: 10.80.255.254', 'address: "fd00::2"']],
    [
      "sites/fleet.yaml:14:16 services.vpn.probe.address: fd00::2 is outside the tunnel's subnet (10.80.0.0/16)\ntake a free address of that subnet",
    ],
  ],
  [
    'a probe address that is the server’s',
    [['fleet.yaml', 'address: 10.80.255.254', 'address: 10.80.0.1']],
    [
      "sites/fleet.yaml:14:16 services.vpn.probe.address: 10.80.0.1 is the server's own address in the tunnel\nthe probe is a client: give it an address of its own",
    ],
  ],
  [
    'checks that look at nothing',
    [['fleet.yaml', 'checks: [interface, handshake]', 'checks: [interface, address]']],
    [
      'sites/fleet.yaml:16:15 warning: services.vpn.probe.checks: neither handshake nor ping is among the checks: a server that hangs would stay announced\nadd handshake',
    ],
  ],
  [
    'a check twice',
    [['fleet.yaml', 'checks: [interface, handshake]', 'checks: [handshake, handshake]']],
    [
      'sites/fleet.yaml:16:27 services.vpn.probe.checks[1]: handshake stands in this list twice\nkeep one of the two',
    ],
  ],
  [
    'two services on one port, interface and address',
    [
      [
        'fleet.yaml',
        'rpki:\n',
        '  dns:\n    anycast: [192.0.2.1/32]\n    covering: [192.0.2.0/24]\n    wireguard: { interface: wg0, port: 51820, publicKey: "F7ZBixmXQ7ENlfBSvl2C277ZfjW8oy6gumYftCfg4Ao=", addresses: [10.81.0.1/16] }\n    probe: { privateKeyFile: /etc/anyward/dns.key, address: 10.81.0.2 }\nrpki:\n',
      ],
      ['fra1.yaml', 'services: [vpn]', 'services: [vpn, dns]'],
    ],
    [
      "sites/fleet.yaml:19:15 services.dns.anycast[0]: 192.0.2.1/32 overlaps 192.0.2.1/32 of the service vpn, so one's failure would withdraw the other\ngive each service an anycast address of its own",
      'sites/fra1.yaml:6:21 nodes[0].services[1]: dns and vpn both use the interface wg0\ngive each service on a node an interface of its own',
      'sites/fra1.yaml:6:21 nodes[0].services[1]: dns and vpn both use port 51820\nWireGuard listens on all addresses: give each service on a node a port of its own',
    ],
  ],
  [
    'a service that no node serves',
    [
      ['fra1.yaml', 'services: [vpn]', 'services: []'],
      ['ams1.yaml', 'services: [vpn]', 'services: []'],
    ],
    [
      'sites/fleet.yaml:4:3 warning: services.vpn: no node serves it\nadd vpn to the services of a node',
      'sites/ams1.yaml:6:15 warning: nodes[0].services: the node serves nothing\nname a service, such as [vpn]',
      'sites/fra1.yaml:6:15 warning: nodes[0].services: the node serves nothing\nname a service, such as [vpn]',
    ],
  ],
  [
    'a node without neighbors',
    [
      [
        'ams1.yaml',
        '    neighbors:\n      - { name: transit2, kind: transit, asn: 64602, address: 10.2.1.1 }\n      - { name: tor2, kind: tor, asn: 64613, address: "2001:db8:21::1", gtsm: true }\n',
        '',
      ],
    ],
    ['sites/ams1.yaml:3:5 warning: nodes[0].neighbors: the node has no neighbors, so nobody hears of it'],
  ],
  [
    'a node without an IPv6 neighbor',
    [
      [
        'ams1.yaml',
        '      - { name: tor2, kind: tor, asn: 64613, address: "2001:db8:21::1", gtsm: true }\n',
        '',
      ],
    ],
    [
      'sites/ams1.yaml:8:7 warning: nodes[0].neighbors: vpn has an IPv6 anycast address, but the node has no IPv6 neighbor to announce it to\nadd an IPv6 session',
    ],
  ],
  [
    'a node without an IPv4 neighbor',
    [['ams1.yaml', '      - { name: transit2, kind: transit, asn: 64602, address: 10.2.1.1 }\n', '']],
    [
      'sites/ams1.yaml:8:7 warning: nodes[0].neighbors: vpn has an IPv4 anycast address, but the node has no IPv4 neighbor to announce it to\nadd an IPv4 session',
    ],
  ],
  [
    'a site without nodes',
    [['ams1.yaml', 'site: ams1\nnodes: []\n']],
    ['sites/ams1.yaml:2:8 warning: nodes: the site has no node: nothing is announced here'],
  ],
  [
    'no site at all',
    [
      ['ams1.yaml', null],
      ['fra1.yaml', null],
    ],
    [
      'sites/fleet.yaml:1:1 warning: there is no site: nothing is announced anywhere\nwrite one file a site beside this one, such as fra1.yaml',
    ],
  ],
  [
    'mistakes of every stage at once',
    [
      ['fleet.yaml', 'onStop: withdraw', 'onStop: stop'],
      ['fleet.yaml', '192.0.2.1/32', '192.0.3.1/32'],
      ['ams1.yaml', 'daemon: frr', 'demon: frr'],
      ['ams1.yaml', 'routerId: 10.0.0.21', 'routerId: 10.0.0.11'],
      ['fra1.yaml', 'asn: 64601\n        address: 10', 'asn: 64500\n        address: 10'],
    ],
    [
      'sites/fleet.yaml:5:15 services.vpn.anycast[0]: 192.0.3.1/32 is in none of the covering prefixes (192.0.2.0/24, 2001:db8:51::/48), so nobody outside would reach it\nname the prefix that leaves the AS in covering',
      'sites/fleet.yaml:17:36 services.vpn.safety.onStop: "stop" is not withdraw or keep',
      'sites/ams1.yaml:4:5 nodes[0].demon: "demon" is not a known key\ndid you mean daemon?',
      'sites/fra1.yaml:5:15 nodes[0].routerId: "10.0.0.11" is taken by sites/ams1.yaml nodes[0].routerId\ntwo speakers with one BGP identifier refuse each other (RFC 6286): give each its own',
      'sites/fra1.yaml:10:14 nodes[0].neighbors[0].asn: 64500 is our own AS, but kind transit is another network\nwrite the neighbor’s AS number, or kind: ibgp',
    ],
  ],
]

test.each(rows)('values against each other: %s', (_name, edits, issues) => {
  expect(issuesAfter(edits)).toEqual(issues)
})
