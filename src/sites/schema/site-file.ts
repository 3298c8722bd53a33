import { z } from 'zod'
import { bounds } from '../../manifest/bounds.ts'
import { importWords, neighborKinds, roleWords } from '../../manifest/words.ts'
import {
  descriptionField,
  durationField,
  nameField,
  secretFileField,
  wholeNumberField,
  wordField,
  yesNoField,
} from '../fields.ts'
import { addressField, asnField, routerIdField } from './net-fields.ts'
import { asSetField, communityField, rangeField, relaxField } from './policy-fields.ts'
import { localFileField, scheduleField, timezoneField, versionField } from './source-fields.ts'

const tighten = z
  .strictObject({
    pathLength: wholeNumberField(1, 64, '32').describe('The longest AS path taken. Left out: 64.').optional(),
    notFound: wordField(['accept', 'reject'])
      .describe('`reject` also refuses what no VRP covers (RFC 6811); it needs `rpki` in fleet.yaml.')
      .prefault('accept'),
    onlyPrefixes: z
      .array(rangeField)
      .min(1)
      .describe('Nothing else is taken. Of the neighbor’s address family.')
      .optional(),
    rejectPrefixes: z
      .array(rangeField)
      .describe('Never taken. Of the neighbor’s address family.')
      .prefault([]),
    rejectAsns: z
      .array(asnField)
      .meta({ description: 'Refused anywhere in the path.', examples: [[64666]] })
      .prefault([]),
  })
  .describe('What makes the filters of this neighbor stricter than those of its kind.')

const irr = z
  .strictObject({
    asSet: asSetField
      .describe(
        'Its as-set, resolved with bgpq4 (RFC 2622): `AS-EXAMPLE`, `AS64601:AS-EXAMPLE`, `RIPE::AS-EXAMPLE`.',
      )
      .optional(),
    file: localFileField('irr/example-peer.txt')
      .describe(
        'Instead of an as-set: prefixes, one a line, or bgpq4’s JSON. A relative path begins at the folder of the sites.',
      )
      .optional(),
  })
  .refine(({ asSet, file }) => asSet !== undefined || file !== undefined, {
    message: 'names neither an as-set nor a file',
    params: { hint: 'write irr: { asSet: AS-EXAMPLE }' },
    // A misspelt key is told already.
    when: ({ issues }) => issues.length === 0,
  })
  .refine(({ asSet, file }) => asSet === undefined || file === undefined, {
    message: 'names both an as-set and a file',
    params: { hint: 'keep one of the two' },
  })
  .meta({
    description:
      'What this neighbor may send us by the IRR, for `peer` and `route-server`: either `asSet` or `file`.',
    oneOf: [{ required: ['asSet'] }, { required: ['file'] }],
  })

const bfd = z
  .strictObject({
    // What bgpd and BIRD both take.
    interval: durationField(bounds.bfd.interval).describe('Between two packets.').prefault('300ms'),
    multiplier: wholeNumberField(...bounds.bfd.multiplier, '3')
      .describe(
        'So many missing packets end the session. A cut link is found after `interval` × `multiplier`.',
      )
      .prefault(3),
  })
  .describe('BFD (RFC 5880) on the session: `bfd: {}` for the defaults.')

const degrade = z
  .strictObject({
    gracefulShutdown: yesNoField
      .describe('The community GRACEFUL_SHUTDOWN (RFC 8326). Left out: yes.')
      .optional(),
    prepend: wholeNumberField(0, 10, '3')
      .describe(
        'How often our AS number stands in the path once more. Left out: 3, and 0 for `ibgp`, where it must be 0.',
      )
      .optional(),
    med: wholeNumberField(0, 4294967295, '1000')
      .describe('MULTI_EXIT_DISC (RFC 4271). Left out: as it is.')
      .optional(),
  })
  .describe(
    'What makes a degraded announcement unattractive: while the service is impaired, or is being drained.',
  )

