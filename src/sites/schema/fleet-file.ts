import { z } from 'zod'
import { bounds } from '../../manifest/bounds.ts'
import { checkNames, troubleActions, vitalChecks } from '../../manifest/words.ts'
import {
  deadManField,
  durationField,
  nameShape,
  percentField,
  portField,
  secondsField,
  secretFileField,
  wholeNumberField,
  wordField,
} from '../fields.ts'
import {
  addressField,
  asnField,
  hostField,
  interfaceAddressField,
  interfaceField,
  listenField,
  prefixField,
  publicKeyField,
} from './net-fields.ts'
import { communityField } from './policy-fields.ts'
import { commandCheck, conntrackCheck, egressCheck, peersCheck } from './side-checks.ts'
import { irrServerField, irrSourceField, localFileField, scheduleField } from './source-fields.ts'

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
        'The probe’s own address inside the tunnel: in the subnet of one of `wireguard.addresses`, and none of them.',
      examples: ['10.80.255.254'],
    }),
    interval: durationField(
      bounds.probe.interval,
      'WireGuard answers fewer handshakes when they come faster than every 25 ms',
    )
      .describe('From one probe to the next.')
      .prefault('200ms'),
    timeout: durationField(bounds.probe.timeout)
      .describe('How long an answer is waited for.')
      .prefault('300ms'),
    rise: wholeNumberField(...bounds.probe.times, '5')
      .describe('Good probes in a row until the site is announced.')
      .prefault(5),
    fall: wholeNumberField(...bounds.probe.times, '3')
      .describe(
        'Bad probes in a row until it is withdrawn. A server that hangs is found after `fall` × `interval` + `timeout`: 0.9 s with the defaults.',
      )
      .prefault(3),
    checks: z
      .array(wordField(checkNames))
      .min(1)
      .describe(
        'What is asked. What fails one of these is dead: `interface` (is there, and up), `address` (the anycast addresses are on the node), `handshake` (WireGuard answers with the right key), `ping` (the server answers through the tunnel). What fails one of these is impaired: `egress`, `command`, `peers`, `conntrack`, each set up below.',
      )
      .prefault([...vitalChecks]),
    window: z
      .strictObject({
        size: wholeNumberField(...bounds.probe.windowSize, '50')
          .describe('So many of the last probes count.')
          .prefault(50),
        maxLoss: percentField(1, 100, '20%')
          .describe('More bad ones than that are too many.')
          .prefault('20%'),
      })
      .describe(
        'For the endpoint that is now good, now bad, and never bad `fall` times in a row: it is impaired. `maxLoss: 100%`: no window.',
      )
      .prefault({}),
    holdDown: z
      .strictObject({
        initial: durationField(bounds.probe.holdDownInitial)
          .describe('After the first flap. `0s`: no hold-down.')
          .prefault('1s'),
        max: durationField(bounds.probe.holdDownMax).describe('The longest.').prefault('10m'),
      })
      .describe(
        'An endpoint that was withdrawn has to stay good for that long before it is announced again, twice as long after each further flap; the count decays by half in each `max` without one.',
      )
      .prefault({}),
    egress: egressCheck.optional(),
    command: commandCheck.optional(),
    peers: peersCheck.optional(),
    conntrack: conntrackCheck.optional(),
  })
  .describe('The controller dials the local endpoint as a client with a key and an address of its own.')

const when = z
  .strictObject({
    dead: wordField(troubleActions).describe('Nothing can be served.').prefault('withdraw'),
    impaired: wordField(troubleActions)
      .describe('It serves, but badly: too many probes are lost, or one of the side checks fails.')
      .prefault('degrade'),
  })
  .describe('What trouble means for the announcement: `withdraw`, or `degrade` (see `degrade` at neighbors).')

const drain = z
  .strictObject({
    idle: durationField(bounds.drain.idle)
      .describe('The traffic has gone when no peer has sent anything for so long.')
      .prefault('3s'),
    limit: durationField(bounds.drain.limit)
      .describe('Withdrawn then, whether or not the traffic has gone. `0s`: at once.')
      .prefault('1m'),
    undrain: durationField(bounds.drain.undrain)
      .describe('How long the routes stay degraded after `undrain`, so that clients come back slowly.')
      .prefault('10s'),
  })
  .describe(
    'A drain first degrades the routes, waits until the neighbors have that and the traffic has gone, and then withdraws.',
  )

