import { expect, test } from 'vitest'
import { type Edit, issuesAfter } from './base.ts'

const rows: [name: string, edits: Edit[], issues: string[]][] = [
  [
    'an unknown key similar to a known one',
    [['fra1.yaml', '        localAddress: 10.1.1.2', '        localAdress: 10.1.1.2']],
    [
      'sites/fra1.yaml:12:9 nodes[0].neighbors[0].localAdress: "localAdress" is not a known key\ndid you mean localAddress?',
    ],
  ],
  [
    'a known key in another case',
    [['fra1.yaml', '    routerId: 10.0.0.11', '    routerID: 10.0.0.11']],
    ['sites/fra1.yaml:5:5 nodes[0].routerID: "routerID" is not a known key\ndid you mean routerId?'],
  ],
  [
    'an unknown key without a similar one',
    [['fra1.yaml', '    daemon: bird\n', '    daemon: bird\n    colour: red\n']],
    [
      'sites/fra1.yaml:5:5 nodes[0].colour: "colour" is not a known key\nknown keys: name, daemon, daemonVersion, routing, asn, extra, routerId, services, alwaysAnnounce, neighbors, unicast, probeKeys, ssh, maintenance',
    ],
  ],
  [
    'an unknown key of the fleet',
    [['fleet.yaml', 'asn: 64500\n', 'asn: 64500\nanycast: 192.0.2.1/32\n']],
    [
      'sites/fleet.yaml:2:1 anycast: "anycast" is not a known key\nknown keys: asn, bogons, communities, services, rpki, irr, store, remote, rescue, planner, controller, rollout',
    ],
  ],
  [
    'an unknown key with a name to escape',
    [['fra1.yaml', '    daemon: bird\n', '    daemon: bird\n    "a\\nb": red\n']],
    [
      'sites/fra1.yaml:5:5 nodes[0]["a\\nb"]: "a\\nb" is not a known key\nknown keys: name, daemon, daemonVersion, routing, asn, extra, routerId, services, alwaysAnnounce, neighbors, unicast, probeKeys, ssh, maintenance',
    ],
  ],
  [
    'two unknown keys at once',
    [['fleet.yaml', '      interval: 200ms', '      intervall: 200ms\n      timout: 1s']],
    [
      'sites/fleet.yaml:15:7 services.vpn.probe.intervall: "intervall" is not a known key\ndid you mean interval?',
      'sites/fleet.yaml:16:7 services.vpn.probe.timout: "timout" is not a known key\ndid you mean timeout?',
    ],
  ],
  [
    'an inline private key',
    [
      [
        'fleet.yaml',
        '      privateKeyFile: /etc/anyward/probe.key',
        '      privateKey: QGV5VGhhdElzUmVhbGx5QVNlY3JldFZhbHVlMTIzNDU=',
      ],
    ],
    [
      'sites/fleet.yaml:13:7 services.vpn.probe.privateKey: "privateKey": secrets are not allowed in the YAML\nkeep it in a file on the node, and write its path: privateKeyFile: /etc/anyward/…',
    ],
  ],
  [
    'an inline password',
    [['fra1.yaml', 'passwordFile: /etc/anyward/transit1.password', 'password: hunter2-hunter2']],
    [
      'sites/fra1.yaml:16:9 nodes[0].neighbors[0].password: "password": secrets are not allowed in the YAML\nkeep it in a file on the node, and write its path: passwordFile: /etc/anyward/…',
    ],
  ],
  [
    'an inline password that is a number',
    [['fra1.yaml', 'passwordFile: /etc/anyward/transit1.password', 'password: 0123']],
    [
      'sites/fra1.yaml:16:9 nodes[0].neighbors[0].password: "password": secrets are not allowed in the YAML\nkeep it in a file on the node, and write its path: passwordFile: /etc/anyward/…',
    ],
  ],
  [
    'a private key beside the public one',
    [
      [
        'fleet.yaml',
        '      interface: wg0',
        '      interface: wg0\n      privateKey: QGV5VGhhdElzUmVhbGx5QVNlY3JldFZhbHVlMTIzNDU=',
      ],
    ],
    [
      'sites/fleet.yaml:9:7 services.vpn.wireguard.privateKey: "privateKey": secrets are not allowed in the YAML\nleave it out: keep it in a file on the node',
    ],
  ],
  [
    'a missing key',
    [['fra1.yaml', '    routerId: 10.0.0.11\n', '']],
    ['sites/fra1.yaml:3:5 nodes[0].routerId: is missing\nwrite one, such as 10.0.0.11'],
  ],
  [
    'a missing asn of the fleet',
    [['fleet.yaml', 'asn: 64500\n', '']],
    ['sites/fleet.yaml:1:1 asn: is missing\nwrite one, such as 64500'],
  ],
  [
    'a missing map',
    [
      [
        'fleet.yaml',
        '    probe:\n      privateKeyFile: /etc/anyward/probe.key\n      address: 10.80.255.254\n      interval: 200ms\n      checks: [interface, handshake]\n',
        '',
      ],
    ],
    [
      'sites/fleet.yaml:5:5 services.vpn.probe: is missing\nit is a map with the keys privateKeyFile, presharedKeyFile, address, interval, timeout, rise, fall, suspicion, checks, window, holdDown, egress, command, peers, conntrack',
    ],
  ],
  [
    'a missing list',
    [['fra1.yaml', 'site: fra1\n']],
    ['sites/fra1.yaml:1:1 nodes: is missing\nit is a list'],
  ],
  [
    'a key without a value',
    [['fra1.yaml', 'daemon: bird', 'daemon:']],
    ['sites/fra1.yaml:4:5 nodes[0].daemon: has no value\nwrite one, such as bird'],
  ],
  [
    'a map without a value',
    [['fra1.yaml', 'bfd: { interval: 100ms, multiplier: 3 }', 'bfd:']],
    [
      'sites/fra1.yaml:15:9 nodes[0].neighbors[0].bfd: has no value\nit is a map with the keys interval, multiplier, hops',
    ],
  ],
  [
    'true for bfd',
    [['fra1.yaml', 'bfd: { interval: 100ms, multiplier: 3 }', 'bfd: true']],
    [
      'sites/fra1.yaml:15:14 nodes[0].neighbors[0].bfd: expected a map, got true\nwrite bfd: {} for the defaults, or leave it out',
    ],
  ],
  [
    'a list where a map belongs',
    [['fleet.yaml', 'safety: { minSites: 1, onStop: withdraw }', 'safety: [1, withdraw]']],
    [
      'sites/fleet.yaml:17:13 services.vpn.safety: expected a map, got a list\nit is a map with the keys minSites, alone, onStop, deadMan',
    ],
  ],
  [
    'a map where a list belongs',
    [['fra1.yaml', 'services: [vpn]', 'services: { vpn: true }']],
    ['sites/fra1.yaml:6:15 nodes[0].services: expected a list, got a map\nit is a list'],
  ],
  [
    'a word where a list belongs',
    [['fra1.yaml', 'services: [vpn]', 'services: vpn']],
    ['sites/fra1.yaml:6:15 nodes[0].services: expected a list, got "vpn"\nwrite [vpn]'],
  ],
  [
    'an empty list of anycast prefixes',
    [['fleet.yaml', 'anycast: [192.0.2.1/32, "2001:db8:51::1/128"]', 'anycast: []']],
    ['sites/fleet.yaml:5:14 services.vpn.anycast: is an empty list\nadd at least one entry'],
  ],
  [
    'an inline preshared key',
    [
      [
        'fleet.yaml',
        '      interval: 200ms',
        '      presharedKey: QGV5VGhhdElzUmVhbGx5QVNlY3JldFZhbHVlMTIzNDU=',
      ],
    ],
    [
      'sites/fleet.yaml:15:7 services.vpn.probe.presharedKey: "presharedKey": secrets are not allowed in the YAML\nkeep it in a file on the node, and write its path: presharedKeyFile: /etc/anyward/…',
    ],
  ],
  [
    'an empty path of keys',
    [['fra1.yaml', '    daemon: bird\n', '    daemon: bird\n    "": 1\n']],
    [
      'sites/fra1.yaml:5:5 nodes[0][""]: "" is not a known key\nknown keys: name, daemon, daemonVersion, routing, asn, extra, routerId, services, alwaysAnnounce, neighbors, unicast, probeKeys, ssh, maintenance',
    ],
  ],
  [
    'a node that is a word',
    [['fra1.yaml', 'site: fra1\nnodes: [fra1-a]\n']],
    [
      'sites/fra1.yaml:2:9 nodes[0]: expected a map, got "fra1-a"\nit is a map with the keys name, daemon, daemonVersion, routing, asn, extra, routerId, services, alwaysAnnounce, neighbors, unicast, probeKeys, ssh, maintenance',
    ],
  ],
  [
    'services that are a list',
    [['fleet.yaml', 'asn: 64500\nservices: [vpn]\n']],
    ['sites/fleet.yaml:2:11 services: expected a map, got a list\nit is a map whose keys are names'],
  ],
  [
    'a service that is a word',
    [['fleet.yaml', 'asn: 64500\nservices: { vpn: yes }\n']],
    [
      'sites/fleet.yaml:2:18 services.vpn: expected a map, got "yes"\nit is a map with the keys anycast, covering, communities, wireguard, probe, when, drain, safety',
    ],
  ],
]

test.each(rows)('keys and shapes: %s', (_name, edits, issues) => {
  expect(issuesAfter(edits)).toEqual(issues)
})
