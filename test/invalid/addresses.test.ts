import { expect, test } from 'vitest'
import { type Edit, issuesAfter } from './base.ts'

const rack = 'address: "2001:db8:21::1", gtsm: true'
const linkLocal = 'address: "fe80::1", interface: eth1'
const refused =
  'uses no route of a neighbor that is named by its link-local address where that neighbor has opened the connection, and this one has import: default-only\nwrite interface without address, if the neighbor sends router advertisements; else its global address, import: nothing, or daemon: bird'

const rows: [name: string, edits: Edit[], issues: string[]][] = [
  [
    'a link-local neighbor of FRR, without routes',
    [['ams1.yaml', rack, `${linkLocal}, import: nothing`]],
    [],
  ],
  [
    'a link-local neighbor of the newest FRR, with routes',
    [['ams1.yaml', rack, `${linkLocal}, import: default-only`]],
    [`sites/ams1.yaml:9:55 nodes[0].neighbors[1].address: FRR 10.3 ${refused}`],
  ],
  [
    'the same, of FRR 8.5',
    [
      ['ams1.yaml', rack, `${linkLocal}, import: default-only`],
      ['ams1.yaml', 'daemon: frr', 'daemon: frr\n    daemonVersion: "8.5"'],
    ],
    [`sites/ams1.yaml:10:55 nodes[0].neighbors[1].address: FRR 8.5 ${refused}`],
  ],
  [
    'the same, of FRR 8.4',
    [
      ['ams1.yaml', rack, `${linkLocal}, import: default-only`],
      ['ams1.yaml', 'daemon: frr', 'daemon: frr\n    daemonVersion: "8.4.4"'],
    ],
    [],
  ],
  ['the same, unnumbered', [['ams1.yaml', rack, 'interface: eth1, import: default-only']], []],
  [
    'an invalid address',
    [['fra1.yaml', 'address: 10.1.1.1\n', 'address: 10.1.1.300\n']],
    [
      'sites/fra1.yaml:11:18 nodes[0].neighbors[0].address: "10.1.1.300" is not an IPv4 address\neach of its four numbers is 0 to 255',
    ],
  ],
  [
    'an address read as octal',
    [['fra1.yaml', 'address: 10.1.1.1\n', 'address: 10.01.1.010\n']],
    [
      'sites/fra1.yaml:11:18 nodes[0].neighbors[0].address: "10.01.1.010" has an octet with a leading zero, which some tools read as octal\nwrite 10.1.1.10',
    ],
  ],
  [
    'a name for an address',
    [['fra1.yaml', 'address: 10.1.1.1\n', 'address: router.example.net\n']],
    [
      'sites/fra1.yaml:11:18 nodes[0].neighbors[0].address: "router.example.net" is not an IP address\nwrite one such as 192.0.2.1 or 2001:db8::1',
    ],
  ],
  [
    'an address with a length',
    [['fra1.yaml', 'address: 10.1.1.1\n', 'address: 10.1.1.1/30\n']],
    [
      'sites/fra1.yaml:11:18 nodes[0].neighbors[0].address: "10.1.1.1/30" has a prefix length, but must be a single address\nwrite 10.1.1.1',
    ],
  ],
  [
    'host bits',
    [['fleet.yaml', 'covering: [192.0.2.0/24,', 'covering: [192.0.2.1/24,']],
    [
      'sites/fleet.yaml:6:16 services.vpn.covering[0]: "192.0.2.1/24" has host bits set beyond /24\nwrite 192.0.2.0/24, or 192.0.2.1/32 for a single address',
    ],
  ],
  [
    'a prefix without a length',
    [['fleet.yaml', 'anycast: [192.0.2.1/32,', 'anycast: [192.0.2.1,']],
    [
      'sites/fleet.yaml:5:15 services.vpn.anycast[0]: "192.0.2.1" has no prefix length\nwrite 192.0.2.1/32 for a single address',
    ],
  ],
  [
    'a prefix that is too long',
    [['fleet.yaml', 'anycast: [192.0.2.1/32,', 'anycast: [192.0.2.1/33,']],
    [
      'sites/fleet.yaml:5:15 services.vpn.anycast[0]: "192.0.2.1/33" has a prefix length that is not 0 to 32\nwrite 192.0.2.1/32 or shorter',
    ],
  ],
  [
    'an IPv6 address without quotes in a list',
    [['fleet.yaml', 'allow: [192.0.2.0/24, "2001:db8::/32"]', 'allow: [192.0.2.0/24, 2001:db8::]']],
    [
      'sites/fleet.yaml:2:33 bogons.allow[1]: expected text, got a map\nput it in quotes: it ends in a colon',
      'sites/fleet.yaml:6:30 services.vpn.covering[1]: 2001:db8:51::/48 is in a bogon range, 2001:db8::/32: documentation (RFC 3849)\nif this is intended, as in a lab, add 2001:db8::/32 to bogons.allow',
    ],
  ],
  [
    'a router id that is IPv6',
    [['fra1.yaml', 'routerId: 10.0.0.11', 'routerId: "::1"']],
    [
      'sites/fra1.yaml:5:15 nodes[0].routerId: "::1" is not a router id\nwrite four numbers with dots, unique in the fleet, such as 10.0.0.11; an IPv6-only node needs one too',
    ],
  ],
  [
    'a router id of zero',
    [['fra1.yaml', 'routerId: 10.0.0.11', 'routerId: 0.0.0.0']],
    [
      'sites/fra1.yaml:5:15 nodes[0].routerId: "0.0.0.0" is not a router id\nwrite four numbers with dots, unique in the fleet, such as 10.0.0.11; an IPv6-only node needs one too',
    ],
  ],
  [
    'a relative secret file',
    [['fleet.yaml', '/etc/anyward/probe.key', 'probe.key']],
    [
      'sites/fleet.yaml:13:23 services.vpn.probe.privateKeyFile: is not an absolute path (the value is not shown: it could be the secret itself)\nkeep the secret in a file on the node, and write its path here, such as /etc/anyward/probe.key',
    ],
  ],
  [
    'a key for a key file',
    [['fleet.yaml', '/etc/anyward/probe.key', 'QGV5VGhhdElzUmVhbGx5QVNlY3JldFZhbHVlMTIzNDU=']],
    [
      'sites/fleet.yaml:13:23 services.vpn.probe.privateKeyFile: is not an absolute path (the value is not shown: it could be the secret itself)\nkeep the secret in a file on the node, and write its path here, such as /etc/anyward/probe.key',
    ],
  ],
  [
    'a secret file with a line break',
    [['fra1.yaml', '/etc/anyward/transit1.password', '"/etc/anyward/x\\n  password y"']],
    [
      'sites/fra1.yaml:16:23 nodes[0].neighbors[0].passwordFile: is not an absolute path (the value is not shown: it could be the secret itself)\nkeep the secret in a file on the node, and write its path here, such as /etc/anyward/transit1.password',
    ],
  ],
  [
    'a public key that is too short',
    [['fleet.yaml', 'F7ZBixmXQ7ENlfBSvl2C277ZfjW8oy6gumYftCfg4Ao=', 'F7ZBixmXQ7ENlfBSvl2C277Zfj']],
    [
      'sites/fleet.yaml:10:18 services.vpn.wireguard.publicKey: is not a WireGuard public key: it is 26 characters long (the value is not shown: a private key looks the same)\na key is 32 bytes in base64, 44 characters that end in =; wg pubkey prints it',
    ],
  ],
  [
    'a public key that is not canonical',
    [
      [
        'fleet.yaml',
        'F7ZBixmXQ7ENlfBSvl2C277ZfjW8oy6gumYftCfg4Ao=',
        'F7ZBixmXQ7ENlfBSvl2C277ZfjW8oy6gumYftCfg4Ap=',
      ],
    ],
    [
      'sites/fleet.yaml:10:18 services.vpn.wireguard.publicKey: is not a WireGuard public key: it is not canonical base64 (the value is not shown: a private key looks the same)\na key is 32 bytes in base64, 44 characters that end in =; wg pubkey prints it',
    ],
  ],
  [
    'a public key of zeros',
    [
      [
        'fleet.yaml',
        'F7ZBixmXQ7ENlfBSvl2C277ZfjW8oy6gumYftCfg4Ao=',
        'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=',
      ],
    ],
    [
      'sites/fleet.yaml:10:18 services.vpn.wireguard.publicKey: is all zeros\nwrite the key that wg pubkey prints',
    ],
  ],
  [
    'an interface name that is too long',
    [['fleet.yaml', 'interface: wg0', 'interface: wireguard-fra1-0']],
    [
      'sites/fleet.yaml:8:18 services.vpn.wireguard.interface: "wireguard-fra1-0" is longer than 15 characters\nLinux limits interface names to 15 characters',
    ],
  ],
  [
    'an interface name with a slash',
    [['fleet.yaml', 'interface: wg0', 'interface: ../wg0']],
    [
      'sites/fleet.yaml:8:18 services.vpn.wireguard.interface: "../wg0" is not an interface name\nuse letters, digits, _ . and -, with a letter first, such as wg0',
    ],
  ],
  [
    'an invalid host',
    [['fleet.yaml', 'rpki.example.net', '"rpki example"']],
    ['sites/fleet.yaml:19:53 rpki.caches[1].host: "rpki example" is neither an address nor a host name'],
  ],
  [
    'a listen address without a port',
    [['fleet.yaml', 'asn: 64500\n', 'asn: 64500\ncontroller: { listen: 127.0.0.1 }\n']],
    [
      'sites/fleet.yaml:2:23 controller.listen: "127.0.0.1" is not an address and a port\nwrite 127.0.0.1:9586 or "[::1]:9586"',
    ],
  ],
  [
    'a listen address that is a name',
    [['fleet.yaml', 'asn: 64500\n', 'asn: 64500\ncontroller: { listen: "localhost:9586" }\n']],
    [
      'sites/fleet.yaml:2:23 controller.listen: "localhost:9586" is not an address and a port\nwrite 127.0.0.1:9586 or "[::1]:9586"',
    ],
  ],
  [
    'an AS number of 0',
    [['fleet.yaml', 'asn: 64500', 'asn: 0']],
    ['sites/fleet.yaml:1:6 asn: 0 is reserved (RFC 7607)\nwrite the number that your registry assigned'],
  ],
  [
    'AS_TRANS',
    [['fleet.yaml', 'asn: 64500', 'asn: 23456']],
    [
      'sites/fleet.yaml:1:6 asn: 23456 is AS_TRANS, a placeholder that no AS may use (RFC 6793)\nwrite the number that your registry assigned',
    ],
  ],
  [
    'AS 65535',
    [['fleet.yaml', 'asn: 64500', 'asn: 65535']],
    ['sites/fleet.yaml:1:6 asn: 65535 is reserved (RFC 7300)\nwrite the number that your registry assigned'],
  ],
  [
    'AS 4294967295',
    [['fleet.yaml', 'asn: 64500', 'asn: 4294967295']],
    [
      'sites/fleet.yaml:1:6 asn: 4294967295 is reserved (RFC 7300)\nwrite the number that your registry assigned',
    ],
  ],
  [
    'an AS number out of range',
    [['fleet.yaml', 'asn: 64500', 'asn: 4294967296']],
    [
      'sites/fleet.yaml:1:6 asn: 4294967296 is not an AS number\nan AS number is a whole number from 1 to 4294967294',
    ],
  ],
  [
    'an AS number in dotted notation',
    [['fleet.yaml', 'asn: 64500', 'asn: 1.10']],
    ['sites/fleet.yaml:1:6 asn: "1.10" is in dotted notation, which FRR refuses\nwrite 65546'],
  ],
  [
    'an AS number in quoted dotted notation',
    [['fleet.yaml', 'asn: 64500', 'asn: "64512.1"']],
    ['sites/fleet.yaml:1:6 asn: "64512.1" is in dotted notation, which FRR refuses\nwrite 4227858433'],
  ],
  [
    'an AS number with letters',
    [['fleet.yaml', 'asn: 64500', 'asn: AS64500']],
    ['sites/fleet.yaml:1:6 asn: expected a whole number, got "AS64500"\nwrite 64500'],
  ],
  [
    'an AS number with a leading zero',
    [['fleet.yaml', 'asn: 64500', 'asn: 064500']],
    ['sites/fleet.yaml:1:6 asn: 064500 has a leading zero, which some tools read as octal\nwrite 64500'],
  ],
  [
    'an AS number in exponent notation',
    [['fleet.yaml', 'asn: 64500', 'asn: 6.45e4']],
    ['sites/fleet.yaml:1:6 asn: expected a whole number, got the number 6.45e4\nwrite it in plain digits'],
  ],
  [
    'an AS number that is negative',
    [['fleet.yaml', 'asn: 64500', 'asn: -1']],
    ['sites/fleet.yaml:1:6 asn: -1 is not an AS number\nan AS number is a whole number from 1 to 4294967294'],
  ],
  [
    'a host name of digits',
    [['fleet.yaml', 'rpki.example.net', '10.0.0']],
    ['sites/fleet.yaml:19:53 rpki.caches[1].host: "10.0.0" is neither an address nor a host name'],
  ],
  [
    'a negative number with a leading zero',
    [['fleet.yaml', 'asn: 64500', 'asn: -0']],
    ['sites/fleet.yaml:1:6 asn: expected a whole number, got the number -0\nwrite it in plain digits'],
  ],
]

test.each(rows)('addresses, keys and numbers: %s', (_name, edits, issues) => {
  expect(issuesAfter(edits)).toEqual(issues)
})