const safety = z
  .strictObject({
    minSites: wholeNumberField(...bounds.safety.minSites, '1')
      .describe(
        'A site is not withdrawn if fewer than so many would be left. At most one less than the sites that serve it, or none of them could ever be withdrawn. `0`: no floor.',
      )
      .prefault(1),
    onStop: wordField(['withdraw', 'keep'])
      .describe('What happens to the announcement when a controller is told to stop.')
      .prefault('withdraw'),
    deadMan: deadManField
      .describe(
        'A controller that is killed or hangs is withdrawn after so long by a guard; a restart has to take less. `keep`: it stays announced.',
      )
      .prefault('10s'),
  })
  .describe('What the controller does not do on its own.')

const service = z.strictObject({
  anycast: z
    .array(prefixField)
    .min(1)
    .meta({
      description:
        'The addresses that clients dial, the same at every site: /32 and /128 only. Services may share one if their ports differ: it is announced while one of them is well.',
      examples: [['192.0.2.1/32', '2001:db8:51::1/128']],
    }),
  covering: z
    .array(prefixField)
    .min(1)
    .meta({
      description:
        'The prefixes that other networks are told. Each anycast address lies in one of them. Towards transit, peer and route-server at most /24 and /48.',
      examples: [['192.0.2.0/24', '2001:db8:51::/48']],
    }),
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
      .describe('RTR servers (RFC 8210), the preferred one first. Name two, on two machines.'),
    invalid: wordField(['reject', 'accept'])
      .describe(
        'What becomes of routes whose origin or length the holder of the prefix contradicts (RFC 6811).',
      )
      .prefault('reject'),
    refresh: secondsField(bounds.rpki.refresh)
      .describe('How often a router asks a cache for news (RFC 8210, section 6).')
      .prefault('1h'),
    retry: secondsField(bounds.rpki.retry)
      .describe('After a failure, how soon it asks again. Not beyond `expire`.')
      .prefault('10m'),
    expire: secondsField(bounds.rpki.expire)
      .describe('How long it goes on with what it has when no cache answers. Not below `refresh`.')
      .prefault('2h'),
    atExpiry: wordField(['last-good', 'accept'])
      .describe(
        'What holds after that: `last-good` goes on with the VRPs that the server `lastGood` kept; `accept` takes routes unvalidated, invalid ones too.',
      )
      .prefault('last-good'),
    lastGood: z
      .strictObject({
        host: server.host.prefault('127.0.0.1'),
        port: server.port.prefault(3324),
      })
      .describe('The RTR server that `anyward rtr` is beside each router.')
      .prefault({}),
    vrps: z
      .strictObject({
        file: localFileField('vrps.json').describe(
          'JSON of rpki-client or Routinator. A relative path begins at the folder of the sites.',
        ),
        slurm: localFileField('slurm.json').describe('Local exceptions (RFC 8416).').optional(),
        maxAge: secondsField(['1m', '720h']).describe('An older file is refused.').prefault('24h'),
      })
      .describe('A validator’s output, for `preflight`, `planner` and `rtr`.')
      .optional(),
  })
  .describe(
    'Where the routers get their RPKI data, and what they do with it. Left out: no route is validated.',
  )

/** Complete and well-formed on its own; what goes beyond one value is for the cross-checks. */
export const fleetFileSchema = z.strictObject({
  asn: asnField.describe('Our AS number in plain notation; not 23456 or 65535.'),
  bogons: z
    .strictObject({
      allow: z
        .array(prefixField)
        .describe('Ranges that never belong in the global table, but are used here on purpose, as in a lab.')
        .prefault([]),
    })
    .describe('Ranges that are refused as our own and from others.')
    .prefault({}),
  communities: z.array(communityField).describe('Put on everything that leaves the AS.').prefault([]),
  services: z
    .record(z.string().meta(nameShape), service)
    .describe('A map from a service’s name to what it is.'),
  rpki: rpki.optional(),
  irr: z
    .strictObject({
      server: irrServerField
        .describe('What bgpq4 asks, a port after a colon if it is not 43. Left out: its own default.')
        .optional(),
      sources: z
        .array(irrSourceField)
        .describe('IRR databases to believe, the best first. Empty: the server’s own choice.')
        .prefault([]),
    })
    .describe('Where the sets of `irr` at neighbors come from.')
    .prefault({}),
  planner: z
    .strictObject({
      schedule: scheduleField
        .describe('When the `planner` command reads VRPs and IRR sets again and plans anew.')
        .prefault('*/10 * * * *'),
    })
    .describe('The long-running planner.')
    .prefault({}),
  controller: z
    .strictObject({
      listen: listenField
        .describe('Where each node’s controller answers `/healthz`, `/status` and `/metrics`.')
        .prefault('127.0.0.1:9586'),
    })
    .describe('The controller on each node.')
    .prefault({}),
})

export type FleetFile = z.output<typeof fleetFileSchema>
