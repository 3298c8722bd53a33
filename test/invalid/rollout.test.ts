import { expect, test } from 'vitest'
import { type Edit, issuesAfter } from './base.ts'

const rollout = (settings: string): Edit => [
  'fleet.yaml',
  'asn: 64500\n',
  `asn: 64500\nrollout: { ${settings} }\n`,
]
const ssh = (name: string): Edit => ['ams1.yaml', 'services: [vpn]\n', `services: [vpn]\n    ssh: ${name}\n`]

const rows: [name: string, edits: Edit[], issues: string[]][] = [
  [
    'waves of every kind',
    [
      rollout(
        'waves: [{ name: a, nodes: [fra1-a] }, { name: b, sites: [ams1] }, { name: c, share: 10% }], soak: 0s',
      ),
    ],
    [],
  ],
  [
    'a wave of nothing, and one of two kinds',
    [rollout('waves: [{ name: a }, { name: b, sites: [ams1], share: 10% }]')],
    [
      'sites/fleet.yaml:2:20 rollout.waves[0]: has none of nodes, sites and share\nwrite share: 25%, for example',
      'sites/fleet.yaml:2:33 rollout.waves[1]: has sites and share\nkeep one of them',
    ],
  ],
  [
    'a node, a site and a name that are given twice',
    [
      rollout(
        'waves: [{ name: a, nodes: [fra1-a] }, { name: a, nodes: [fra1-a] }, { name: b, sites: [ams1, ams1] }]',
      ),
    ],
    [
      'sites/fleet.yaml:2:58 rollout.waves[1].name: "a" is already used by rollout.waves[0].name\ngive each wave a name of its own',
      'sites/fleet.yaml:2:69 rollout.waves[1].nodes[0]: "fra1-a" is already used by rollout.waves[0].nodes[0]\na node is in one wave',
      'sites/fleet.yaml:2:105 rollout.waves[2].sites[1]: "ams1" is already used by rollout.waves[2].sites[0]\na site is in one wave',
    ],
  ],
  [
    'a node and a site that the fleet does not have',
    [rollout('waves: [{ name: a, nodes: [fra1-b] }, { name: b, sites: [lon1] }]')],
    [
      'sites/fleet.yaml:2:39 rollout.waves[0].nodes[0]: the fleet has no node "fra1-b"\nwrite the name of a node',
      'sites/fleet.yaml:2:69 rollout.waves[1].sites[0]: the fleet has no site "lon1"\nwrite the name of a site',
    ],
  ],
  [
    'a share of more than all',
    [rollout('waves: [{ name: a, share: 101% }]')],
    [
      'sites/fleet.yaml:2:38 rollout.waves[0].share: "101%" is not a percentage from 1% to 100%\nwrite a whole percentage, such as 25%',
    ],
  ],
  [
    'a store that the fleet does not have',
    [rollout('via: store')],
    ['sites/fleet.yaml:2:17 rollout.via: the fleet has no store\nadd `store`, or write via: ssh'],
  ],
  ...['-oProxyCommand=x', 'root@fra1', 'a b', '"$(id)"', 'fra1:22'].map(
    (name): [string, Edit[], string[]] => [
      `a name for ssh with characters of its own: ${name}`,
      [ssh(name)],
      [
        `sites/ams1.yaml:7:10 nodes[0].ssh: "${name.replaceAll('"', '')}" is not a host name for ssh\nwrite a Host of your ssh_config, which also sets the user, the port and jump hosts`,
      ],
    ],
  ),
]

test.each(rows)('a rollout: %s', (_name, edits, issues) => {
  expect(issuesAfter(edits)).toEqual(issues)
})
