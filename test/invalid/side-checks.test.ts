import { expect, test } from 'vitest'
import { type Edit, issuesAfter } from './base.ts'

/** The base service with other checks and their settings in `probe`. */
const checks = (names: string, ...lines: string[]): Edit => [
  'fleet.yaml',
  'checks: [interface, handshake]',
  [`checks: [interface, handshake${names}]`, ...lines].join('\n      '),
]
const egress = (...targets: string[]) => checks(', egress', `egress: { targets: [${targets.join(', ')}] }`)
const echo = '{ protocol: icmp, address: 198.51.100.53 }'

const otherService = (line: string): Edit => [
  'fleet.yaml',
  'rpki:\n',
  `  vpn443:
    anycast: [192.0.2.1/32]
    covering: [192.0.2.0/24]
    wireguard: { ${line}, publicKey: "F7ZBixmXQ7ENlfBSvl2C277ZfjW8oy6gumYftCfg4Ao=", addresses: [10.81.0.1/16] }
    probe: { privateKeyFile: /etc/anyward/probe443.key, address: 10.81.0.2 }
rpki:
`,
]

const rows: [name: string, edits: Edit[], issues: string[]][] = [
  [
    'every side check, configured correctly',
    [
      checks(
        ', egress, command, peers, conntrack',
        `egress: { targets: [${echo}] }`,
        'command: { argv: [/bin/true] }',
      ),
    ],
    [],
  ],
  [
    'egress without targets',
    [checks(', egress')],
    [
      'sites/fleet.yaml:16:38 services.vpn.probe.checks[2]: egress is among the checks, but is not configured\nadd egress: { targets: [{ protocol: icmp, address: 198.51.100.53 }] } under probe',
    ],
  ],
  [
    'command without a program',
    [checks(', command')],
    [
      'sites/fleet.yaml:16:38 services.vpn.probe.checks[2]: command is among the checks, but is not configured\nadd command: { argv: [/usr/local/bin/check-upstream] } under probe',
    ],
  ],
  [
    'settings of checks that are not listed',
    [checks('', `egress: { targets: [${echo}] }`, 'peers: { drop: 30% }')],
    [
      'sites/fleet.yaml:17:7 warning: services.vpn.probe.egress: egress is configured, but not among the checks: it does not run\nadd egress to checks, or remove egress',
      'sites/fleet.yaml:18:7 warning: services.vpn.probe.peers: peers is configured, but not among the checks: it does not run\nadd peers to checks, or remove peers',
    ],
  ],
  [
    'an echo with a port',
    [egress('{ protocol: icmp, address: 198.51.100.53, port: 53 }')],
    [
      'sites/fleet.yaml:17:75 services.vpn.probe.egress.targets[0].port: an icmp target has no port\nremove it, or write protocol: tcp',
    ],
  ],
  [
    'a connection without a port',
    [egress('{ protocol: tcp, address: 198.51.100.80 }')],
    [
      'sites/fleet.yaml:17:27 services.vpn.probe.egress.targets[0]: a tcp target needs a port\nadd one, such as port: 443',
    ],
  ],
  [
    'a query without a name, and a name without a query',
    [
      egress(
        '{ protocol: dns, address: 198.51.100.53 }',
        '{ protocol: tcp, address: 198.51.100.80, port: 443, name: example.com }',
      ),
    ],
    [
      'sites/fleet.yaml:17:27 services.vpn.probe.egress.targets[0]: a dns target needs a name to query\nadd one, such as name: example.com',
      'sites/fleet.yaml:17:128 services.vpn.probe.egress.targets[1].name: only a dns target has a name\nremove it, or write protocol: dns',
    ],
  ],
  [
    'a target of another family than the probe',
    [egress('{ protocol: icmp, address: "2001:db8::53" }')],
    [
      "sites/fleet.yaml:17:54 services.vpn.probe.egress.targets[0].address: 2001:db8::53 cannot be reached from the probe's address 10.80.255.254: the families differ\nuse a target of the probe’s address family",
    ],
  ],
  [
    'more targets required than there are',
    [checks(', egress', `egress: { targets: [${echo}], need: 2 }`)],
    [
      'sites/fleet.yaml:17:78 services.vpn.probe.egress.need: requires 2 answers from 1 target\nwrite 1 or less, or add targets',
    ],
  ],
  [
    'a target twice',
    [egress(echo, echo)],
    [
      'sites/fleet.yaml:17:71 services.vpn.probe.egress.targets[1]: icmp to 198.51.100.53 is in this list twice\nkeep one of the two',
    ],
  ],
  [
    'no target at all',
    [egress()],
    ['sites/fleet.yaml:17:26 services.vpn.probe.egress.targets: is an empty list\nadd at least one entry'],
  ],
  [
    'a program by its name alone',
    [checks(', command', 'command: { argv: [check-upstream, --fast] }')],
    [
      'sites/fleet.yaml:17:25 services.vpn.probe.command.argv[0]: check-upstream is not an absolute path\nthere is no shell and no PATH lookup: write one such as /usr/local/bin/check-upstream',
    ],
  ],
  [
    'an empty argv',
    [checks(', command', 'command: { argv: [] }')],
    ['sites/fleet.yaml:17:24 services.vpn.probe.command.argv: is an empty list\nadd at least one entry'],
  ],
  [
    'an argument with a newline',
    [checks(', command', 'command: { argv: [/bin/true, "a\\nb"] }')],
    [
      'sites/fleet.yaml:17:36 services.vpn.probe.command.argv[1]: "a\\nb" is not an argument\nat most 1024 characters, and no control characters',
    ],
  ],
  [
    'a timeout longer than the interval, written or by default',
    [
      checks(
        ', command, conntrack',
        'command: { argv: [/bin/true], interval: 10s, timeout: 11s }',
        'conntrack: { interval: 2s }',
      ),
    ],
    [
      'sites/fleet.yaml:17:61 services.vpn.probe.command.timeout: one command check may take 11000 ms, but the next begins after 10000 ms\nmake timeout at most the interval',
      'sites/fleet.yaml:18:18 services.vpn.probe.conntrack.timeout: one conntrack check may take 5000 ms, but the next begins after 2000 ms\nmake timeout at most the interval',
    ],
  ],
  [
    'an initial hold-down longer than the maximum',
    [checks('', 'holdDown: { initial: 11m }')],
    [
      'sites/fleet.yaml:17:17 services.vpn.probe.holdDown: initial, 660 s, is longer than max, 600 s\nmake initial at most max',
    ],
  ],
  [
    'two services on one address with different ports',
    [
      otherService('interface: wg1, port: 443'),
      ['fra1.yaml', 'services: [vpn]', 'services: [vpn, vpn443]'],
      ['ams1.yaml', 'services: [vpn]', 'services: [vpn, vpn443]'],
    ],
    [],
  ],
  [
    'two services on one address and port',
    [otherService('interface: wg1, port: 51820'), ['fra1.yaml', 'services: [vpn]', 'services: [vpn443]']],
    [
      'sites/fleet.yaml:19:15 services.vpn443.anycast[0]: 192.0.2.1/32 with port 51820 is also used by the service vpn: a packet cannot be for both\ngive each service an address or a port of its own',
    ],
  ],
  [
    'a node that serves only one of two services on one address',
    [otherService('interface: wg1, port: 443'), ['fra1.yaml', 'services: [vpn]', 'services: [vpn, vpn443]']],
    [
      'sites/ams1.yaml:6:15 warning: nodes[0].services: vpn and vpn443 share 192.0.2.1/32: clients of vpn443 reach this node too, where port 443 is closed\nadd vpn443, or give it an address of its own',
    ],
  ],
]

test.each(rows)('side checks and shared addresses: %s', (_name, edits, issues) => {
  expect(issuesAfter(edits)).toEqual(issues)
})
