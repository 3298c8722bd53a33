import * as z from 'zod'
import { bounds } from '../../../manifest/bounds.ts'
import { daemonKinds } from '../../../manifest/daemon-kinds.ts'
import {
  bfdHops,
  extraPlaces,
  importWords,
  neighborKinds,
  roleWords,
  routingWords,
} from '../../../manifest/words.ts'
import {
  descriptionField,
  nameField,
  nameShape,
  secretFileField,
  wholeNumberField,
  wordField,
  yesNoField,
} from '../fields.ts'
import { durationField, secondsField } from './duration-fields.ts'
import {
  addressField,
  asnField,
  interfaceField,
  prefixField,
  publicKeyField,
  routerIdField,
} from './net-fields.ts'
import { asSetField, communityField, rangeField, relaxField, routeSetField } from './policy-fields.ts'
import { sshField } from './rollout.ts'
import { localFileField, protocolField, scheduleField, timezoneField, versionField } from './source-fields.ts'

const tighten = z
  .strictObject({
    pathLength: wholeNumberField(1, 64, '32')
      .describe('The longest AS path accepted. Left out: 64.')
      .optional(),
    notFound: wordField(['accept', 'reject'])
      .describe('`reject` also refuses routes that no VRP covers (RFC 6811); it needs `rpki` in fleet.yaml.')
      .prefault('accept'),
    onlyPrefixes: z
      .array(rangeField)
      .min(1)
      .describe('Only these prefixes are accepted. Of the neighbor’s address family.')
      .optional(),
    rejectPrefixes: z
      .array(rangeField)
      .describe('Prefixes that are refused. Of the neighbor’s address family.')
      .prefault([]),
    rejectAsns: z
      .array(asnField)
      .meta({ description: 'AS numbers that are refused anywhere in the path.', examples: [[64666]] })
      .prefault([]),
  })
  .describe('Makes the filters of this neighbor stricter than those of its kind.')

const irrKeys = ['asSet', 'asn', 'routeSet', 'file'] as const

const irr = z
  .strictObject({
    asSet: asSetField
      .describe(
        'Its as-set, resolved with bgpq4 (RFC 2622): `AS-EXAMPLE`, `AS64601:AS-EXAMPLE`, `RIPE::AS-EXAMPLE`.',
      )
      .optional(),
    asn: asnField
      .meta({
        description:
          'Instead of an as-set: one AS number; the routes whose origin it is. bgpq4 knows public numbers only.',
        examples: [64601],
      })
      .optional(),
    routeSet: routeSetField
      .describe('Instead of an as-set: a route-set (RFC 2622), resolved with bgpq4.')
      .optional(),
    file: localFileField('irr/example-peer.txt')
      .describe(
        'Instead of an as-set: prefixes, one per line, or bgpq4’s JSON. A relative path starts at the folder of the sites.',
      )
      .optional(),
  })
  .superRefine((filter, context) => {
    const given = irrKeys.filter((key) => filter[key] !== undefined)
    // A misspelt key is already reported.
    if (given.length === 0 && context.issues.length === 0) {
      context.addIssue({
        code: 'custom',
        message: 'has none of asSet, asn, routeSet and file',
        params: { hint: 'write irr: { asSet: AS-EXAMPLE }' },
      })
    }
    if (given.length > 1) {
      context.addIssue({
        code: 'custom',
        message: `has ${given.join(' and ')}`,
        params: { hint: 'keep one of them' },
      })
    }
  })
  .meta({
    description:
      'The prefixes that this neighbor may send, from the IRR, for `peer` and `route-server`: one of `asSet`, `asn`, `routeSet` and `file`.',
    oneOf: irrKeys.map((key) => ({ required: [key] })),
  })

