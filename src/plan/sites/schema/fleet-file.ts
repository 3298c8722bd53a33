import * as z from 'zod'
import { bounds } from '../../../manifest/bounds.ts'
import { aloneActions, checkNames, failureActions, vitalChecks } from '../../../manifest/words.ts'
import {
  countOrShareField,
  nameShape,
  percentField,
  portField,
  secretFileField,
  wholeNumberField,
  wordField,
  yesNoField,
} from '../fields.ts'
import { deadManField, durationField, secondsField } from './duration-fields.ts'
import {
  addressField,
  asnField,
  endpointField,
  hostField,
  interfaceAddressField,
  interfaceField,
  listenField,
  prefixField,
  publicKeyField,
} from './net-fields.ts'
import { communityField } from './policy-fields.ts'
import { rollout } from './rollout.ts'
import { commandCheck, conntrackCheck, egressCheck, peersCheck } from './side-checks.ts'
import {
  irrServerField,
  irrSourceField,
  localFileField,
  plannerKeyField,
  scheduleField,
} from './source-fields.ts'

const wireguard = z
  .strictObject({
    interface: interfaceField.describe('The WireGuard interface on the node.'),
    port: portField.describe('Its UDP port. Services on one node need different ones.'),
    publicKey: publicKeyField.meta({
      description: 'The server’s public key, the same at every site.',
      examples: ['F7ZBixmXQ7ENlfBSvl2C277ZfjW8oy6gumYftCfg4Ao='],
    }),
    addresses: z
      .array(interfaceAddressField)
      .min(1)
      .describe('The server’s own addresses inside the tunnel, with the length of the subnet.'),
  })
  .describe('The WireGuard server of this service.')

const probe = z
  .strictObject({
    privateKeyFile: secretFileField('/etc/anyward/probe.key').describe(
      'The probe peer’s private key on the node, as `wg genkey` writes it.',
    ),
    presharedKeyFile: secretFileField('/etc/anyward/probe.psk')
      .describe('Its preshared key, as `wg genpsk` writes it.')
      .optional(),
    address: addressField.meta({
      description:
        'The probe’s own address inside the tunnel: in the subnet of one of `wireguard.addresses`, but not one of these addresses.',
      examples: ['10.80.255.254'],
    }),
    interval: durationField(
      bounds.probe.interval,
      'WireGuard answers fewer handshakes when they come faster than every 25 ms',
    )
      .describe('Time from one probe to the next.')
      .prefault('200ms'),
    timeout: durationField(bounds.probe.timeout).describe('Time limit for an answer.').prefault('300ms'),
    rise: wholeNumberField(...bounds.probe.times, '5')
      .describe('Consecutive good probes before the site is announced.')
      .prefault(5),
    fall: wholeNumberField(...bounds.probe.times, '3')
      .describe(
        'Consecutive bad probes before it is withdrawn. Without `suspicion`, a server that hangs is detected after at most `fall` × `interval` + `timeout`: 0.9 s with the defaults.',
      )
      .prefault(3),
    suspicion: yesNoField
      .describe(
        'After a missed answer the probe does not wait for its next turn: it asks again at once, and then closely. A server that hangs is then detected within 0.4 s with the defaults, and lost packets count in the `window`. `false`: each probe waits for its turn and for its whole `timeout`.',
      )
      .prefault(true),
    checks: z
      .array(wordField(checkNames))
      .min(1)
      .describe(
        'The checks to run. An endpoint that fails one of these is dead: `interface` (exists and is up), `address` (the anycast addresses are on the node), `handshake` (WireGuard answers with the right key), `ping` (the server answers through the tunnel). An endpoint that fails one of these is impaired: `egress`, `command`, `peers`, `conntrack`, each configured below.',
      )
      .prefault([...vitalChecks]),
    window: z
      .strictObject({
        size: wholeNumberField(...bounds.probe.windowSize, '50')
          .describe('Number of recent probes that count.')
          .prefault(50),
        maxLoss: percentField(1, 100, '10%')
          .describe(
            'Largest share of bad probes in the window. With `suspicion`, a good probe that lost a packet on its way counts too.',
          )
          .prefault('10%'),
      })
      .describe(
        'Detects an endpoint that alternates between good and bad, and is never bad `fall` times in a row: it is impaired. `maxLoss: 100%`: no window.',
      )
      .prefault({}),
    holdDown: z
      .strictObject({
        initial: durationField(bounds.probe.holdDownInitial)
          .describe('Hold-down after the first flap. `0s`: no hold-down.')
          .prefault('1s'),
        max: durationField(bounds.probe.holdDownMax).describe('The longest hold-down.').prefault('10m'),
      })
      .describe(
        'A withdrawn endpoint has to stay good for this time before it is announced again, twice as long after each further flap. The count of flaps decays by half in each `max` without a flap.',
      )
      .prefault({}),
    egress: egressCheck.optional(),
    command: commandCheck.optional(),
    peers: peersCheck.optional(),
    conntrack: conntrackCheck.optional(),
  })
  .describe('The controller connects to the local endpoint as a client with its own key and address.')

