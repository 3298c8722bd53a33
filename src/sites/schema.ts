import { z } from 'zod'
import {
  descriptionField,
  durationField,
  nameField,
  portField,
  secretFileField,
  wholeNumberField,
  wordField,
  yesNoField,
} from './fields.ts'
import { checkNames, importWords, neighborKinds } from './fleet.ts'
import {
  addressField,
  asnField,
  hostField,
  interfaceAddressField,
  interfaceField,
  listenField,
  prefixField,
  publicKeyField,
  routerIdField,
} from './net-fields.ts'

const probeFields = {
  privateKeyFile: secretFileField('/etc/anyward/probe.key'),
  presharedKeyFile: secretFileField('/etc/anyward/probe.psk').optional(),
  address: addressField,
  interval: durationField(
    '30ms',
    '60s',
    'WireGuard answers fewer handshakes when they come faster than every 25 ms',
  ).default(200),
  timeout: durationField('10ms', '60s').default(300),
  rise: wholeNumberField(1, 1000, '5').default(5),
  fall: wholeNumberField(1, 1000, '3').default(3),
}
const checkField = wordField(checkNames, ['egress', 'command'])

const wireguardFields = {
  interface: interfaceField,
  port: portField,
  publicKey: publicKeyField,
}

const safetyFields = {
  minSites: wholeNumberField(0, 10_000, '1').default(1),
  onStop: wordField(['withdraw', 'keep']).default('withdraw'),
}

const cacheFields = { host: hostField, port: portField }
const invalidField = wordField(['reject', 'accept'])

const neighborFields = {
  name: nameField('transit1'),
  kind: wordField(neighborKinds),
  asn: asnField,
  address: addressField,
  localAddress: addressField.optional(),
  description: descriptionField.optional(),
  import: wordField(importWords).optional(),
  bfd: z
    .strictObject({
      // What bgpd and BIRD both take.
      interval: durationField('10ms', '60s').default(300),
      multiplier: wholeNumberField(2, 255, '3').default(3),
    })
    .optional(),
  gtsm: yesNoField.optional(),
  passwordFile: secretFileField('/etc/anyward/transit1.password').optional(),
}

const nodeFields = {
  name: nameField('fra1-a'),
  daemon: wordField(['bird', 'frr']),
  routerId: routerIdField,
}

/** Complete and well-formed on its own; what goes beyond one value is for the cross-checks. */
export const fleetFileSchema = z.strictObject({
  asn: asnField,
  bogons: z.strictObject({ allow: z.array(prefixField).default([]) }).prefault({}),
  services: z.record(
    z.string(),
    z.strictObject({
      anycast: z.array(prefixField).min(1),
      covering: z.array(prefixField).min(1),
      wireguard: z.strictObject({ ...wireguardFields, addresses: z.array(interfaceAddressField).min(1) }),
      probe: z.strictObject({
        ...probeFields,
        checks: z
          .array(checkField)
          .min(1)
          .default([...checkNames]),
      }),
      safety: z.strictObject(safetyFields).prefault({}),
    }),
  ),
  rpki: z
    .strictObject({
      caches: z.array(z.strictObject(cacheFields)).min(1),
      invalid: invalidField.default('reject'),
    })
    .optional(),
  controller: z.strictObject({ listen: listenField.default('127.0.0.1:9586') }).prefault({}),
})

export const siteFileSchema = z.strictObject({
  site: nameField('fra1'),
  nodes: z.array(
    z.strictObject({
      ...nodeFields,
      services: z.array(nameField('vpn')).default([]),
      neighbors: z.array(z.strictObject(neighborFields)).default([]),
    }),
  ),
})

/** What is left of a file when its mistakes are taken out, so that the cross-checks can look at the rest. */
export const fleetDraftSchema = z
  .strictObject({
    asn: asnField,
    bogons: z.strictObject({ allow: withHoles(prefixField).default([]) }).prefault({}),
    services: z.record(
      z.string(),
      z
        .strictObject({
          anycast: withHoles(prefixField),
          covering: withHoles(prefixField),
          wireguard: z
            .strictObject({ ...wireguardFields, addresses: withHoles(interfaceAddressField) })
            .partial(),
          probe: z
            .strictObject({ ...probeFields, checks: withHoles(checkField).default([...checkNames]) })
            .partial(),
          safety: z.strictObject(safetyFields).prefault({}),
        })
        .partial()
        .optional(),
    ),
    rpki: z
      .strictObject({
        caches: withHoles(z.strictObject(cacheFields).partial()),
        invalid: invalidField.default('reject'),
      })
      .partial(),
    controller: z.strictObject({ listen: listenField.default('127.0.0.1:9586') }).prefault({}),
  })
  .partial()

export const siteDraftSchema = z
  .strictObject({
    site: nameField('fra1'),
    nodes: withHoles(
      z
        .strictObject({
          ...nodeFields,
          services: withHoles(nameField('vpn')).default([]),
          neighbors: withHoles(z.strictObject(neighborFields).partial()).default([]),
        })
        .partial(),
    ),
  })
  .partial()

export type FleetFile = z.output<typeof fleetFileSchema>
export type SiteFile = z.output<typeof siteFileSchema>
export type FleetDraft = z.output<typeof fleetDraftSchema>
export type SiteDraft = z.output<typeof siteDraftSchema>

/** A wrong entry leaves a hole, so that the others keep their index. */
function withHoles<S extends z.ZodType>(entry: S) {
  return z.array(entry.optional())
}