const bfd = z
  .strictObject({
    // The range that bgpd and BIRD both accept.
    interval: durationField(bounds.bfd.interval).describe('Time between two packets.').prefault('300ms'),
    multiplier: wholeNumberField(...bounds.bfd.multiplier, '3')
      .describe(
        'Number of missing packets that end the session. A cut link is detected after `interval` × `multiplier`.',
      )
      .prefault(3),
    hops: wordField(bfdHops)
      .describe(
        'For `ibgp`, and required there: `single` if the neighbor is on a link of the node (RFC 5881), `multi` if it is behind routers or on a loopback (RFC 5883). Both ends have to agree. With `single`, FRR from 10.2 on chooses the source address of the session itself, without `localAddress`. For other kinds it follows from `multihop`.',
      )
      .optional(),
  })
  .describe('BFD (RFC 5880) on the session: `bfd: {}` for the defaults.')

const timers = z
  .strictObject({
    hold: secondsField(
      bounds.timers.hold,
      'RFC 4271 also allows 0, without keepalives: a neighbor that has failed would keep our routes for ever',
    )
      .describe(
        'The session ends after this time without a message. Of both sides’ hold times the shorter applies.',
      )
      .prefault('90s'),
    keepalive: secondsField(bounds.timers.keepalive)
      .describe('Time between two keepalives, at most a third of `hold`. Left out: a third of `hold`.')
      .optional(),
  })
  .describe(
    'The timers of the session (RFC 4271, section 10). Where a failed path has to be found soon, `bfd` is better: short timers end sessions of a busy router.',
  )

const degrade = z
  .strictObject({
    gracefulShutdown: yesNoField
      .describe('Add the community GRACEFUL_SHUTDOWN (RFC 8326). Left out: yes.')
      .optional(),
    prepend: wholeNumberField(0, 10, '3')
      .describe(
        'How many times our AS number is prepended to the path, in addition to the neighbor’s `prepend`. Left out: 3, and 0 for `ibgp`, where it must be 0.',
      )
      .optional(),
    med: wholeNumberField(0, 4294967295, '1000')
      .describe('MULTI_EXIT_DISC (RFC 4271) instead of the neighbor’s `med`. Left out: unchanged.')
      .optional(),
  })
  .describe(
    'How a degraded announcement is made less attractive, while the service is impaired or is being drained.',
  )