const when = z
  .strictObject({
    dead: wordField(failureActions).describe('The endpoint cannot serve any client.').prefault('withdraw'),
    impaired: wordField(failureActions)
      .describe('The endpoint serves, but badly: too many probes are lost, or a side check fails.')
      .prefault('degrade'),
  })
  .describe('What a failure does to the announcement: `withdraw`, or `degrade` (see `degrade` at neighbors).')

const drain = z
  .strictObject({
    idle: durationField(bounds.drain.idle)
      .describe('Traffic has gone when no peer has sent anything for this time.')
      .prefault('3s'),
    limit: durationField(bounds.drain.limit)
      .describe('The service is withdrawn after this time, even if traffic remains. `0s`: at once.')
      .prefault('1m'),
    undrain: durationField(bounds.drain.undrain)
      .describe('How long the routes stay degraded after `undrain`, so that clients return slowly.')
      .prefault('10s'),
  })
  .describe(
    'A drain first degrades the routes, waits until the neighbors have the degraded routes and traffic has gone, and then withdraws.',
  )

const safety = z
  .strictObject({
    minSites: countOrShareField(...bounds.safety.minSites, '1')
      .describe(
        'A site is not withdrawn if fewer sites than this would remain: a number, or a share of the sites that serve it, rounded up. At most one less than these, or no site could ever be withdrawn. `0`: no floor.',
      )
      .prefault(1),
    alone: z
      .strictObject({
        dead: wordField(aloneActions).describe('The endpoint cannot serve any client.').prefault('withdraw'),
        impaired: wordField(aloneActions)
          .describe('The endpoint serves, but badly, and `when.impaired` is `withdraw`.')
          .prefault('hold'),
      })
      .describe(
        'What a node does that cannot reach the store and sees no other announcer over iBGP: `withdraw`, or `hold`, which keeps announcing, degraded.',
      )
      .prefault({}),
    onStop: wordField(['withdraw', 'keep'])
      .describe('What happens to the announcement when a controller is stopped.')
      .prefault('withdraw'),
    deadMan: deadManField
      .describe(
        'When the controller is killed or hangs, a guard withdraws the service after this time; a restart has to take less. `keep`: it stays announced.',
      )
      .prefault('10s'),
  })
  .describe('Limits to what the controller does on its own.')

const service = z.strictObject({
  anycast: z
    .array(prefixField)
    .min(1)
    .meta({
      description:
        'The addresses that clients connect to, the same at every site: /32 and /128 only. Services may share an address if their ports differ: it is announced while one of them is healthy.',
      examples: [['192.0.2.1/32', '2001:db8:51::1/128']],
    }),
  covering: z
    .array(prefixField)
    .min(1)
    .meta({
      description:
        'The prefixes advertised to other networks. Each anycast address is in one of them. For transit, peer and route-server no longer than /24 and /48.',
      examples: [['192.0.2.0/24', '2001:db8:51::/48']],
    }),
  communities: z
    .array(communityField)
    .describe(
      'Added to the routes of this service on every session, `ibgp` included, in addition to those of the fleet and of the neighbor. A prefix that services share has the communities of all of them.',
    )
    .prefault([]),
  wireguard,
  probe,
  when: when.prefault({}),
  drain: drain.prefault({}),
  safety: safety.prefault({}),
})

