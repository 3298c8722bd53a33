import * as z from 'zod'

const time = z.iso.datetime()
const list = <T extends z.ZodType>(item: T) => z.array(item).readonly()
const health = z.enum(['unknown', 'healthy', 'impaired', 'unhealthy'])
const decision = z.enum(['announce', 'degrade', 'withdraw', 'hold'])
/** As the node observes it at its daemon. */
const announced = list(z.object({ neighbor: z.string(), prefix: z.string(), degraded: z.boolean() }))

/** What /fleet and `anyward status --fleet --json` show: all nodes by what they last said to the store. */
export const fleetStatusSchema = z.object({
  version: z.literal(1),
  /** The node whose controller answers: ages are by its clock. */
  node: z.string(),
  site: z.string(),
  store: z.object({
    /** Whether it carries out what this node asks; `null`: it has not answered yet. */
    ok: z.boolean().nullable(),
    /** Since when; where it is not ok, when it last was. */
    since: time,
    problem: z.string().nullable(),
  }),
  nodes: list(
    z.object({
      site: z.string(),
      node: z.string(),
      /** Since its beat has risen, or since this controller knows of it. */
      ageMs: z.number(),
      /** Its beat has not risen for some seconds, or not yet since this controller runs: what follows is old. */
      stale: z.boolean(),
      /** How much its clock is ahead of most others; `null`: not known yet. */
      clockAheadMs: z.number().nullable(),
      /** Of the service that is worst; `null`: it has said nothing that can be read. */
      health: health.nullable(),
      decision: decision.nullable(),
      reason: z.string().nullable(),
      announced,
      serial: z.number().nullable(),
      services: list(
        z.object({
          ...{ name: z.string(), health, decision, reason: z.string(), announced },
          /** The sites that probe it, and those that do not reach it; `null`: none says anything. */
          remote: z.object({ sites: z.number(), failing: z.number() }).nullable().default(null),
          /**
           * It announces normally, its neighbors are known to have that, and its endpoint serves: others count on it. `null`: an
           * older controller does not say.
           */
          well: z.boolean().nullable().default(null),
        }),
      ),
    }),
  ),
  /** The registers: nodes that are withdrawn, or may withdraw. */
  permits: list(
    z.object({
      service: z.string(),
      site: z.string(),
      node: z.string(),
      /** By the clock of the node. */
      since: time.nullable(),
      reason: z.string(),
      cause: z.enum(['permit', 'fact', 'order']),
    }),
  ),
  /** How many other sites have to be well for a permit, for each service of the node that answers. */
  minSites: list(z.object({ service: z.string(), minSites: z.number() })).default([]),
  /** How many changes there were at the nodes since this controller watches: /fleet/events has the last ones. */
  changes: z.number().default(0),
  time,
})

export type FleetStatus = z.output<typeof fleetStatusSchema>

/** An operator's order to take a node out of the register of a service. */
export const permitRemovalSchema = z.strictObject({
  service: z.string().min(1).max(100),
  site: z.string().min(1).max(100),
  node: z.string().min(1).max(100),
  /** The user who orders it. */
  by: z.string().min(1).max(100),
  reason: z.string().min(1).max(500),
})

export type PermitRemoval = z.output<typeof permitRemovalSchema>

export const permitRemovalReplySchema = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.literal('removed') }),
  /** The register does not have the node. An older controller does not say which it has. */
  z.object({ outcome: z.literal('absent'), holders: z.array(z.string()).optional() }),
  /** Whether it was removed is not known. */
  z.object({ outcome: z.literal('failed'), message: z.string() }),
])
export type PermitRemovalReply = z.output<typeof permitRemovalReplySchema>