const neighborFields = z.strictObject({
  name: nameField('transit1').describe('Unique on the node.'),
  kind: wordField(neighborKinds).describe('The relation of the neighbor to us. Most defaults depend on it.'),
  asn: asnField.meta({
    description: 'Its AS number; for `ibgp`, and only there, that of the node.',
    examples: [64601],
  }),
  localAs: asnField
    .meta({
      description:
        'The AS number of our side of the session: the neighbor knows the node by this number only, and sees it in the paths in place of the node’s. Not for `ibgp`. Left out: that of the node.',
      examples: [65010],
    })
    .optional(),
  address: addressField
    .meta({
      description:
        'Its address. One session per address. A link-local address (fe80::/10) needs `interface`. Left out, with `interface`: the session is unnumbered, with the router on the other end of the link.',
      examples: ['10.1.1.1', '2001:db8:11::1'],
    })
    .optional(),
  interface: interfaceField
    .meta({
      description:
        'The interface that it is on, for a link-local address and for an unnumbered session. Not for `ibgp` and `multihop`.',
      examples: ['eth1'],
    })
    .optional(),
  extendedNextHop: yesNoField
    .describe(
      'An IPv6 session carries IPv4 routes too, with IPv6 next hops (RFC 8950), if the neighbor does the same. Not for `ibgp` and `multihop`. Left out: yes if the session is unnumbered, otherwise no.',
    )
    .optional(),
  vrf: interfaceField
    .meta({
      description:
        'The VRF of the node that the neighbor is in: the name of its interface, which exists already. Only announcements go into it from BIRD, which needs `import: nothing` there; FRR puts the routes accepted from the neighbor into the table of the VRF. Not for `ibgp`. Left out: the default VRF.',
      examples: ['red'],
    })
    .optional(),
  localAddress: addressField
    .meta({
      description: 'The node’s own address on that link, of the same family. Left out: the daemon’s choice.',
      examples: ['10.1.1.2', '2001:db8:11::2'],
    })
    .optional(),
  description: descriptionField
    .describe('Free text of letters, digits, spaces and `. , : ( ) _ / @ + -`.')
    .optional(),
  import: wordField(importWords)
    .describe(
      'The routes accepted from it: `full` (all that pass the filters), `default-only`, `own-prefixes` (ours, from our other nodes) or `nothing`. Left out: by kind, see below.',
    )
    .optional(),
  limit: wholeNumberField(1, 4294967295, '1000', 'to accept no route, write import: nothing')
    .describe(
      'Maximum prefixes; beyond it the session stops (RFC 7454, section 8). Left out: by kind, see below.',
    )
    .optional(),
  relax: z
    .array(relaxField)
    .meta({
      description: 'Ids of rules that do not apply to this neighbor. The plan reports each of them.',
      examples: [['path-length']],
    })
    .prefault([]),
  tighten: tighten.prefault({}),
  irr: irr.optional(),
  services: z
    .array(nameField('vpn'))
    .describe(
      'Those of the node’s services that are advertised to it. A prefix that one of them shares with another service of the node needs both or neither. `[]`: none of them. Left out: all.',
    )
    .optional(),
  communities: z
    .array(communityField)
    .describe(
      'Added to the routes advertised to this neighbor, in addition to those of the fleet and of the services: for example a route server’s control communities.',
    )
    .prefault([]),
  prepend: wholeNumberField(0, 10, '2')
    .describe(
      'How many times our AS number is prepended to the path of every announcement to it, so that other sites are preferred. Not for `ibgp`.',
    )
    .prefault(0),
  med: wholeNumberField(0, 4294967295, '100')
    .describe(
      'MULTI_EXIT_DISC of every announcement to it (RFC 4271): among several sessions with one AS, it prefers the lowest. Left out: no MED is sent.',
    )
    .optional(),
  localPref: wholeNumberField(0, 4294967295, '200')
    .describe(
      'LOCAL_PREF of the routes accepted from it (RFC 4271): the node prefers the highest. Not for `ibgp`. Left out: the daemon’s default, 100.',
    )
    .optional(),
  hostRoutes: yesNoField
    .describe(
      'Whether the /32 and /128 of the services are advertised to it too; never `true` for transit, peer and route-server. Left out: yes for tor and ibgp.',
    )
    .optional(),
  noExport: yesNoField
    .describe(
      'Whether routes to it carry NO_EXPORT (RFC 1997); for tor and provider-private only. `false` where each rack has an AS of its own and passes our routes on: the host routes then travel as far as no filter stops them, and the plan says so. Left out: yes.',
    )
    .optional(),
  role: wordField([...roleWords, 'none'])
    .describe(
      'Our side’s role (RFC 9234). Left out: by kind, see below. `none` where the neighbor refuses it.',
    )
    .optional(),
  multihop: wholeNumberField(...bounds.multihop, '2', 'leave it out for a neighbor on the link')
    .describe('Hops to an eBGP neighbor that is not on the link. Left out: it is on the link.')
    .optional(),
  bfd: bfd.optional(),
  timers: timers.prefault({}),
  gtsm: yesNoField
    .describe(
      'Drop packets from more than one hop away (RFC 5082). Recommended for each neighbor on the link that does the same; with any other the session never comes up, so agree on it first. Not for `ibgp` and `multihop`, nor together with `bfd` on FRR: FRR 8.4 then makes BFD a multihop session, which a direct neighbor never answers.',
    )
    .prefault(false),
  passwordFile: secretFileField('/etc/anyward/transit1.password')
    .describe('The TCP MD5 password (RFC 2385), in a file on the node.')
    .optional(),
  degrade: degrade.prefault({}),
  session: protocolField
    .describe(
      'With `routing: attached` on BIRD: the name of the session’s protocol in your configuration. Left out: the protocol with the neighbor’s address.',
    )
    .optional(),
})