const server = {
  host: hostField.describe('Its address or name.'),
  port: portField.meta({ description: 'Its TCP port.', examples: [3323] }),
}

const rpki = z
  .strictObject({
    caches: z
      .array(z.strictObject(server))
      .min(1)
      .describe('RTR servers (RFC 8210), in order of preference. Use two, on two machines.'),
    invalid: wordField(['reject', 'accept'])
      .describe(
        'What to do with routes that are RPKI invalid: their origin or length contradicts the ROAs (RFC 6811).',
      )
      .prefault('reject'),
    refresh: secondsField(bounds.rpki.refresh)
      .describe('How often a router queries a cache for updates (RFC 8210, section 6).')
      .prefault('1h'),
    retry: secondsField(bounds.rpki.retry)
      .describe(
        'Time to the next query after a failure. A BIRD that starts before its caches accepts invalid routes for as long; an FRR accepts no routes of neighbors with `import: full` until a cache answers. At most `expire`. FRR takes all three times from its cache, whatever is written here.',
      )
      .prefault('30s'),
    expire: secondsField(bounds.rpki.expire)
      .describe('How long a router uses its data when no cache answers. At least `refresh`.')
      .prefault('2h'),
    atExpiry: wordField(['last-good', 'accept'])
      .describe(
        'What applies after `expire`: `last-good` uses the VRPs that the server `lastGood` has kept; `accept` accepts routes without validation, including invalid ones.',
      )
      .prefault('last-good'),
    lastGood: z
      .strictObject({
        host: server.host.prefault('127.0.0.1'),
        port: server.port.prefault(3324),
      })
      .describe('The RTR server `anyward rtr` beside each router.')
      .prefault({}),
    vrps: z
      .strictObject({
        file: localFileField('vrps.json').describe(
          'JSON of rpki-client or Routinator. A relative path starts at the folder of the sites.',
        ),
        slurm: localFileField('slurm.json').describe('Local exceptions (RFC 8416).').optional(),
        maxAge: secondsField(['1m', '720h'])
          .describe('Maximum age of the file; an older file is refused.')
          .prefault('24h'),
      })
      .describe('A validator’s output, for `preflight`, `planner` and `rtr`.')
      .optional(),
  })
  .describe('Where the routers get their RPKI data, and how they use it. Left out: no route is validated.')

