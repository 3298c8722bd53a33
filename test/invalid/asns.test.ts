import { expect, test } from 'vitest'
import { type Edit, issuesAfter } from './base.ts'

const tor = 'kind: tor, asn: 64613, address: "2001:db8:21::1", gtsm: true'
const at = 'sites/ams1.yaml:9'

const rows: [name: string, edits: Edit[], issues: string[]][] = [
  ['a local AS number', [['ams1.yaml', 'gtsm: true', 'localAs: 65010']], []],
  [
    'a local AS number of an ibgp session',
    [['ams1.yaml', tor, 'kind: ibgp, asn: 64500, address: "2001:db8:21::1", localAs: 64501']],
    [
      `${at}:83 nodes[0].neighbors[1].localAs: an ibgp session is within the AS of the node\nleave localAs out, or write asn at the node`,
    ],
  ],
  [
    'a local AS number that is that of the node',
    [['ams1.yaml', 'gtsm: true', 'localAs: 64500']],
    [`${at}:82 nodes[0].neighbors[1].localAs: 64500 is the AS number of the node anyway\nleave localAs out`],
  ],
  [
    'a local AS number that is that of the neighbor',
    [['ams1.yaml', 'gtsm: true', 'localAs: 64613']],
    [
      `${at}:82 nodes[0].neighbors[1].localAs: 64613 is the neighbor's own AS number, and between equal numbers a session is iBGP\nwrite another AS number of ours, or kind: ibgp and asn at the node`,
    ],
  ],
  [
    'a local AS number beside the AS number of a site',
    [
      ['ams1.yaml', 'site: ams1', 'site: ams1\nasn: 65010'],
      ['ams1.yaml', 'gtsm: true', 'localAs: 65010'],
    ],
    [
      'sites/ams1.yaml:10:82 nodes[0].neighbors[1].localAs: 65010 is the AS number of the node anyway\nleave localAs out',
    ],
  ],
  [
    'a local AS number on FRR, with a role that marks routes',
    [['ams1.yaml', 'kind: transit, asn: 64602', 'kind: peer, limit: 9, localAs: 65010, asn: 64602']],
    [
      'sites/ams1.yaml:8:9 nodes[0].neighbors[0].role: with localAs and the role peer, FRR marks our routes with the AS number of the node, 64500: the neighbor would drop our routes as leaks (RFC 9234, section 5)\nwrite role: none, or use daemon: bird',
    ],
  ],
  [
    'the same on BIRD',
    [
      [
        'fra1.yaml',
        'kind: transit\n        asn: 64601\n        address: 2001',
        'kind: peer\n        limit: 9\n        localAs: 65010\n        asn: 64601\n        address: 2001',
      ],
    ],
    [],
  ],
  [
    'an ibgp neighbor at a site of another AS',
    [
      ['ams1.yaml', 'site: ams1', 'site: ams1\nasn: 65010'],
      ['ams1.yaml', tor, 'kind: ibgp, asn: 64500, address: "2001:db8:21::1"'],
    ],
    [
      'sites/ams1.yaml:10:40 nodes[0].neighbors[1].asn: an ibgp neighbor is in our own AS, 65010, not in 64500\niBGP is within one AS: give both nodes the same asn, and write localAs at the neighbors that know one of them by another',
    ],
  ],
  [
    'a neighbor in the AS of its node',
    [['ams1.yaml', 'daemon: frr', 'daemon: frr\n    asn: 64613']],
    [
      'sites/ams1.yaml:10:39 nodes[0].neighbors[1].asn: 64613 is our own AS, but kind tor is another network\nwrite the neighbor’s AS number, or kind: ibgp',
    ],
  ],
  [
    'an AS number of a site that is none',
    [['ams1.yaml', 'site: ams1', 'site: ams1\nasn: 23456']],
    [
      'sites/ams1.yaml:2:6 asn: 23456 is AS_TRANS, a placeholder that no AS may use (RFC 6793)\nwrite the number that your registry assigned',
    ],
  ],
  [
    'other-own-asn relaxed where there is no other AS number',
    [['ams1.yaml', 'address: 10.2.1.1', 'address: 10.2.1.1, relax: [other-own-asn]']],
    [
      'sites/ams1.yaml:8:81 warning: nodes[0].neighbors[0].relax[0]: other-own-asn applies only where we have other AS numbers\nleave it out',
    ],
  ],
  [
    'other-own-asn relaxed where a private number of another node is the only other one',
    [
      ['ams1.yaml', 'address: 10.2.1.1', 'address: 10.2.1.1, relax: [other-own-asn]'],
      ['fra1.yaml', 'daemon: bird', 'daemon: bird\n    asn: 65010'],
    ],
    [
      'sites/ams1.yaml:8:81 warning: nodes[0].neighbors[0].relax[0]: other-own-asn applies only where we have other AS numbers\nleave it out',
    ],
  ],
  [
    'other-own-asn relaxed where another node has another number',
    [
      ['ams1.yaml', 'address: 10.2.1.1', 'address: 10.2.1.1, relax: [other-own-asn]'],
      ['fra1.yaml', 'daemon: bird', 'daemon: bird\n    asn: 64501'],
    ],
    [],
  ],
]

test.each(rows)('AS numbers: %s', (_name, edits, issues) => {
  expect(issuesAfter(edits)).toEqual(issues)
})