const neighbor = neighborFields.refine(
  ({ address, interface: link }) => address !== undefined || link !== undefined,
  {
    // At the address, so that the other values of the neighbor are checked too.
    path: ['address'],
    message: 'is missing, and so is interface',
    params: {
      hint: 'write address: 10.1.1.1, with its address, or interface: eth1 for an unnumbered session',
    },
    // A misspelt key is already reported.
    when: ({ issues }) => issues.length === 0,
  },
)

const maintenance = z
  .array(
    z.strictObject({
      cron: scheduleField.describe('When the window begins.'),
      duration: durationField(bounds.maintenance).describe('How long the window lasts.'),
      timezone: timezoneField.describe('The time zone of `cron`.').prefault('UTC'),
    }),
  )
  .prefault([])

const extraFile = z.strictObject({
  file: localFileField('ospf.conf').describe('In the folder of the YAML, or an absolute path.'),
  at: wordField(extraPlaces)
    .describe('Before (`top`) or after (`bottom`) what the planner writes.')
    .prefault('bottom'),
})

const node = z.strictObject({
  name: nameField('fra1-a').describe('Unique in the fleet.'),
  daemon: wordField(daemonKinds).describe('The BGP daemon on the node.'),
  daemonVersion: versionField
    .describe(
      'Its version, in quotes: features that it lacks are refused, and `apply` refuses the bundle where it does not fit the running daemon. Left out: what Debian 13 has, BIRD 2.17 and FRR 10.3. On Debian 12 write "2.0.12" or "8.4.4".',
    )
    .optional(),
  routing: wordField(routingWords)
    .describe(
      '`managed`: the planner writes the whole configuration of the daemon. `attached`: the daemon keeps your own configuration, and Anyward adds only the announcements, see docs/attached.md.',
    )
    .prefault('managed'),
  asn: asnField
    .meta({ description: 'Its AS number. Left out: that of its site.', examples: [64501] })
    .optional(),
  extra: z
    .array(extraFile)
    .describe(
      'Configuration of your own for the daemon, added as it is, for example OSPF; for `managed` only. It is checked by the daemon’s parser and cannot change what is announced, see docs/attached.md.',
    )
    .prefault([]),
  routerId: routerIdField.describe(
    'The BGP identifier, unique in the fleet, required even if all sessions are IPv6.',
  ),
  services: z.array(nameField('vpn')).describe('The services that the node serves.').prefault([]),
  alwaysAnnounce: z
    .array(prefixField)
    .meta({
      description:
        'Unicast prefixes that the daemon itself announces to every neighbor while it runs: no health check, drain or controller withdraws them. A /32 or /128 goes only to neighbors that receive host routes. They overlap no prefix of a service.',
      examples: [['203.0.113.0/24']],
    })
    .prefault([]),
  neighbors: z
    .array(neighbor)
    .describe('BGP sessions. A node needs one for each address family of its services.')
    .prefault([]),
  unicast: addressField
    .meta({
      description:
        'An address of this node alone, at which other sites reach its WireGuard endpoint: for `remote` in fleet.yaml.',
      examples: ['198.51.100.7'],
    })
    .optional(),
  probeKeys: z
    .record(z.string().meta(nameShape), publicKeyField)
    .describe(
      'The public keys of the node’s own probes, by service, as `wg pubkey` prints them: for `anyward doctor` on the nodes that it probes with `remote`, and for `anyward plan --probe-peers`.',
    )
    .prefault({}),
  ssh: sshField
    .describe('Its name for `ssh`, such as a Host of your ssh_config. Left out: the name of the node.')
    .optional(),
  maintenance: maintenance.describe('Windows of this node, in addition to those of its site.'),
})

export const siteFileSchema = z.strictObject({
  site: nameField('fra1').describe('The name of the site, unique in the fleet, and of its file.'),
  asn: asnField
    .meta({
      description: 'The AS number of its nodes. Left out: that of the fleet.',
      examples: [64501],
    })
    .optional(),
  nodes: z.array(node).describe('The routers of the site.'),
  maintenance: maintenance.describe('Windows in which every node of the site is drained, by the calendar.'),
})

export type SiteFile = z.output<typeof siteFileSchema>