/** Checks each value on its own; the cross-checks cover relations between values. */
export const fleetFileSchema = z.strictObject({
  asn: asnField.describe('Our AS number in plain notation; not 23456 or 65535.'),
  bogons: z
    .strictObject({
      allow: z
        .array(prefixField)
        .describe('Ranges that are not for the global table, but are used here intentionally, as in a lab.')
        .prefault([]),
    })
    .describe('Bogon ranges: refused as our own prefixes, and from other networks.')
    .prefault({}),
  communities: z.array(communityField).describe('Added to every route that leaves the AS.').prefault([]),
  services: z
    .record(z.string().meta(nameShape), service)
    .describe('A map from the name of a service to its settings.'),
  rpki: rpki.optional(),
  irr: z
    .strictObject({
      server: irrServerField
        .describe(
          'The server that bgpq4 queries, with a port after a colon if it is not 43. Left out: its own default.',
        )
        .optional(),
      sources: z
        .array(irrSourceField)
        .describe('IRR databases to use, in order of preference. Empty: the server’s own choice.')
        .prefault([]),
    })
    .describe('Where the sets of `irr` at neighbors come from.')
    .prefault({}),
  store: z
    .strictObject({
      endpoints: z
        .array(endpointField)
        .min(1)
        .max(9)
        .describe('The members of the cluster, each as `host:port`; three or five, at different sites.'),
      caFile: secretFileField('/etc/anyward/store/ca.pem').describe(
        'On each node: the certificate of the authority that signed the members’ certificates.',
      ),
      certFile: secretFileField('/etc/anyward/store/site.pem').describe(
        'On each node: the certificate of its site.',
      ),
      keyFile: secretFileField('/etc/anyward/store/site.key').describe('On each node: its private key.'),
    })
    .describe(
      'etcd, where nodes agree on who may withdraw. Left out: each node counts the other announcers over iBGP.',
    )
    .optional(),
  remote: z
    .strictObject({
      interval: durationField(bounds.remote.interval)
        .describe('How often a node probes each of the others that it observes.')
        .prefault('10s'),
      observers: wholeNumberField(...bounds.remote.observers, '5')
        .describe('How many other sites probe a node, one node of each.')
        .prefault(5),
      degrade: yesNoField
        .describe(
          'Whether a node degrades a service that most other sites, at least two, do not reach. It asks for a permit, as before a withdrawal.',
        )
        .prefault(false),
    })
    .describe(
      'Probes of the nodes that have `unicast`, from other sites, see docs/fleet.md. It needs `store`. Left out: none.',
    )
    .optional(),
  rescue: z
    .strictObject({
      port: portField
        .describe('The TCP port of each node’s `unicast` where the other nodes read its roster.')
        .prefault(9588),
      caFile: secretFileField('/etc/anyward/store/ca.crt')
        .describe(
          'On each node: the certificate of the authority that signed the certificates of all nodes. Left out: that of `store`.',
        )
        .optional(),
      certFile: secretFileField('/etc/anyward/store/client.crt')
        .describe(
          'On each node: its own certificate, with the subjectAltName `URI:anyward:node:NAME`. Left out: that of `store`.',
        )
        .optional(),
      keyFile: secretFileField('/etc/anyward/store/client.key')
        .describe('On each node: its private key. Left out: that of `store`.')
        .optional(),
    })
    .describe(
      'Nodes share which client is served where, so that a client that lands on another site is back at once, see docs/fleet.md. It needs `unicast` of each node that serves. Left out: nothing is shared.',
    )
    .optional(),
  planner: z
    .strictObject({
      schedule: scheduleField
        .describe('When the `planner` command reads VRPs and IRR sets and plans again.')
        .prefault('*/10 * * * *'),
      keys: z
        .array(plannerKeyField)
        .describe(
          'The Ed25519 keys that may sign bundles. A node that runs a bundle with such keys refuses every bundle that none of them has signed, see docs/signing.md. Empty: bundles need no signature.',
        )
        .prefault([]),
    })
    .describe('The long-running planner, and the keys of `anyward sign`.')
    .prefault({}),
  controller: z
    .strictObject({
      listen: listenField
        .describe(
          'Where each node’s controller serves [its page](page.md), and answers `/healthz`, `/status` and `/metrics`. Other machines get only `/healthz` and `/metrics`, unless they have a token or a certificate and connect over `tls`.',
        )
        .prefault('127.0.0.1:9586'),
      tokensFile: secretFileField('/etc/anyward/page-tokens')
        .describe(
          'On each node: who may order from the page, as `anyward token NAME` writes it. Left out: the page is read-only.',
        )
        .optional(),
      tls: z
        .strictObject({
          certFile: secretFileField('/etc/anyward/page/server.crt').describe(
            'On each node: its own certificate, for the name or address that browsers use.',
          ),
          keyFile: secretFileField('/etc/anyward/page/server.key').describe('On each node: its private key.'),
          clientCaFile: secretFileField('/etc/anyward/page/clients.crt')
            .describe('On each node: the authority whose client certificates may read without a token.')
            .optional(),
        })
        .describe(
          'HTTPS for connections from other machines; those from the node itself stay HTTP. Left out: other machines use HTTP, and no token is taken from them.',
        )
        .optional(),
      peerMetrics: yesNoField
        .describe(
          'Whether `/metrics` has the bytes and the last handshake of each WireGuard peer, by its public key: who uses the VPN, and when. See docs/security.md.',
        )
        .prefault(false),
    })
    .describe('The controller on each node.')
    .prefault({}),
  rollout,
})

export type FleetFile = z.output<typeof fleetFileSchema>
