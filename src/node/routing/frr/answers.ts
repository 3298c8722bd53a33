import * as z from 'zod'
import { frrDegraded } from '../../../manifest/announcements.ts'
import type { Announcements, Grade } from '../../../net/announcements.ts'
import type { Family } from '../../../net/prefix.ts'
import { DaemonError } from '../daemon.ts'
import { canonicalPrefix } from '../own-prefixes.ts'

const sectionSchema = z.object({
  peers: z.record(z.string(), z.object({ state: z.string() })).optional(),
})
const summarySchema = z.object({
  ipv4Unicast: sectionSchema.optional(),
  ipv6Unicast: sectionSchema.optional(),
})
// 8.4.4 has the first for a neighbor it does not know, and the second where the family is not activated.
const noneSchemas = [
  z.object({ bgpNoSuchNeighbor: z.literal(true) }),
  z.object({ warning: z.string() }),
] as const
const advertisedSchema = z.union([
  z.object({ advertisedRoutes: z.record(z.string(), z.object({ weight: z.number().optional() })) }),
  ...noneSchemas,
])
const pathSchema = z.object({
  locPrf: z.number().optional(),
  nexthops: z.array(z.object({ ip: z.string(), scope: z.string().optional() })).optional(),
})
const takenSchema = z.union([z.object({ routes: z.record(z.string(), z.array(pathSchema)) }), ...noneSchemas])

const vrfsSchema = z.object({ vrfs: z.record(z.string(), z.object({ routerId: z.string() })) })

export interface Summary {
  /** Each session's state by family and neighbor address, as bgpd names it. */
  readonly states: Readonly<Record<Family, ReadonlyMap<string, string>>>
}

export function readSummary(text: string): Summary {
  const { ipv4Unicast, ipv6Unicast } = parse(text, summarySchema, 'summary')
  const statesOf = (section: z.infer<typeof sectionSchema> | undefined) =>
    new Map(Object.entries(section?.peers ?? {}).map(([address, { state }]) => [address, state]))
  return {
    states: { ipv4: statesOf(ipv4Unicast), ipv6: statesOf(ipv6Unicast) },
  }
}

/**
 * From `show bgp vrfs json`, because the summary of a bgpd without neighbors is empty; `null` without an
 * instance.
 */
export function readRouterId(text: string): string | null {
  return parse(text, vrfsSchema, 'list of VRFs').vrfs.default?.routerId ?? null
}

/**
 * A neighbor's adj-rib-out with the grade of each route: the outbound route-map sets its weight. Empty if bgpd
 * does not know the neighbor in that family.
 * @param own prefixes that need not be parsed
 */
export function readAdvertised(text: string, own: ReadonlySet<string>): Announcements {
  const answer = parse(text, advertisedSchema, 'list of advertised routes')
  if (!('advertisedRoutes' in answer)) return new Map()
  return new Map(
    Object.entries(answer.advertisedRoutes).map(([key, { weight }]) => {
      const prefix = own.has(key) ? key : canonicalPrefix(key)
      if (prefix === null) throw unreadable('list of advertised routes', key)
      return [prefix, weight === frrDegraded.weight ? 'degraded' : 'normal']
    }),
  )
}

interface TakenRoute {
  readonly prefix: string
  readonly nextHop: string | null
}

/** Routes accepted from an iBGP neighbor, without degraded ones, which have LOCAL_PREF 0. */
export function readTaken(text: string): TakenRoute[] {
  const answer = parse(text, takenSchema, 'list of routes')
  if (!('routes' in answer)) return []
  return Object.entries(answer.routes).flatMap(([prefix, paths]) =>
    paths
      .filter(({ locPrf }) => locPrf !== 0)
      .map(({ nexthops = [] }) => ({
        prefix,
        nextHop: nexthops.find(({ scope }) => scope !== 'link-local')?.ip ?? null,
      })),
  )
}

export interface RunningNetworks {
  /** Whether bgpd runs our AS in the default VRF at all. */
  readonly instance: boolean
  readonly networks: Announcements
}

/**
 * Only these lines, because the others contain passwords. bgpd's configuration rather than its table: `no
 * network` takes effect here at once, and in the table when bgpd processes its queue.
 */
export const networksCommand = 'show running-config | include ^(router bgp |  network )'

export function readNetworks(text: string, asn: number): RunningNetworks {
  let instance = false
  let inInstance = false
  const networks = new Map<string, Grade>()
  for (const line of text.split(/\r?\n/)) {
    const router = /^router bgp (\d+)(?: as-notation \S+)?( .*)?$/.exec(line)
    if (router !== null) {
      // `router bgp N vrf X` and `view X` are tables of their own.
      inInstance = router[1] === String(asn) && router[2] === undefined
      instance ||= inInstance
      continue
    }
    const network = /^ {2}network (\S+)(.*)$/.exec(line)
    // `backdoor` marks a route of another AS; it originates nothing.
    if (network === null || !inInstance || / backdoor\b/.test(network[2]!)) continue
    const prefix = canonicalPrefix(network[1]!)
    if (prefix !== null) {
      networks.set(prefix, network[2] === ` route-map ${frrDegraded.map}` ? 'degraded' : 'normal')
    }
  }
  return { instance, networks }
}

export function readVersion(text: string): string {
  const version = /^FRRouting (\S+)/m.exec(text)?.[1]
  if (version === undefined) throw unreadable('version', text)
  return version
}

function parse<T>(text: string, schema: z.ZodType<T>, what: string): T {
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch (cause) {
    throw unreadable(what, text, cause)
  }
  const result = schema.safeParse(document)
  if (!result.success) throw unreadable(what, text, result.error)
  return result.data
}

function unreadable(what: string, text: string, cause?: unknown): DaemonError {
  return new DaemonError('protocol', `bgpd's ${what} is not one that this version of anyward can read`, {
    reply: text.slice(0, 200),
    cause,
  })
}
