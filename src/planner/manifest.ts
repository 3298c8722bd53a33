import { z } from 'zod'
import { families } from '../net/prefix.ts'
import { checkNames, neighborKinds } from '../sites/fleet.ts'

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

const neighborSchema = z.strictObject({
  name: z.string(),
  kind: z.enum(neighborKinds),
  asn: z.number(),
  address: z.string(),
  localAddress: z.string().nullable(),
  family: z.enum(families),
  /** BIRD's name for the session; `null` for FRR, which names a session by its address. */
  protocol: z.string().nullable(),
  gtsm: z.boolean(),
  passwordFile: z.string().nullable(),
  /** Our prefixes that this neighbor is told while their service is announced, sorted. */
  prefixes: z.array(z.string()),
})

const serviceSchema = z.strictObject({
  name: z.string(),
  /** All that the node originates for this service: host and covering prefixes, sorted. */
  prefixes: z.array(z.string()),
  /** The addresses that must be on the node, without a length. */
  anycast: z.array(z.string()),
  wireguard: z.strictObject({
    interface: z.string(),
    port: z.number(),
    publicKey: z.string(),
    /** Without a length. */
    addresses: z.array(z.string()),
  }),
  probe: z.strictObject({
    privateKeyFile: z.string(),
    presharedKeyFile: z.string().nullable(),
    address: z.string(),
    intervalMs: z.number(),
    timeoutMs: z.number(),
    rise: z.number(),
    fall: z.number(),
    checks: z.array(z.enum(checkNames)),
  }),
  onStop: z.enum(['withdraw', 'keep']),
})

/** What a bundle tells the controller: everything it needs to know, and no secret. */
export const manifestSchema = z.strictObject({
  format: z.literal(1),
  site: z.string(),
  node: z.string(),
  daemon: z.enum(['bird', 'frr']),
  asn: z.number(),
  routerId: z.string(),
  paths: pathsSchema,
  /** `address:port` pairs for /healthz, /status and /metrics. */
  listen: z.array(z.string()),
  neighbors: z.array(neighborSchema),
  services: z.array(serviceSchema),
  /** SHA-256, hex, of every other file of the bundle. */
  files: z.record(z.string(), z.string()),
})

export type Manifest = z.infer<typeof manifestSchema>
export type ManifestNeighbor = Manifest['neighbors'][number]
export type ManifestService = Manifest['services'][number]
export type NodePaths = Manifest['paths']
