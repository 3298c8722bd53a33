import { expect, test } from 'vitest'
import { type Edit, issuesAfter } from './base.ts'

const rows: [name: string, edits: Edit[], issues: string[]][] = [
  [
    'a number in quotes',
    [
      [
        'fra1.yaml',
        'kind: transit\n        asn: 64601\n        address: 10.1.1.1',
        'kind: transit\n        asn: "64601"\n        address: 10.1.1.1',
      ],
    ],
    [
      'sites/fra1.yaml:10:14 nodes[0].neighbors[0].asn: expected a whole number, got "64601"\nleave out the quotes: 64601',
    ],
  ],
  [
    'a number for a name',
    [['fra1.yaml', 'site: fra1', 'site: 123']],
    [
      'sites/fra1.yaml:1:7 site: expected text, got the number 123: quotes are missing\na name is at most 32 of a-z, 0-9 and single dashes, and begins with a letter',
    ],
  ],
  [
    'a number with a leading zero for a name',
    [['fra1.yaml', 'site: fra1', 'site: 010']],
    [
      'sites/fra1.yaml:1:7 site: expected text, got the number 010: quotes are missing\na name is at most 32 of a-z, 0-9 and single dashes, and begins with a letter',
    ],
  ],
  [
    'a number for a password file',
    [['fra1.yaml', 'passwordFile: /etc/anyward/transit1.password', 'passwordFile: 0123']],
    [
      'sites/fra1.yaml:16:23 nodes[0].neighbors[0].passwordFile: is not an absolute path (the value is not shown: it could be the secret itself)\nkeep the secret in a file on the node, and write its path here, such as /etc/anyward/transit1.password',
    ],
  ],
  [
    'false for a description',
    [['fra1.yaml', 'description: Transit A', 'description: false']],
    [
      'sites/fra1.yaml:13:22 nodes[0].neighbors[0].description: expected text, got false: quotes are missing\nwrite "false"',
    ],
  ],
  [
    'a number for a description',
    [['fra1.yaml', 'description: Transit A', 'description: 0123']],
    [
      'sites/fra1.yaml:13:22 nodes[0].neighbors[0].description: expected text, got the number 0123: quotes are missing\nwrite "0123"',
    ],
  ],
  [
    'a port with a leading zero',
    [['fleet.yaml', 'port: 51820', 'port: 051820']],
    [
      'sites/fleet.yaml:9:13 services.vpn.wireguard.port: 051820 has a leading zero, which some tools read as octal\nwrite 51820',
    ],
  ],
  [
    'a port in hexadecimal',
    [['fleet.yaml', 'port: 51820', 'port: 0xCA6C']],
    [
      'sites/fleet.yaml:9:13 services.vpn.wireguard.port: expected a whole number, got the number 0xCA6C\nwrite it in plain digits',
    ],
  ],
  [
    'a port out of range',
    [['fleet.yaml', 'port: 51820', 'port: 70000']],
    ['sites/fleet.yaml:9:13 services.vpn.wireguard.port: 70000 is not from 1 to 65535'],
  ],
  [
    'a port with a fraction',
    [['fleet.yaml', 'port: 51820', 'port: 51820.5']],
    [
      'sites/fleet.yaml:9:13 services.vpn.wireguard.port: expected a whole number, got the number 51820.5\nwrite it in plain digits',
    ],
  ],
  [
    'no for a boolean',
    [['ams1.yaml', 'gtsm: true', 'gtsm: no']],
    ['sites/ams1.yaml:9:79 nodes[0].neighbors[1].gtsm: expected true or false, got "no"\nwrite false'],
  ],
  [
    'text for a boolean',
    [['ams1.yaml', 'gtsm: true', 'gtsm: "true"']],
    [
      'sites/ams1.yaml:9:79 nodes[0].neighbors[1].gtsm: expected true or false, got "true"\nleave out the quotes: true',
    ],
  ],
  [
    'a name in capitals',
    [['fra1.yaml', '  - name: fra1-a', '  - name: FRA1_A']],
    [
      'sites/fra1.yaml:3:11 nodes[0].name: "FRA1_A" is not a name\na name is at most 32 of a-z, 0-9 and single dashes, and begins with a letter: fra1-a',
    ],
  ],
  [
    'a name that ends a string',
    [['fra1.yaml', '      - name: transit1\n', "      - name: 'x\"; }'\n"]],
    [
      'sites/fra1.yaml:8:15 nodes[0].neighbors[0].name: "x\\"; }" is not a name\na name is at most 32 of a-z, 0-9 and single dashes, and begins with a letter',
    ],
  ],
  [
    'a name with a line break',
    [['fra1.yaml', '      - name: transit1\n', '      - name: "x\\nneighbor"\n']],
    [
      'sites/fra1.yaml:8:15 nodes[0].neighbors[0].name: "x\\nneighbor" is not a name\na name is at most 32 of a-z, 0-9 and single dashes, and begins with a letter: x-neighbor',
    ],
  ],
  [
    'a name of 33 characters',
    [['fra1.yaml', '      - name: transit1\n', '      - name: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n']],
    [
      'sites/fra1.yaml:8:15 nodes[0].neighbors[0].name: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" is not a name\na name is at most 32 of a-z, 0-9 and single dashes, and begins with a letter: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
    ],
  ],
  [
    'a name of a service',
    [
      ['fleet.yaml', '  vpn:\n', '  my vpn:\n'],
      ['fra1.yaml', 'services: [vpn]', 'services: []'],
      ['ams1.yaml', 'services: [vpn]', 'services: []'],
    ],
    [
      'sites/fleet.yaml:4:3 services["my vpn"]: "my vpn" is not a name\na name is at most 32 of a-z, 0-9 and single dashes, and begins with a letter: my-vpn',
      'sites/ams1.yaml:6:15 warning: nodes[0].services: the node serves no service\nadd a service, such as [vpn]',
      'sites/fra1.yaml:6:15 warning: nodes[0].services: the node serves no service\nadd a service, such as [vpn]',
    ],
  ],
  [
    'a description with a quote',
    [['fra1.yaml', 'description: Transit A', 'description: \'Transit "A"\'']],
    [
      'sites/fra1.yaml:13:22 nodes[0].neighbors[0].description: "Transit \\"A\\"" has characters with a meaning in a router\'s configuration\nuse letters, digits, spaces between words, and . , : ( ) _ / @ + -',
    ],
  ],
  [
    'a description with a semicolon',
    [['fra1.yaml', 'description: Transit A', 'description: Transit; down']],
    [
      'sites/fra1.yaml:13:22 nodes[0].neighbors[0].description: "Transit; down" has characters with a meaning in a router\'s configuration\nuse letters, digits, spaces between words, and . , : ( ) _ / @ + -',
    ],
  ],
  [
    'a description with the token of a secret',
    [
      [
        'fra1.yaml',
        'description: Transit A',
        'description: "at @anyward-secret:/etc/wireguard/private.key@"',
      ],
    ],
    [
      'sites/fra1.yaml:13:22 nodes[0].neighbors[0].description: "at @anyward-secret:/etc/wireguard/private.key@" contains "@anyward-", which is reserved for bundles',
    ],
  ],
  [
    'a description with a terminal escape sequence',
    [['fra1.yaml', 'description: Transit A', 'description: "\\e[2J\\u009b\\u202e"']],
    [
      'sites/fra1.yaml:13:22 nodes[0].neighbors[0].description: "\\u001b[2J\\u009b\\u202e" has characters with a meaning in a router\'s configuration\nuse letters, digits, spaces between words, and . , : ( ) _ / @ + -',
    ],
  ],
  [
    'a description of 81 characters',
    [
      [
        'fra1.yaml',
        'description: Transit A',
        'description: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
      ],
    ],
    [
      'sites/fra1.yaml:13:22 nodes[0].neighbors[0].description: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…" is longer than 80 characters',
    ],
  ],
  [
    'an unknown kind',
    [
      [
        'fra1.yaml',
        'kind: transit\n        asn: 64601\n        address: 10',
        'kind: transti\n        asn: 64601\n        address: 10',
      ],
    ],
    [
      'sites/fra1.yaml:9:15 nodes[0].neighbors[0].kind: "transti" is not transit, peer, route-server, provider-private, tor or ibgp\ndid you mean transit?',
    ],
  ],
  [
    'an unknown daemon',
    [['fra1.yaml', 'daemon: bird', 'daemon: openbgpd']],
    ['sites/fra1.yaml:4:13 nodes[0].daemon: "openbgpd" is not bird or frr'],
  ],
  [
    'a number for a daemon',
    [['fra1.yaml', 'daemon: bird', 'daemon: 2']],
    ['sites/fra1.yaml:4:13 nodes[0].daemon: expected bird or frr, got the number 2'],
  ],
  [
    'an unknown check',
    [['fleet.yaml', 'checks: [interface, handshake]', 'checks: [handshakes]']],
    [
      'sites/fleet.yaml:16:16 services.vpn.probe.checks[0]: "handshakes" is not interface, address, handshake, ping, egress, command, peers or conntrack\ndid you mean handshake?',
    ],
  ],
  [
    'no check at all',
    [['fleet.yaml', 'checks: [interface, handshake]', 'checks: []']],
    ['sites/fleet.yaml:16:15 services.vpn.probe.checks: is an empty list\nadd at least one entry'],
  ],
  [
    'a duration without a unit',
    [['fleet.yaml', 'interval: 200ms', 'interval: 200']],
    ['sites/fleet.yaml:15:17 services.vpn.probe.interval: 200 has no unit\nwrite 200ms or 200s'],
  ],
  [
    'a duration with a fraction',
    [['fleet.yaml', 'interval: 200ms', 'interval: 0.2s']],
    [
      'sites/fleet.yaml:15:17 services.vpn.probe.interval: "0.2s" is not a duration\nwrite a whole number and its unit: 200ms, 30s, 5m, 1h',
    ],
  ],
  [
    'a duration with a blank',
    [['fleet.yaml', 'interval: 200ms', 'interval: 200 ms']],
    [
      'sites/fleet.yaml:15:17 services.vpn.probe.interval: "200 ms" is not a duration\nwrite a whole number and its unit: 200ms, 30s, 5m, 1h',
    ],
  ],
  [
    'a negative duration',
    [['fleet.yaml', 'interval: 200ms', 'interval: -200ms']],
    [
      'sites/fleet.yaml:15:17 services.vpn.probe.interval: "-200ms" is not a duration\nwrite a whole number and its unit: 200ms, 30s, 5m, 1h',
    ],
  ],
  [
    'an interval that is too short',
    [['fleet.yaml', 'interval: 200ms', 'interval: 29ms']],
    [
      'sites/fleet.yaml:15:17 services.vpn.probe.interval: "29ms" is shorter than 30ms\nWireGuard answers fewer handshakes when they come faster than every 25 ms',
    ],
  ],
  [
    'an interval that is too long',
    [['fleet.yaml', 'interval: 200ms', 'interval: 1h']],
    ['sites/fleet.yaml:15:17 services.vpn.probe.interval: "1h" is longer than 60s'],
  ],
  [
    'a timeout that is too short',
    [['fleet.yaml', 'interval: 200ms', 'timeout: 9ms']],
    ['sites/fleet.yaml:15:16 services.vpn.probe.timeout: "9ms" is shorter than 10ms'],
  ],
  [
    'a fall of zero',
    [['fleet.yaml', 'interval: 200ms', 'fall: 0']],
    ['sites/fleet.yaml:15:13 services.vpn.probe.fall: 0 is not from 1 to 1000'],
  ],
  [
    'a rise below zero',
    [['fleet.yaml', 'interval: 200ms', 'rise: -1']],
    ['sites/fleet.yaml:15:13 services.vpn.probe.rise: -1 is not from 1 to 1000'],
  ],
  [
    'a multiplier of 1',
    [['fra1.yaml', 'multiplier: 3', 'multiplier: 1']],
    ['sites/fra1.yaml:15:45 nodes[0].neighbors[0].bfd.multiplier: 1 is not from 2 to 255'],
  ],
]

test.each(rows)('single values: %s', (_name, edits, issues) => {
  expect(issuesAfter(edits)).toEqual(issues)
})
