import { expect, test } from 'vitest'
import { type Edit, issuesAfter } from './base.ts'

const site = (name: 'ams1' | 'fra1', maintenance: string): Edit => [
  `${name}.yaml`,
  `site: ${name}\n`,
  `site: ${name}\nmaintenance: [${maintenance}]\n`,
]
const drain = (settings: string): Edit => ['fleet.yaml', '    safety:', `    drain: ${settings}\n    safety:`]
const sunday = '{ cron: "0 3 * * sun", duration: 2h }'
const endless =
  'each window begins before the previous one ends: the node would never serve\nwrite a shorter duration, or a less frequent cron'

const rows: [name: string, edits: Edit[], issues: string[]][] = [
  ['windows one after the other', [site('ams1', sunday), site('fra1', sunday.replace('3', '5'))], []],
  ['windows of one site alone', [site('ams1', sunday)], []],
  [
    'the same window at every site',
    [site('ams1', sunday), site('fra1', sunday)],
    [
      'sites/fra1.yaml:2:15 maintenance[0]: every site that serves vpn would be in maintenance at the same time (sites/ams1.yaml, sites/fra1.yaml), and minSites is 1\nmove the windows apart',
    ],
  ],
  [
    'windows in two time zones that overlap on one day of the year',
    [
      site('ams1', '{ cron: "0 22 24 12 *", duration: 3h, timezone: America/New_York }'),
      site('fra1', '{ cron: "30 4 * * *", duration: 1h, timezone: Europe/Berlin }'),
    ],
    [
      'sites/fra1.yaml:2:15 maintenance[0]: every site that serves vpn would be in maintenance at the same time (sites/ams1.yaml, sites/fra1.yaml), and minSites is 1\nmove the windows apart',
    ],
  ],
  [
    'the same window at every site, and no floor',
    [site('ams1', sunday), site('fra1', sunday), ['fleet.yaml', 'minSites: 1', 'minSites: 0']],
    [
      'sites/fleet.yaml:17:25 warning: services.vpn.safety.minSites: 0 lets the last of the 2 sites that serve vpn be withdrawn: nothing keeps the service reachable\nwrite 1 or more, or leave it out, which is 1',
    ],
  ],
  [
    'a window at the only site',
    [['ams1.yaml', null], site('fra1', sunday)],
    ['sites/fra1.yaml:2:15 warning: maintenance[0]: no other site serves vpn during this window'],
  ],
  [
    'a window as long as its cron’s period',
    [site('fra1', '{ cron: "0 3 * * *", duration: 24h }')],
    [`sites/fra1.yaml:2:46 maintenance[0].duration: ${endless}`],
  ],
  [
    'a window that begins each minute',
    [site('fra1', '{ cron: "* * * * *", duration: 1m }')],
    [`sites/fra1.yaml:2:46 maintenance[0].duration: ${endless}`],
  ],
  [
    'windows that meet on five days, and then end',
    [site('fra1', '{ cron: "0 0 * * mon-fri", duration: 24h }')],
    [],
  ],
  [
    'an idle time as long as the limit',
    [drain('{ idle: 1m, limit: 1m }')],
    [
      'sites/fleet.yaml:17:20 warning: services.vpn.drain.idle: idle is not below limit: every drain takes the whole limit, even if the traffic has gone\nwrite an idle below the limit, or limit: 0s to withdraw at once',
    ],
  ],
  ['a drain without stages', [drain('{ idle: 1m, limit: 0s }')], []],
]

test.each(rows)('drains and maintenance: %s', (_name, edits, issues) => {
  expect(issuesAfter(edits)).toEqual(issues)
})
