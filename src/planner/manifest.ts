import { z } from 'zod'
import { families, type Parsed, parseAddress, parsePrefix } from '../net/prefix.ts'
import {
  checkNames,
  egressProtocols,
  importWords,
  neighborKinds,
  roleWords,
  troubleActions,
} from '../sites/fleet.ts'

// These end up in commands, and a bundle that somebody edited must smuggle none in.
const prefixText = textOf(parsePrefix)
const addressText = textOf(parseAddress)
const nameText = z.string().regex(/^[^\s\p{Cc}]+$/u, 'is not one word')

function textOf(parse: (text: string) => Parsed<unknown>) {
  return z.string().superRefine((text, context) => {
    const parsed = parse(text)
    if (!parsed.ok) context.addIssue(`${JSON.stringify(text)} ${parsed.problem}`)
  })
}

/** Where the artefacts of one node live on that node. */
const pathsSchema = z.strictObject({
  /** BIRD's control socket, or bgpd's vty socket. */
  daemonSocket: z.string(),
  /** BIRD only: the include file that the controller owns. `null` for FRR, which is told over the socket. */
  announceFile: z.string().nullable(),
  /** What the daemon reads when it starts: `apply` installs it. Missing in bundles of Anyward 0.1.0, as is the next. */
  configFile: z.string().optional(),
  /** Where `apply` leaves this bundle for the controller. */
  bundleDir: z.string().optional(),
  /** Lost at a boot: control socket, lock. */
  runtimeDir: z.string(),
  /** Outlives a boot: the operator's intent, the journal of `apply`. */
  stateDir: z.string(),
})

/** Rule ids, each with a hash of what its rules say, in their order. */
const rulesSchema = z.record(z.string(), z.string())

/** What the next plan compares, to tell what a change means and costs. */
const sessionSchema = z.strictObject({
  description: z.string(),
  role: z.enum(roleWords).nullable(),
  multihop: z.number().nullable(),
  bfd: z.strictObject({ intervalMs: z.number(), multiplier: z.number() }).nullable(),
  /** Whether the daemon looks again at what it took when VRPs change. */
  validated: z.boolean(),
  takes: z.enum(importWords),
  importLimit: z.number(),
  exportLimit: z.number(),
  importRules: rulesSchema,
  exportRules: rulesSchema,
  /** Ids of the rules that the YAML took out, sorted. */
  relaxed: z.array(z.string()),
})

const neighborSchema = z.strictObject({
  name: nameText,
  kind: z.enum(neighborKinds),
  asn: z.number(),
  address: addressText,
  localAddress: addressText.nullable(),
  family: z.enum(families),
  /** BIRD's name for the session; `null` for FRR, which names a session by its address. */
  protocol: nameText.nullable(),
  gtsm: z.boolean(),
  passwordFile: z.string().nullable(),
  /** Our prefixes that this neighbor is told while their service is announced, sorted. */
  prefixes: z.array(prefixText),
  /** Missing in bundles of Anyward 0.1.0. */
  session: sessionSchema.optional(),
})

const rpkiSchema = z.strictObject({
  /** RTR servers as `host:port`, the preferred one first. */
  caches: z.array(z.string()),
  refreshS: z.number(),
  retryS: z.number(),
  expireS: z.number(),
  atExpiry: z.enum(['accept', 'last-good']),
  lastGood: z.string(),
})

const paceSchema = {
  intervalMs: z.number(),
  timeoutMs: z.number(),
  rise: z.number(),
  fall: z.number(),
}

export const manifestServiceSchema = z.strictObject({
  name: nameText,
  /** All that the node originates for this service: host and covering prefixes, sorted. */
  prefixes: z.array(prefixText),
  /** The addresses that must be on the node, without a length. */
  anycast: z.array(addressText),
  wireguard: z.strictObject({
    interface: nameText,
    port: z.number(),
    publicKey: z.string(),
    /** Without a length. */
    addresses: z.array(addressText),
  }),
  probe: z.strictObject({
    privateKeyFile: z.string(),
    presharedKeyFile: z.string().nullable(),
    address: addressText,
    intervalMs: z.number(),
    timeoutMs: z.number(),
    rise: z.number(),
    fall: z.number(),
    checks: z.array(z.enum(checkNames)),
    // What follows is missing in older bundles, which then get what they had: no window, no hold-down, no side checks.
    window: z.strictObject({ size: z.number(), maxLoss: z.number() }).default({ size: 10, maxLoss: 1 }),
    holdDown: z
      .strictObject({ initialMs: z.number(), maxMs: z.number() })
      .default({ initialMs: 0, maxMs: 0 }),
    egress: z
      .strictObject({
        ...paceSchema,
        targets: z.array(
          z.strictObject({
            protocol: z.enum(egressProtocols),
            address: addressText,
            port: z.number().nullable(),
            name: z.string().nullable(),
          }),
        ),
        need: z.number(),
      })
      .nullable()
      .default(null),
    command: z
      .strictObject({ ...paceSchema, argv: z.array(z.string()).min(1) })
      .nullable()
      .default(null),
    peers: z
      .strictObject({ ...paceSchema, drop: z.number(), withinMs: z.number(), least: z.number() })
      .nullable()
      .default(null),
    conntrack: z
      .strictObject({ ...paceSchema, maxUse: z.number() })
      .nullable()
      .default(null),
  }),
  when: z
    .strictObject({ dead: z.enum(troubleActions), impaired: z.enum(troubleActions) })
    .default({ dead: 'withdraw', impaired: 'degrade' }),
  drain: z
    .strictObject({ idleMs: z.number(), limitMs: z.number(), undrainMs: z.number() })
    .default({ idleMs: 0, limitMs: 0, undrainMs: 0 }),
  onStop: z.enum(['withdraw', 'keep']),
  /** `null`: what a controller that is killed had announced stays. */
  deadManMs: z.number().nullable().default(null),
  minSites: z.number().default(0),
})

/** What a bundle tells the controller: everything it needs to know, and no secret. */
export const manifestSchema = z.strictObject({
  format: z.literal(1),
  site: nameText,
  node: nameText,
  daemon: z.enum(['bird', 'frr']),
  asn: z.number(),
  routerId: addressText,
  paths: pathsSchema,
  /** `address:port` pairs for /healthz, /status and /metrics. */
  listen: z.array(z.string()),
  neighbors: z.array(neighborSchema),
  /** `null` where no session validates; missing in bundles of Anyward 0.1.0. */
  rpki: rpkiSchema.nullable().optional(),
  services: z.array(manifestServiceSchema),
  /** Whether the daemon's configuration knows degraded announcements. */
  degradable: z.boolean().default(false),
  /** When the calendar drains the node. */
  maintenance: z
    .array(z.strictObject({ cron: z.string(), durationMs: z.number(), timezone: z.string() }))
    .default([]),
  /** SHA-256, hex, of every other file of the bundle. */
  files: z.record(z.string().regex(/^\w[\w.-]*$/, 'is not the name of a file in the bundle'), z.string()),
})

export type Manifest = z.infer<typeof manifestSchema>
export type ManifestNeighbor = Manifest['neighbors'][number]
export type ManifestSession = NonNullable<ManifestNeighbor['session']>
export type ManifestRpki = NonNullable<Manifest['rpki']>
export type ManifestService = Manifest['services'][number]
export type NodePaths = Manifest['paths']
