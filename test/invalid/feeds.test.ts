import { expect, test } from 'vitest'
import { type Edit, issuesAfter } from './base.ts'

const rows: [name: string, edits: Edit[], issues: string[]][] = [
  [
    'a role on iBGP',
    [
      [
        'ams1.yaml',
        'kind: tor, asn: 64613, address: "2001:db8:21::1", gtsm: true',
        'kind: ibgp, asn: 64500, address: "2001:db8:21::1", role: peer',
      ],
    ],
    [
      'sites/ams1.yaml:9:80 nodes[0].neighbors[1].role: an ibgp session has no role (RFC 9234)\nleave role out',
    ],
  ],
  [
    'multihop on iBGP',
    [
      [
        'ams1.yaml',
        'kind: tor, asn: 64613, address: "2001:db8:21::1", gtsm: true',
        'kind: ibgp, asn: 64500, address: "2001:db8:21::1", multihop: 3',
      ],
    ],
    [
      'sites/ams1.yaml:9:84 nodes[0].neighbors[1].multihop: an ibgp session may cross any number of hops\nleave multihop out',
    ],
  ],
  [
    'not-found refused without a cache',
    [
      [
        'fleet.yaml',
        'rpki:\n  caches: [{ host: 127.0.0.1, port: 3323 }, { host: rpki.example.net, port: 323 }]\n',
        '',
      ],
      ['ams1.yaml', 'address: 10.2.1.1', 'address: 10.2.1.1, tighten: { notFound: reject }'],
    ],
    [
      'sites/ams1.yaml:8:94 nodes[0].neighbors[0].tighten.notFound: without an RPKI cache the state of every route is not-found\nadd caches under rpki in fleet.yaml, or leave it out',
    ],
  ],
  [
    'validation relaxed without a cache',
    [
      [
        'fleet.yaml',
        'rpki:\n  caches: [{ host: 127.0.0.1, port: 3323 }, { host: rpki.example.net, port: 323 }]\n',
        '',
      ],
      ['ams1.yaml', 'address: 10.2.1.1', 'address: 10.2.1.1, relax: [rpki-invalid, own-origin-invalid]'],
    ],
    [
      'sites/ams1.yaml:8:81 warning: nodes[0].neighbors[0].relax[0]: rpki-invalid applies only with rpki in fleet.yaml\nleave it out',
      'sites/ams1.yaml:8:95 warning: nodes[0].neighbors[0].relax[1]: own-origin-invalid applies only with rpki in fleet.yaml\nleave it out',
    ],
  ],
  [
    'validation relaxed where invalids are accepted',
    [
      ['fleet.yaml', 'rpki:\n', 'rpki:\n  invalid: accept\n'],
      ['ams1.yaml', 'address: 10.2.1.1', 'address: 10.2.1.1, relax: [rpki-invalid]'],
    ],
    [
      'sites/ams1.yaml:8:81 warning: nodes[0].neighbors[0].relax[0]: rpki-invalid applies only with rpki.invalid: reject\nleave it out',
    ],
  ],
  [
    'a version without quotes',
    [['ams1.yaml', 'daemon: frr', 'daemon: frr\n    daemonVersion: 8.4']],
    [
      'sites/ams1.yaml:5:20 nodes[0].daemonVersion: expected text, got the number 8.4: quotes are missing\nwrite "8.4"',
    ],
  ],
  [
    'a version of Debian',
    [['ams1.yaml', 'daemon: frr', 'daemon: frr\n    daemonVersion: 8.4.4-1.1~deb12u1']],
    [
      'sites/ams1.yaml:5:20 nodes[0].daemonVersion: "8.4.4-1.1~deb12u1" is not a version\nwrite the numbers alone, such as 8.4.4',
    ],
  ],
  [
    'a version that is a word',
    [['ams1.yaml', 'daemon: frr', 'daemon: frr\n    daemonVersion: latest']],
    [
      'sites/ams1.yaml:5:20 nodes[0].daemonVersion: "latest" is not a version\nwrite the numbers alone, such as 2.0.12 or 8.4.4',
    ],
  ],
  [
    'a BIRD without roles',
    [['fra1.yaml', 'daemon: bird', 'daemon: bird\n    daemonVersion: 2.0.10']],
    [
      'sites/fra1.yaml:5:20 nodes[0].daemonVersion: BIRD 2.0.10 is too old: it has no BGP roles and no empty sets\ninstall BIRD 2.0.11 or later',
    ],
  ],
  [
    'the version of FRR for BIRD',
    [['fra1.yaml', 'daemon: bird', 'daemon: bird\n    daemonVersion: 8.4.4']],
    [
      'sites/fra1.yaml:5:20 nodes[0].daemonVersion: there is no BIRD 8.4.4\nis it the version of FRR? Then write daemon: frr',
    ],
  ],
  [
    'an FRR that is too old',
    [['ams1.yaml', 'daemon: frr', 'daemon: frr\n    daemonVersion: 7.5.1']],
    [
      'sites/ams1.yaml:5:20 nodes[0].daemonVersion: FRR 7.5.1 is too old: its commands differ\ninstall FRR 8.0 or later',
    ],
  ],
  [
    'an FRR without roles',
    [['ams1.yaml', 'daemon: frr', 'daemon: frr\n    daemonVersion: 8.3.1']],
    [
      'sites/ams1.yaml:9:9 nodes[0].neighbors[0].role: FRR 8.3.1 has no BGP roles (RFC 9234), and a transit neighbor has the role customer\nwrite role: none, or install FRR 8.4 or later',
    ],
  ],
  [
    'a role on an FRR without roles',
    [
      ['ams1.yaml', 'daemon: frr', 'daemon: frr\n    daemonVersion: 8.3.1'],
      ['ams1.yaml', 'address: 10.2.1.1', 'address: 10.2.1.1, role: customer'],
    ],
    [
      'sites/ams1.yaml:9:79 nodes[0].neighbors[0].role: FRR 8.3.1 has no BGP roles (RFC 9234)\nwrite role: none, or install FRR 8.4 or later',
    ],
  ],
  [
    'expire below refresh',
    [['fleet.yaml', 'rpki:\n', 'rpki:\n  refresh: 3h\n']],
    [
      'sites/fleet.yaml:19:3 rpki.expire: 2h is shorter than refresh, 3h: the data would be dropped before the cache is queried again\nwrite 6h, or a shorter refresh',
    ],
  ],
  [
    'retry above expire',
    [['fleet.yaml', 'rpki:\n', 'rpki:\n  expire: 1h\n  retry: 2h\n']],
    [
      'sites/fleet.yaml:20:10 rpki.retry: 2h is longer than expire, 1h: after one failure the data would be dropped before the cache is queried again\nwrite 1h or less',
    ],
  ],
  [
    'refresh beyond a day',
    [['fleet.yaml', 'rpki:\n', 'rpki:\n  refresh: 25h\n']],
    ['sites/fleet.yaml:19:12 rpki.refresh: "25h" is longer than 24h'],
  ],
  [
    'expire below ten minutes',
    [['fleet.yaml', 'rpki:\n', 'rpki:\n  expire: 9m\n']],
    ['sites/fleet.yaml:19:11 rpki.expire: "9m" is shorter than 10m'],
  ],
  [
    'a timer that is not in whole seconds',
    [['fleet.yaml', 'rpki:\n', 'rpki:\n  retry: 1500ms\n']],
    ['sites/fleet.yaml:19:10 rpki.retry: "1500ms" is not in whole seconds\nwrite 2s'],
  ],
  [
    'a timer without a unit',
    [['fleet.yaml', 'rpki:\n', 'rpki:\n  refresh: 3600\n']],
    ['sites/fleet.yaml:19:12 rpki.refresh: 3600 has no unit\nwrite 3600s'],
  ],
  [
    'an unknown word at expiry',
    [['fleet.yaml', 'rpki:\n', 'rpki:\n  atExpiry: last_good\n']],
    ['sites/fleet.yaml:19:13 rpki.atExpiry: "last_good" is not last-good or accept\ndid you mean last-good?'],
  ],
  [
    'a cache that is the fallback too',
    [['fleet.yaml', 'rpki.example.net, port: 323', '127.0.0.1, port: 3324']],
    [
      'sites/fleet.yaml:19:45 rpki.caches[1]: 127.0.0.1 port 3324 is rpki.lastGood, which is used when no cache answers\nname a cache that validates, or give lastGood another port',
    ],
  ],
  [
    'a cache on every address',
    [['fleet.yaml', 'host: 127.0.0.1, port: 3323', 'host: 0.0.0.0, port: 3323']],
    [
      'sites/fleet.yaml:19:20 rpki.caches[0].host: 0.0.0.0 cannot be the address of a server\nwrite the cache’s own address or name',
    ],
  ],
  [
    'a single cache with no fallback',
    [['fleet.yaml', ', { host: rpki.example.net, port: 323 }]', ']\n  atExpiry: accept']],
    [
      'sites/fleet.yaml:19:11 warning: rpki.caches: there is a single RPKI cache: while it does not answer, invalid routes are accepted\nadd a second one on another machine',
    ],
  ],
  [
    'VRPs without a file',
    [['fleet.yaml', 'rpki:\n', 'rpki:\n  vrps: { maxAge: 1h }\n']],
    ['sites/fleet.yaml:19:9 rpki.vrps.file: is missing\nwrite one, such as vrps.json'],
  ],
  [
    'VRPs in a file with a command',
    [['fleet.yaml', 'rpki:\n', 'rpki:\n  vrps: { file: "$(reboot)" }\n']],
    [
      'sites/fleet.yaml:19:17 rpki.vrps.file: "$(reboot)" is not the path of a file\nuse letters, digits, inner spaces, and . _ @ + = , / -, such as vrps.json',
    ],
  ],
  [
    'VRPs that may be of any age',
    [['fleet.yaml', 'rpki:\n', 'rpki:\n  vrps: { file: vrps.json, maxAge: 1s }\n']],
    ['sites/fleet.yaml:19:36 rpki.vrps.maxAge: "1s" is shorter than 1m'],
  ],
  [
    'an IRR server in IPv6',
    [['fleet.yaml', 'rpki:\n', 'irr: { server: "2001:db8::1" }\nrpki:\n']],
    [
      'sites/fleet.yaml:18:16 irr.server: "2001:db8::1" is not a server name\nbgpq4 accepts no IPv6 address here: write the name of the server',
    ],
  ],
  [
    'an IRR server with an option',
    [['fleet.yaml', 'rpki:\n', 'irr: { server: "-x" }\nrpki:\n']],
    [
      'sites/fleet.yaml:18:16 irr.server: "-x" is not a server name\nwrite one such as rr.ntt.net or whois.example.net:4343',
    ],
  ],
  [
    'an IRR database in small letters',
    [['fleet.yaml', 'rpki:\n', 'irr: { sources: [ripe] }\nrpki:\n']],
    ['sites/fleet.yaml:18:18 irr.sources[0]: "ripe" is not an IRR database\nwrite RIPE'],
  ],
  [
    'an IRR database twice',
    [['fleet.yaml', 'rpki:\n', 'irr: { sources: [RIPE, RIPE] }\nrpki:\n']],
    ['sites/fleet.yaml:18:24 irr.sources[1]: RIPE is in this list twice\nkeep one of the two'],
  ],
  [
    'a schedule with seconds',
    [['fleet.yaml', 'rpki:\n', 'planner: { schedule: "0 */10 * * * *" }\nrpki:\n']],
    [
      'sites/fleet.yaml:18:22 planner.schedule: "0 */10 * * * *" is not a schedule of five fields\nwrite minute, hour, day of the month, month, day of the week, such as "*/10 * * * *"; there is no field for seconds',
    ],
  ],
  [
    'a schedule of a word',
    [['fleet.yaml', 'rpki:\n', 'planner: { schedule: hourly }\nrpki:\n']],
    [
      'sites/fleet.yaml:18:22 planner.schedule: "hourly" is not a schedule of five fields\nwrite minute, hour, day of the month, month, day of the week, such as "*/10 * * * *"',
    ],
  ],
  [
    'an invalid minute',
    [['fleet.yaml', 'rpki:\n', 'planner: { schedule: "60 * * * *" }\nrpki:\n']],
    [
      'sites/fleet.yaml:18:22 planner.schedule: "60" is not a minute: 0 to 59, *, or a range, list or step of them\nwrite minute, hour, day of the month, month, day of the week, such as "*/10 * * * *"',
    ],
  ],
  [
    'a step of 0',
    [['fleet.yaml', 'rpki:\n', 'planner: { schedule: "*/0 * * * *" }\nrpki:\n']],
    [
      'sites/fleet.yaml:18:22 planner.schedule: "*/0" is not a minute: 0 to 59, *, or a range, list or step of them\nwrite minute, hour, day of the month, month, day of the week, such as "*/10 * * * *"',
    ],
  ],
  [
    'a date that does not exist',
    [['fleet.yaml', 'rpki:\n', 'planner: { schedule: "0 4 31 2,4 *" }\nrpki:\n']],
    [
      'sites/fleet.yaml:18:22 planner.schedule: "0 4 31 2,4 *" never occurs: none of its months has such a day\nwrite minute, hour, day of the month, month, day of the week, such as "*/10 * * * *"',
    ],
  ],
  [
    'a schedule of every minute',
    [['fleet.yaml', 'rpki:\n', 'planner: { schedule: "* * * * *" }\nrpki:\n']],
    [
      'sites/fleet.yaml:18:22 warning: planner.schedule: 60 times an hour: IRR servers reject clients that query this often, and VRPs change every few minutes at most\nwrite "*/10 * * * *"',
    ],
  ],
  [
    'an invalid community of the fleet',
    [['fleet.yaml', 'rpki:\n', 'communities: [64500, no-export-at-all]\nrpki:\n']],
    [
      'sites/fleet.yaml:18:15 communities[0]: expected text, got the number 64500: quotes are missing\nwrite one such as 64500:100, 64500:1:2, rt:64500:100 or no-export',
      'sites/fleet.yaml:18:22 communities[1]: "no-export-at-all" is not a community\nwrite one such as 64500:100, 64500:1:2, rt:64500:100 or no-export',
    ],
  ],
  [
    'a 32-bit AS number in a community of the fleet',
    [['fleet.yaml', 'rpki:\n', 'communities: ["65536:1"]\nrpki:\n']],
    [
      'sites/fleet.yaml:18:15 communities[0]: "65536:1" has a part beyond 65535, the limit of a standard community (RFC 1997)\nwrite a large community (RFC 8092), such as 65536:0:1',
    ],
  ],
  [
    'a controller that listens on every address',
    [['fleet.yaml', 'rpki:\n', 'controller: { listen: "0.0.0.0:9586" }\nrpki:\n']],
    [
      'sites/fleet.yaml:18:23 warning: controller.listen: other machines can reach 0.0.0.0:9586 on each node, and read /healthz and /metrics there, which name sites and neighbors; the page and the status are for the node itself\nwrite 127.0.0.1:9586, or restrict access with a firewall; add `tls` to read the page from elsewhere',
    ],
  ],
  [
    'a bogon range allowed twice',
    [['fleet.yaml', 'allow: [192.0.2.0/24,', 'allow: [192.0.2.0/24, 192.0.2.0/24,']],
    ['sites/fleet.yaml:2:33 bogons.allow[1]: 192.0.2.0/24 is in this list twice\nkeep one of the two'],
  ],
  [
    'a file with another name than the site',
    [['fra1.yaml', 'site: fra1', 'site: fra2']],
    [
      'sites/fra1.yaml:1:7 warning: site: the site is fra2, but its file is "fra1.yaml"\nrename the file to fra2.yaml',
    ],
  ],
  [
    'a password for a key of the neighbor',
    [['fra1.yaml', 'passwordFile: /etc/anyward/transit1.password', 'password: 0123']],
    [
      'sites/fra1.yaml:16:9 nodes[0].neighbors[0].password: "password": secrets are not allowed in the YAML\nkeep it in a file on the node, and write its path: passwordFile: /etc/anyward/…',
    ],
  ],
]

test.each(rows)('RPKI, IRR, versions and the rest of the fleet: %s', (_name, edits, issues) => {
  expect(issuesAfter(edits)).toEqual(issues)
})

test.each([
  '*/10 * * * *',
  '5,35 */2 * * mon-fri',
  '0 0 29 2 *',
  '0 0 31 2,5 7',
  '0-30/10 4-6 1,15 jan-mar *',
])('the schedule %s is valid', (schedule) => {
  const edits: Edit[] = [['fleet.yaml', 'rpki:\n', `planner: { schedule: "${schedule}" }\nrpki:\n`]]
  expect(issuesAfter(edits)).toEqual([])
})
