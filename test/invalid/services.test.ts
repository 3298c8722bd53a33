import { expect, test } from 'vitest'
import { type Edit, issuesAfter } from './base.ts'

const rows: [name: string, edits: Edit[], issues: string[]][] = [
  [
    'minSites that cannot be met',
    [['fleet.yaml', 'minSites: 1', 'minSites: 3']],
    [
      'sites/fleet.yaml:17:25 services.vpn.safety.minSites: 3 cannot be met: 2 sites serve vpn\nwrite 1 or less',
    ],
  ],
  [
    'minSites of 0 with two sites',
    [['fleet.yaml', 'minSites: 1', 'minSites: 0']],
    [
      'sites/fleet.yaml:17:25 warning: services.vpn.safety.minSites: 0 lets the last of the 2 sites that serve vpn be withdrawn: nothing keeps the service reachable\nwrite 1 or more, or leave it out, which is 1',
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
    'a share of the sites that is all of them',
    [['fleet.yaml', 'minSites: 1', 'minSites: 51%']],
    [
      'sites/fleet.yaml:17:25 warning: services.vpn.safety.minSites: 2 is the number of sites that serve vpn: none of them could ever be withdrawn\nwrite 1 or less',
    ],
  ],
  [
    'a share of the sites that is no percentage',
    [['fleet.yaml', 'minSites: 1', 'minSites: 150%']],
    [
      'sites/fleet.yaml:17:25 services.vpn.safety.minSites: "150%" is not a percentage from 1% to 99%\nwrite a whole percentage, such as 50%',
    ],
  ],
  [
    'minSites that is no number',
    [['fleet.yaml', 'minSites: 1', 'minSites: half']],
    [
      'sites/fleet.yaml:17:25 services.vpn.safety.minSites: expected a whole number, got "half"\nwrite one such as 1, or "50%"',
    ],
  ],
  [
    'members of the store that are no servers',
    [
      [
        'fleet.yaml',
        'rpki:\n',
        'store: { endpoints: [10.9.0.1, "2001:db8::1:2379", "etcd 1:2379", 10.9.0.3:99999], caFile: /a/ca, certFile: /a/c, keyFile: key }\nrpki:\n',
      ],
    ],
    [
      'sites/fleet.yaml:18:22 store.endpoints[0]: "10.9.0.1" is not a host and a port\nwrite one such as 10.9.0.1:2379, "[2001:db8::1]:2379" or etcd1.example.net:2379',
      'sites/fleet.yaml:18:32 store.endpoints[1]: "2001:db8::1:2379" is not a host and a port\nwrite one such as 10.9.0.1:2379, "[2001:db8::1]:2379" or etcd1.example.net:2379',
      'sites/fleet.yaml:18:52 store.endpoints[2]: "etcd 1:2379" is not a host and a port\nwrite one such as 10.9.0.1:2379, "[2001:db8::1]:2379" or etcd1.example.net:2379',
      'sites/fleet.yaml:18:67 store.endpoints[3]: "10.9.0.3:99999" is not a host and a port\nwrite one such as 10.9.0.1:2379, "[2001:db8::1]:2379" or etcd1.example.net:2379',
      'sites/fleet.yaml:18:124 store.keyFile: is not an absolute path (the value is not shown: it could be the secret itself)\nkeep the secret in a file on the node, and write its path here, such as /etc/anyward/store/site.key',
    ],
  ],
  [
    'two members of the store',
    [
      [
        'fleet.yaml',
        'rpki:\n',
        'store: { endpoints: [10.9.0.1:2379, 10.9.0.2:2379], caFile: /a/ca, certFile: /a/c, keyFile: /a/k }\nrpki:\n',
      ],
    ],
    [
      'sites/fleet.yaml:18:21 warning: store.endpoints: there are two members: the store stops when either of them does, more often than with one\nrun three members, or five, at different sites, and name all of them',
    ],
  ],
  [
    'a member of the store twice',
    [
      [
        'fleet.yaml',
        'rpki:\n',
        'store: { endpoints: [10.9.0.1:2379, 10.9.0.1:2379], caFile: /a/ca, certFile: /a/c, keyFile: /a/k }\nrpki:\n',
      ],
    ],
    ['sites/fleet.yaml:18:37 store.endpoints[1]: 10.9.0.1:2379 is in this list twice\nkeep one of the two'],
  ],
  [
    'a single RPKI cache',
    [['fleet.yaml', ', { host: rpki.example.net, port: 323 }', '']],
    [
      'sites/fleet.yaml:19:11 warning: rpki.caches: there is a single RPKI cache: while it does not answer, routes are validated against old data\nadd a second one on another machine',
    ],
  ],
  [
    'an RPKI cache twice',
    [['fleet.yaml', '{ host: rpki.example.net, port: 323 }', '{ host: 127.0.0.1, port: 3323 }']],
    [
      'sites/fleet.yaml:19:45 rpki.caches[1]: 127.0.0.1 port 3323 is in this list twice\nname two caches on two machines',
    ],
  ],
  [
    'a probe address outside the tunnel',
    [['fleet.yaml', 'address: 10.80.255.254', 'address: 10.81.0.2']],
    [
      "sites/fleet.yaml:14:16 services.vpn.probe.address: 10.81.0.2 is outside the tunnel's subnet (10.80.0.0/16)\nuse a free address of that subnet",
    ],
  ],
  [
    'a probe address of the other family',
    [['fleet.yaml', 'address: 10.80.255.254', 'address: "fd00::2"']],
    [
      "sites/fleet.yaml:14:16 services.vpn.probe.address: fd00::2 is outside the tunnel's subnet (10.80.0.0/16)\nuse a free address of that subnet",
    ],
  ],
  [
    'a probe address equal to the server’s',
    [['fleet.yaml', 'address: 10.80.255.254', 'address: 10.80.0.1']],
    [
      "sites/fleet.yaml:14:16 services.vpn.probe.address: 10.80.0.1 is the server's own address in the tunnel\nthe probe is a client: give it an address of its own",
    ],
  ],
  [
    'checks without a handshake',
    [['fleet.yaml', 'checks: [interface, handshake]', 'checks: [interface, address]']],
    [
      'sites/fleet.yaml:16:15 warning: services.vpn.probe.checks: neither handshake nor ping is among the checks: a server that hangs would stay announced\nadd handshake',
    ],
  ],
  [
    'a check twice',
    [['fleet.yaml', 'checks: [interface, handshake]', 'checks: [handshake, handshake]']],
    [
      'sites/fleet.yaml:16:27 services.vpn.probe.checks[1]: handshake is in this list twice\nkeep one of the two',
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
      'sites/fleet.yaml:19:15 services.dns.anycast[0]: 192.0.2.1/32 with port 51820 is also used by the service vpn: a packet cannot be for both\ngive each service an address or a port of its own',
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
      'sites/ams1.yaml:6:15 warning: nodes[0].services: the node serves no service\nadd a service, such as [vpn]',
      'sites/fra1.yaml:6:15 warning: nodes[0].services: the node serves no service\nadd a service, such as [vpn]',
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
    ['sites/ams1.yaml:3:5 warning: nodes[0].neighbors: the node has no neighbors, so it advertises nothing'],
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
      'sites/ams1.yaml:8:7 warning: nodes[0].neighbors: vpn has an IPv4 anycast address, but the node has no IPv4 neighbor to announce it to\nadd an IPv4 session, or extendedNextHop: true to an IPv6 session (RFC 8950)',
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
      'sites/fleet.yaml:1:1 warning: there is no site: no node announces anything\nadd one file per site beside this one, such as fra1.yaml',
    ],
  ],
  [
    'errors of every stage at once',
    [
      ['fleet.yaml', 'onStop: withdraw', 'onStop: stop'],
      ['fleet.yaml', '192.0.2.1/32', '192.0.3.1/32'],
      ['ams1.yaml', 'daemon: frr', 'demon: frr'],
      ['ams1.yaml', 'routerId: 10.0.0.21', 'routerId: 10.0.0.11'],
      ['fra1.yaml', 'asn: 64601\n        address: 10', 'asn: 64500\n        address: 10'],
    ],
    [
      'sites/fleet.yaml:5:15 services.vpn.anycast[0]: 192.0.3.1/32 is in none of the covering prefixes (192.0.2.0/24, 2001:db8:51::/48), so other networks could not reach it\nadd the prefix that leaves the AS to covering',
      'sites/fleet.yaml:17:36 services.vpn.safety.onStop: "stop" is not withdraw or keep',
      'sites/ams1.yaml:4:5 nodes[0].demon: "demon" is not a known key\ndid you mean daemon?',
      'sites/fra1.yaml:5:15 nodes[0].routerId: "10.0.0.11" is already used by sites/ams1.yaml nodes[0].routerId\ntwo speakers with the same BGP identifier refuse each other (RFC 6286): give each node a unique one',
      'sites/fra1.yaml:10:14 nodes[0].neighbors[0].asn: 64500 is our own AS, but kind transit is another network\nwrite the neighbor’s AS number, or kind: ibgp',
    ],
  ],
]

test.each(rows)('services and nodes: %s', (_name, edits, issues) => {
  expect(issuesAfter(edits)).toEqual(issues)
})
