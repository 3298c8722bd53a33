import * as z from 'zod'

/** It rises when a key is removed or gets another meaning; a key that is added leaves it as it is. */
const statusVersion = 1

const time = z.iso.datetime()
const list = <T extends z.ZodType>(item: T) => z.array(item).readonly()

const probe = z.discriminatedUnion('outcome', [
  z.object({
    outcome: z.literal('good'),
    handshakeMs: z.number().nullable(),
    pingMs: z.number().nullable(),
  }),
  z.object({
    outcome: z.literal('bad'),
    check: z.enum(['handshake', 'ping']),
    cause: z.string(),
    detail: z.string(),
  }),
  z.object({
    outcome: z.literal('inconclusive'),
    cause: z.enum(['under-load', 'starved', 'closed']),
    detail: z.string(),
  }),
])

const service = z.object({
  name: z.string(),
  health: z.enum(['unknown', 'healthy', 'impaired', 'unhealthy']),
  decision: z.enum(['announce', 'degrade', 'withdraw', 'hold']),
  reason: z.string(),
  detail: z.string(),
  since: time,
  /** As observed at the daemon. */
  announced: list(z.object({ neighbor: z.string(), prefix: z.string(), degraded: z.boolean() })),
  checks: z.record(z.string(), z.boolean()),
  probe: probe.nullable(),
  /** Share of the last probes, 0 to 1. */
  loss: z.number(),
  holdDown: z.object({ flaps: z.number(), leftMs: z.number().nullable() }),
  /** Probes without a result, because this machine was late. */
  late: z.object({ inRow: z.number(), total: z.number() }),
  drain: z.object({
    stage: z.enum(['none', 'degrading', 'drained', 'returning']),
    sinceMs: z.number().nullable(),
    waitingFor: z.string().nullable(),
    ending: z.enum(['traffic-gone', 'limit', 'nothing-announced', 'at-once']).nullable(),
  }),
  /** The permit to withdraw, from the store of the fleet; `null`: it has none. `held`: the register has this node. */
  permit: z
    .object({
      standing: z.enum(['none', 'asking', 'granted', 'refused', 'unreachable']),
      held: z.boolean(),
    })
    .nullable()
    .default(null),
  /** Whether the initiations of its WireGuard are dropped, because it is not announced here; `null`: not known. */
  fenced: z.boolean().nullable().default(null),
  /** The sites that probe this endpoint by the unicast address, and those that do not reach it; `null`: none says anything. */
  remote: z.object({ sites: z.number(), failing: z.number() }).nullable().default(null),
})

const window = z.object({ start: time, until: time, reason: z.string() })

/** What /status and `anyward status --json` show. */
export const statusSchema = z.object({
  version: z.literal(statusVersion),
  node: z.string(),
  site: z.string(),
  /** SHA-256 of the manifest.json that the controller runs; `null`: not known, as with an older controller. */
  bundle: z.string().nullable().default(null),
  /** Of the bundle that the controller runs; `null`: it is unsigned. */
  serial: z.number().nullable().default(null),
  services: list(service),
  neighbors: list(
    z.object({
      name: z.string(),
      address: z.string(),
      session: z.enum(['up', 'down', 'missing', 'unknown']),
      /** `null`: without BFD. `problem`: it stays down while the session is up, and the cure. */
      bfd: z
        .object({ state: z.enum(['up', 'down', 'missing', 'unknown']), problem: z.string().nullable() })
        .nullable(),
    }),
  ),
  /** The intent in force; `source` is the operator or the calendar. */
  operator: z.object({
    intent: z.enum(['serve', 'drain', 'withdraw']),
    source: z.enum(['operator', 'calendar']).nullable(),
    reason: z.string().nullable(),
    /** The user, or the name of the token on the page; `null`: not known, or the calendar. */
    by: z.string().nullable().default(null),
    until: time.nullable(),
  }),
  maintenance: z.object({ active: window.nullable(), next: window.nullable() }),
  /** What withdraws if this controller dies; `null`: nothing, because `deadMan` is `keep`. */
  guard: z
    .object({ holding: z.boolean(), pid: z.number().nullable(), problem: z.string().nullable() })
    .nullable(),
  /** Whether the store of the fleet carries out what this node asks, and since when; `null`: it has none. */
  store: z
    .object({ ok: z.boolean().nullable(), since: time, problem: z.string().nullable() })
    .nullable()
    .default(null),
  /** The roster of peers that nodes share: counts alone, for it maps users to addresses. `null`: the fleet has no `rescue`. */
  rescue: z
    .object({
      /** Of all nodes. */
      entries: z.number(),
      /** Of this node's own WireGuard interfaces, as last read. */
      peers: z.number(),
      /** Streams of other nodes that read from this one. */
      readers: z.number(),
      /** Why this node takes no part. */
      problem: z.string().nullable(),
      /** Whether packets of sessions at other sites are seen; `null`: this node takes no part. */
      strays: z
        .object({
          ok: z.boolean(),
          /** Why they are not; `null`: they are, or will be in a moment. */
          problem: z.string().nullable(),
          /** How many are watched. */
          endpoints: z.number(),
          /** Since the start of the controller. */
          packets: z.number(),
        })
        .nullable()
        .default(null),
      nodes: list(
        z.object({
          node: z.string(),
          entries: z.number(),
          /** Of its newest handshake; `null`: it has said none. */
          ageMs: z.number().nullable(),
          /** `null`: a relay passes on what it says. */
          up: z.boolean().nullable(),
          since: time.nullable(),
          /** How far its clock is ahead of this node's. */
          skewMs: z.number().nullable(),
          problem: z.string().nullable(),
        }),
      ),
    })
    .nullable()
    .default(null),
  /** Whether the page takes orders with a token, and what is wrong with the files that decide it; `null`: it has none. */
  access: z.object({ orders: z.boolean(), problem: z.string().nullable() }).nullable().default(null),
  /** Addresses that were removed from the node, because the daemon does not withdraw a dead service. */
  heldAddresses: list(z.string()),
  daemon: z.object({
    kind: z.enum(['bird', 'frr']),
    version: z.string().nullable(),
    /** Whether the last observation of the neighbors agrees with the decision. */
    verified: z.boolean(),
    observedAgoMs: z.number().nullable(),
    trouble: z.object({ cause: z.string(), message: z.string(), reply: z.string().nullable() }).nullable(),
    /** FRR: lines of its files that it announces at its next start, also without a controller. */
    savedAnnouncements: list(z.object({ file: z.string(), line: z.number(), prefix: z.string() })),
  }),
  time,
})

export type NodeStatus = z.output<typeof statusSchema>
