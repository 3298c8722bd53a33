import { expect, test } from 'vitest'
import { type Edit, issuesAfter } from './base.ts'

const store = 'store: { endpoints: [10.9.0.1:2379], caFile: /a/ca, certFile: /a/c, keyFile: /a/k }\n'
const fleet = (text: string): Edit => ['fleet.yaml', 'asn: 64500\n', `asn: 64500\n${text}`]
const unicast = (site: 'ams1' | 'fra1', address: string): Edit => [
  `${site}.yaml`,
  'services: [vpn]\n',
  `services: [vpn]\n    unicast: ${address}\n`,
]
const both = [unicast('ams1', '198.51.100.7'), unicast('fra1', '198.51.100.8')]

const rows: [name: string, edits: Edit[], issues: string[]][] = [
  [
    'without certificates',
    [fleet('rescue: {}\n'), ...both],
    [
      'sites/fleet.yaml:2:9 rescue: has no caFile, certFile, keyFile, and the fleet has no store whose files it could use\nadd the paths of the certificate that each node has, see docs/fleet.md',
    ],
  ],
  [
    'without a key',
    [fleet('rescue: { caFile: /a/ca, certFile: /a/c }\n'), ...both],
    [
      'sites/fleet.yaml:2:9 rescue: has no keyFile, and the fleet has no store whose files it could use\nadd the paths of the certificate that each node has, see docs/fleet.md',
    ],
  ],
  [
    'with a node that the others do not reach',
    [fleet(`${store}rescue: {}\n`), unicast('ams1', '198.51.100.7')],
    [
      'sites/fra1.yaml:3:5 nodes[0]: fra1-a has no `unicast`, where the other nodes read its roster\nadd `unicast`, an address that this node alone has, or remove `rescue`',
    ],
  ],
  [
    'with a port that is none, and a path that is none',
    [fleet(`${store}rescue: { port: 65536, keyFile: node.key }\n`), ...both],
    [
      'sites/fleet.yaml:3:17 rescue.port: 65536 is not from 1 to 65535',
      'sites/fleet.yaml:3:33 rescue.keyFile: is not an absolute path (the value is not shown: it could be the secret itself)\nkeep the secret in a file on the node, and write its path here, such as /etc/anyward/store/client.key',
    ],
  ],
]

test.for(rows)('the roster %s', ([, edits, issues]) => {
  expect(issuesAfter(edits)).toEqual(issues)
})

test('the certificates of the store are enough', () => {
  expect(issuesAfter([fleet(`${store}rescue: {}\n`), ...both])).toEqual([])
})
