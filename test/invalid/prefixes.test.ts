import { expect, test } from 'vitest'
import { type Edit, issuesAfter } from './base.ts'

const rows: [name: string, edits: Edit[], issues: string[]][] = [
  [
    'an anycast prefix that is not a host prefix',
    [['fleet.yaml', 'anycast: [192.0.2.1/32,', 'anycast: [192.0.2.0/25,']],
    [
      'sites/fleet.yaml:5:15 services.vpn.anycast[0]: 192.0.2.0/25 is not a single address, but clients connect to one\nwrite the address with /32, such as 192.0.2.0/32; 192.0.2.0/25 belongs in covering',
    ],
  ],
  [
    'an anycast address outside every covering prefix',
    [
      ['fleet.yaml', 'anycast: [192.0.2.1/32,', 'anycast: [198.51.100.1/32,'],
      ['fleet.yaml', 'allow: [', 'allow: [198.51.100.0/24, '],
    ],
    [
      'sites/fleet.yaml:5:15 services.vpn.anycast[0]: 198.51.100.1/32 is in none of the covering prefixes (192.0.2.0/24, 2001:db8:51::/48), so other networks could not reach it\nadd the prefix that leaves the AS to covering',
    ],
  ],
  [
    'a covering prefix too long for other networks',
    [
      [
        'fleet.yaml',
        'covering: [192.0.2.0/24, "2001:db8:51::/48"]',
        'covering: [192.0.2.0/25, "2001:db8:51::/49"]',
      ],
    ],
    [
      'sites/fleet.yaml:6:16 services.vpn.covering[0]: 192.0.2.0/25 is longer than /24, which other networks drop, and transit2 is of kind transit\nannounce a covering prefix of /24 or shorter',
      'sites/fleet.yaml:6:30 services.vpn.covering[1]: 2001:db8:51::/49 is longer than /48, which other networks drop, and transit2 is of kind transit\nannounce a covering prefix of /48 or shorter',
    ],
  ],
  [
    'our prefix in a bogon range',
    [['fleet.yaml', 'bogons: { allow: [192.0.2.0/24, "2001:db8::/32"] }\n', '']],
    [
      'sites/fleet.yaml:5:16 services.vpn.covering[0]: 192.0.2.0/24 is in a bogon range, 192.0.2.0/24: documentation (RFC 5737)\nif this is intended, as in a lab, add 192.0.2.0/24 to bogons.allow',
      'sites/fleet.yaml:5:30 services.vpn.covering[1]: 2001:db8:51::/48 is in a bogon range, 2001:db8::/32: documentation (RFC 3849)\nif this is intended, as in a lab, add 2001:db8::/32 to bogons.allow',
    ],
  ],
  [
    'a bogon range that is allowed only in part',
    [['fleet.yaml', 'allow: [192.0.2.0/24,', 'allow: [192.0.2.0/25,']],
    [
      'sites/fleet.yaml:6:16 services.vpn.covering[0]: 192.0.2.0/24 is in a bogon range, 192.0.2.0/24: documentation (RFC 5737)\nif this is intended, as in a lab, add 192.0.2.0/24 to bogons.allow',
    ],
  ],
  [
    'a prefix twice in a service',
    [['fleet.yaml', 'anycast: [192.0.2.1/32,', 'anycast: [192.0.2.1/32, 192.0.2.1/32,']],
    [
      'sites/fleet.yaml:5:29 services.vpn.anycast[1]: 192.0.2.1/32 is in this list twice\nkeep one of the two',
    ],
  ],
  [
    'a covering prefix twice',
    [['fleet.yaml', 'covering: [192.0.2.0/24,', 'covering: [192.0.2.0/24, 192.0.2.0/24,']],
    [
      'sites/fleet.yaml:6:30 services.vpn.covering[1]: 192.0.2.0/24 is in this list twice\nkeep one of the two',
    ],
  ],
  [
    'a covering prefix without an anycast address',
    [
      ['fleet.yaml', 'covering: [192.0.2.0/24,', 'covering: [192.0.2.0/24, 198.51.100.0/24,'],
      ['fleet.yaml', 'allow: [', 'allow: [198.51.100.0/24, '],
    ],
    [
      'sites/fleet.yaml:6:30 warning: services.vpn.covering[1]: none of the anycast addresses is in 198.51.100.0/24: traffic for it would arrive here and be dropped\nleave it out, or add the address to anycast',
    ],
  ],
]

test.each(rows)('prefixes: %s', (_name, edits, issues) => {
  expect(issuesAfter(edits)).toEqual(issues)
})
