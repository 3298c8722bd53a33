import { expect, test } from 'vitest'
import { type Edit, issuesAfter } from './base.ts'

/** The base fleet with its BIRD node attached, valid. */
const attached: Edit[] = [
  ['fra1.yaml', 'daemon: bird', 'daemon: bird\n    routing: attached'],
  [
    'fra1.yaml',
    '        bfd: { interval: 100ms, multiplier: 3 }\n        passwordFile: /etc/anyward/transit1.password\n',
    '',
  ],
]

const rows: [name: string, edits: Edit[], issues: string[]][] = [
  ['an attached node', attached, []],
  [
    'an attached node whose sessions have names',
    [
      ...attached,
      [
        'fra1.yaml',
        'kind: transit\n        asn: 64601\n        address: 10',
        'session: transit-a\n        kind: transit\n        asn: 64601\n        address: 10',
      ],
    ],
    [],
  ],
  [
    'routing of another word',
    [['fra1.yaml', 'daemon: bird', 'daemon: bird\n    routing: own']],
    ['sites/fra1.yaml:5:14 nodes[0].routing: "own" is not managed or attached'],
  ],
  [
    'settings of a session at an attached node',
    [['fra1.yaml', 'daemon: bird', 'daemon: bird\n    routing: attached']],
    [
      'sites/fra1.yaml:16:14 nodes[0].neighbors[0].bfd: the node has routing: attached, so its own bird.conf decides this\nleave bfd out, and set it in that file',
      'sites/fra1.yaml:17:23 nodes[0].neighbors[0].passwordFile: the node has routing: attached, so its own bird.conf decides this\nleave passwordFile out, and set it in that file',
    ],
  ],
  [
    'more settings of a session at an attached node',
    [
      ['ams1.yaml', 'daemon: frr', 'daemon: frr\n    routing: attached'],
      [
        'ams1.yaml',
        'address: 10.2.1.1',
        'address: 10.2.1.1, limit: 1000, role: customer, multihop: 2, timers: { hold: 30s }, tighten: { notFound: reject }, session: a',
      ],
    ],
    [
      'sites/ams1.yaml:9:80 nodes[0].neighbors[0].limit: the node has routing: attached, so its own frr.conf decides this\nleave limit out, and set it in that file',
      'sites/ams1.yaml:9:92 nodes[0].neighbors[0].role: the node has routing: attached, so its own frr.conf decides this\nleave role out, and set it in that file',
      'sites/ams1.yaml:9:112 nodes[0].neighbors[0].multihop: the node has routing: attached, so its own frr.conf decides this\nleave multihop out, and set it in that file',
      'sites/ams1.yaml:9:123 nodes[0].neighbors[0].timers: the node has routing: attached, so its own frr.conf decides this\nleave timers out, and set it in that file',
      'sites/ams1.yaml:9:159 nodes[0].neighbors[0].tighten.notFound: the node has routing: attached, so its own frr.conf validates origins\nleave it out, and refuse such routes in that file',
      'sites/ams1.yaml:9:178 nodes[0].neighbors[0].session: FRR names a session by the address of its neighbor\nleave it out',
      'sites/ams1.yaml:10:79 nodes[0].neighbors[1].gtsm: the node has routing: attached, so its own frr.conf decides this\nleave gtsm out, and set it in that file',
    ],
  ],
  [
    'unicast prefixes of an attached node',
    [...attached, ['fra1.yaml', 'services: [vpn]', 'services: [vpn]\n    alwaysAnnounce: [5.5.5.0/24]']],
    [
      'sites/fra1.yaml:8:21 nodes[0].alwaysAnnounce: the node has routing: attached, so its own configuration announces its own prefixes\nleave it out, and announce them there',
    ],
  ],
  [
    'the name of a session at a managed node',
    [['ams1.yaml', 'address: 10.2.1.1', 'address: 10.2.1.1, session: transit_a']],
    [
      'sites/ams1.yaml:8:82 nodes[0].neighbors[0].session: is for a node with routing: attached: the planner names the session itself\nleave it out',
    ],
  ],
  [
    'one protocol for two sessions, and a name that BIRD cannot have',
    [
      ...attached,
      ['fra1.yaml', '- name: transit1-v6', '- name: transit1-v6\n        session: a'],
      ['fra1.yaml', '- name: transit1\n', '- name: transit1\n        session: a\n'],
    ],
    [
      'sites/fra1.yaml:18:18 nodes[0].neighbors[1].session: "a" is already used by nodes[0].neighbors[0].session\none protocol is one session: keep one of the two',
    ],
  ],
  [
    'a name that would end a command of BIRD',
    [...attached, ['fra1.yaml', '- name: transit1\n', `- name: transit1\n        session: "a'; down"\n`]],
    [
      `sites/fra1.yaml:10:18 nodes[0].neighbors[0].session: "a'; down" is not the name of a BIRD protocol\nwrite it as \`birdc show protocols\` prints it, without quotes inside`,
    ],
  ],
]

test.each(rows)('%s', (_name, edits, issues) => {
  expect(issuesAfter(edits)).toEqual(issues)
})
