import { expect, test } from 'vitest'
import { type Edit, issuesAfter } from './base.ts'

const store = 'store: { endpoints: [10.9.0.1:2379], caFile: /a/ca, certFile: /a/c, keyFile: /a/k }\n'
const fleet = (text: string): Edit => ['fleet.yaml', 'asn: 64500\n', `asn: 64500\n${text}`]
const unicast = (site: 'ams1' | 'fra1', address: string): Edit => [
  `${site}.yaml`,
  'services: [vpn]\n',
  `services: [vpn]\n    unicast: ${address}\n`,
]
const keys = (site: 'ams1' | 'fra1', map: string): Edit => [
  `${site}.yaml`,
  'services: [vpn]\n',
  `services: [vpn]\n    probeKeys: ${map}\n`,
]
const keyA = 'xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg='

const rows: [name: string, edits: Edit[], issues: string[]][] = [
  [
    'without a store',
    [fleet('remote: {}\n'), unicast('ams1', '198.51.100.7')],
    [
      'sites/fleet.yaml:2:9 remote: the fleet has no store, so that no site learns what another one sees\nadd `store`, or remove `remote`',
    ],
  ],
  [
    'of no node',
    [fleet(`${store}remote: {}\n`)],
    [
      'sites/fleet.yaml:3:9 warning: remote: no node has `unicast`, so that none is probed\nadd `unicast` to nodes',
    ],
  ],
  [
    'too often, and from too many sites',
    [fleet(`${store}remote: { interval: 999ms, observers: 21 }\n`), unicast('ams1', '198.51.100.7')],
    [
      'sites/fleet.yaml:3:21 remote.interval: "999ms" is shorter than 1s',
      'sites/fleet.yaml:3:39 remote.observers: 21 is not from 1 to 20',
    ],
  ],
  [
    'of two nodes with one address, which every site announces',
    [unicast('ams1', '192.0.2.7'), unicast('fra1', '192.0.2.7')],
    [
      'sites/ams1.yaml:7:14 nodes[0].unicast: 192.0.2.7 is in 192.0.2.0/24, which other sites announce too: any of them may answer\nwrite an address that this node alone has',
      'sites/fra1.yaml:7:14 nodes[0].unicast: "192.0.2.7" is already used by sites/ams1.yaml nodes[0].unicast\nwrite an address that this node alone has',
      'sites/fra1.yaml:7:14 nodes[0].unicast: 192.0.2.7 is in 192.0.2.0/24, which other sites announce too: any of them may answer\nwrite an address that this node alone has',
    ],
  ],
  [
    'of an address that is none',
    [unicast('ams1', '198.51.100.7/32')],
    [
      'sites/ams1.yaml:7:14 nodes[0].unicast: "198.51.100.7/32" has a prefix length, but must be a single address\nwrite 198.51.100.7',
    ],
  ],
  [
    'with a key of a service that the node does not serve, and with that of a server',
    [keys('ams1', `{ vpm: ${keyA} }`), keys('fra1', '{ vpn: F7ZBixmXQ7ENlfBSvl2C277ZfjW8oy6gumYftCfg4Ao= }')],
    [
      'sites/ams1.yaml:7:18 nodes[0].probeKeys.vpm: "vpm" is not among the services of the node\nremove it, or add it to `services`',
      "sites/fra1.yaml:7:23 nodes[0].probeKeys.vpn: is the key of the server of vpn, not that of a probe\nwrite what `wg pubkey` prints for the probe's key file",
    ],
  ],
  [
    'with one key at two nodes',
    [keys('ams1', `{ vpn: ${keyA} }`), keys('fra1', `{ vpn: ${keyA} }`)],
    [
      'sites/fra1.yaml:7:23 nodes[0].probeKeys.vpn: is the same key as sites/ams1.yaml nodes[0].probeKeys.vpn\nmake a key for each node, with `wg genkey`',
    ],
  ],
  [
    // One of the public keys that have the bits of private ones.
    'with a private key, which is not shown, instead of a public one',
    [
      keys('ams1', '{ vpn: uNfzL0W6tSFI5g/7+fZei2B4cdwHY3qTAsQPh0NeGGE= }'),
      keys('fra1', '{ vpn: mP+HvmEbXcpti5narpo8Nr4POqscEaDVvmxKAmEK8UA= }'),
    ],
    [
      'sites/ams1.yaml:7:23 nodes[0].probeKeys.vpn: is a private key (the value is not shown), which is now no secret any more\nmake another one with wg genkey, and write what wg pubkey prints for it',
    ],
  ],
  [
    'with a key of services that are no list',
    [['ams1.yaml', 'services: [vpn]\n', `services: vpn\n    probeKeys: { vpn: ${keyA} }\n`]],
    ['sites/ams1.yaml:6:15 nodes[0].services: expected a list, got "vpn"\nwrite [vpn]'],
  ],
  [
    'with a key that is none',
    [keys('ams1', '{ vpn: short }')],
    [
      'sites/ams1.yaml:7:23 nodes[0].probeKeys.vpn: is not a WireGuard public key: it is 5 characters long (the value is not shown: a private key looks the same)\na key is 32 bytes in base64, 44 characters that end in =; wg pubkey prints it',
    ],
  ],
]

test.for(rows)('probes between sites %s', ([, edits, issues]) => {
  expect(issuesAfter(edits)).toEqual(issues)
})
