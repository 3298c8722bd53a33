import { hasIndirectNextHops } from '../indirect.ts'
import type { Manifest, ManifestNeighbor } from '../manifest.ts'

/** The cost of a change for a session that is up. */
export type Effect = 'none' | 'reload' | 'session-restart'

type Daemon = Manifest['daemon']
type Costs = Readonly<Record<Daemon, Effect>>

interface Setting {
  readonly label: string
  /** `undefined`: not in this bundle. */
  readonly read: (neighbor: ManifestNeighbor) => string | undefined
  readonly cost: Costs
  /** When the change takes effect, where that is not at once. */
  readonly remark?: Readonly<Partial<Record<Daemon, string>>>
}

const effects: readonly Effect[] = ['none', 'reload', 'session-restart']

export function worstEffect(some: Iterable<Effect>): Effect {
  let worst = 0
  for (const effect of some) worst = Math.max(worst, effects.indexOf(effect))
  return effects[worst]!
}

const nothing: Costs = { bird: 'none', frr: 'none' }
const restart: Costs = { bird: 'session-restart', frr: 'session-restart' }

/**
 * The settings of a session, besides its rules, and the cost of a change: as measured at the neighbor of a BIRD 2.0.12
 * and of an FRR 8.4.4.
 */
const settings: readonly Setting[] = [
  { label: 'the AS number', read: ({ asn }) => String(asn), cost: restart },
  {
    label: 'the local AS number',
    read: ({ session }) => session && (session.localAs === null ? 'the node’s' : String(session.localAs)),
    cost: restart,
  },
  { label: 'the address', read: ({ address }) => address ?? 'none', cost: restart },
  { label: 'the interface', read: (neighbor) => neighbor.interface ?? 'none', cost: restart },
  { label: 'the VRF', read: ({ vrf }) => vrf ?? 'the default one', cost: restart },
  {
    label: 'the address families',
    read: ({ family, families = [family] }) => families.join(' and '),
    cost: restart,
  },
  { label: 'the local address', read: ({ localAddress }) => localAddress ?? 'none', cost: restart },
  { label: 'GTSM', read: ({ gtsm }) => onOrOff(gtsm), cost: restart },
  { label: 'the password file', read: ({ passwordFile }) => passwordFile ?? 'none', cost: restart },
  { label: 'the role', read: ({ session }) => session && (session.role ?? 'none'), cost: restart },
  { label: 'multihop', read: ({ session }) => session && String(session.multihop ?? 'off'), cost: restart },
  {
    // BIRD has a table for it.
    label: 'the resolution of next hops',
    read: ({ kind, session }) =>
      session && onOrOff(hasIndirectNextHops({ kind, multihop: session.multihop }, session.takes)),
    cost: { bird: 'session-restart', frr: 'none' },
  },
  {
    // BIRD needs an `import table` for it.
    label: 'origin validation',
    read: ({ session }) => session && onOrOff(session.validated),
    cost: { bird: 'session-restart', frr: 'reload' },
  },
  {
    // BIRD refuses AS_SETs by an option of the session.
    label: 'the rule as-set',
    read: ({ session }) => session && onOrOff('as-set' in session.importRules),
    cost: { bird: 'session-restart', frr: 'reload' },
  },
  {
    // BIRD's session is multihop or direct as its BFD is.
    label: 'the hops of BFD',
    read: ({ session }) => session && (session.bfd?.hops ?? 'by the daemon'),
    cost: { bird: 'session-restart', frr: 'none' },
  },
  {
    label: 'BFD',
    read: ({ session }) =>
      session && (session.bfd === null ? 'off' : `${session.bfd.intervalMs} ms × ${session.bfd.multiplier}`),
    cost: nothing,
  },
  {
    label: 'the hold time and keepalive',
    read: ({ session }) => session && `${session.timers.holdS} s, ${session.timers.keepaliveS} s`,
    cost: { bird: 'session-restart', frr: 'none' },
    // The two sides agree on the timers when a session opens.
    remark: { frr: 'when the session next comes up' },
  },
  { label: 'the import limit', read: ({ session }) => session && String(session.importLimit), cost: nothing },
  { label: 'the export limit', read: ({ session }) => session && String(session.exportLimit), cost: nothing },
  { label: 'the description', read: ({ session }) => session?.description, cost: nothing },
]

function onOrOff(value: boolean): string {
  return value ? 'on' : 'off'
}

interface SettingChange {
  readonly effect: Effect
  /** Such as `GTSM is turned on`, `the role is customer, was peer`. */
  readonly why: string
}

/** The differences in a session's settings; a setting that one of the two bundles lacks is left out. */
export function compareSettings(
  before: ManifestNeighbor,
  after: ManifestNeighbor,
  daemon: Daemon,
): SettingChange[] {
  return settings.flatMap(({ label, read, cost, remark }): SettingChange[] => {
    const had = read(before)
    const has = read(after)
    if (had === undefined || has === undefined || had === has) return []
    const when = remark?.[daemon]
    const why = describeChange(label, had, has)
    return [{ effect: cost[daemon], why: when === undefined ? why : `${why} (${when})` }]
  })
}

function describeChange(label: string, had: string, has: string): string {
  if (has === 'off' || (had === 'off' && has === 'on')) return `${label} is turned ${has}`
  return `${label} is ${has}, was ${had}`
}