const neighbor = z.strictObject({
  name: nameField('transit1').describe('Unique on the node.'),
  kind: wordField(neighborKinds).describe('What the neighbor is to us. Most defaults follow from it.'),
  asn: asnField.meta({ description: 'Its AS number; our own exactly for `ibgp`.', examples: [64601] }),
  address: addressField.meta({
    description:
      'Its address. One session an address; link-local addresses are not available in this version.',
    examples: ['10.1.1.1', '2001:db8:11::1'],
  }),
  localAddress: addressField
    .meta({
      description: 'The node’s own address on that link, of the same family. Left out: the daemon’s choice.',
      examples: ['10.1.1.2', '2001:db8:11::2'],
    })
    .optional(),
  description: descriptionField
    .describe('Free text of letters, digits, blanks and `. , : ( ) _ / @ + -`.')
    .optional(),
  import: wordField(importWords)
    .describe(
      'What is taken from it: `full` (all that passes the filters), `default-only`, `own-prefixes` (ours, from our other nodes) or `nothing`. Left out: by kind, see below.',
    )
    .optional(),
  limit: wholeNumberField(1, 4294967295, '1000', 'to take nothing, write import: nothing')
    .describe(
      'Maximum prefixes; beyond it the session stops (RFC 7454, section 8). Left out: by kind, see below.',
    )
    .optional(),
  relax: z
    .array(relaxField)
    .meta({
      description: 'Ids of rules that do not hold for this neighbor. The plan says aloud what was relaxed.',
      examples: [['path-length']],
    })
    .prefault([]),
  tighten: tighten.prefault({}),
  irr: irr.optional(),
  communities: z
    .array(communityField)
    .describe(
      'Put on what is announced to this neighbor, beside the fleet’s own: a route server’s control communities.',
    )
    .prefault([]),
  hostRoutes: yesNoField
    .describe(
      'Whether it is told the /32 and /128 of the services too; never `true` for transit, peer and route-server. Left out: yes for tor and ibgp.',
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
  gtsm: yesNoField
    .describe(
      'Drop packets from more than one hop away (RFC 5082). The neighbor has to do the same, so write `false` where it does not. `true` is not for `ibgp` and `multihop`, nor together with `bfd` on FRR: FRR 8.4 then makes BFD a multihop session, which a direct neighbor never answers. Left out: yes for transit, peer and tor, where that is possible.',
    )
    .optional(),
  passwordFile: secretFileField('/etc/anyward/transit1.password')
    .describe('The TCP MD5 password (RFC 2385), in a file on the node.')
    .optional(),
  degrade: degrade.prefault({}),
})

const maintenance = z
  .array(
    z.strictObject({
      cron: scheduleField.describe('When it begins.'),
      duration: durationField(bounds.maintenance).describe('How long it lasts.'),
      timezone: timezoneField.describe('Where the clock hangs that `cron` means.').prefault('UTC'),
    }),
  )
  .prefault([])

const node = z.strictObject({
  name: nameField('fra1-a').describe('Unique in the fleet.'),
  daemon: wordField(['bird', 'frr']).describe('What speaks BGP on the node.'),
  daemonVersion: versionField
    .describe(
      'Its version, in quotes: what it lacks is refused. Left out: what Debian 12 has, BIRD 2.0.12 and FRR 8.4.4.',
    )
    .optional(),
  routerId: routerIdField.describe(
    'The BGP identifier, unique in the fleet, also where all sessions are IPv6.',
  ),
  services: z.array(nameField('vpn')).describe('The services that the node serves.').prefault([]),
  neighbors: z
    .array(neighbor)
    .describe('BGP sessions. A node needs one of each address family that its services have.')
    .prefault([]),
  maintenance: maintenance.describe('Windows of this node alone, beside those of its site.'),
})

export const siteFileSchema = z.strictObject({
  site: nameField('fra1').describe('The site’s name, unique in the fleet; the file has the same.'),
  nodes: z.array(node).describe('The routers of the site.'),
  maintenance: maintenance.describe('Windows in which every node of the site is drained, by the calendar.'),
})

export type SiteFile = z.output<typeof siteFileSchema>
