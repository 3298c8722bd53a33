import { expect, test } from 'vitest'
import { type Edit, issuesAfter } from './base.ts'

const store = 'store: { endpoints: [10.9.0.1:2379], caFile: /a/ca, certFile: /a/c, keyFile: /a/k }\n'
const fleet = (text: string): Edit => ['fleet.yaml', 'asn: 64500\n', `asn: 64500\n${text}`]
const unicast = (site: 'ams1' | 'fra1', address: string): Edit => [
  `${site}.yaml`,
  'services: [vpn]\n',
  `services: [vpn]\n    unicast: ${address}\n`,
]

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
]

test.for(rows)('probes between sites %s', ([, edits, issues]) => {
  expect(issuesAfter(edits)).toEqual(issues)
})
