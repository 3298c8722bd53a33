import type { ManifestRpki, ManifestSession } from '../../manifest/manifest.ts'
import { once } from '../policy/once.ts'
import type { Policy, Rule } from '../policy/policy.ts'
import type { Rpki, RtrCache } from '../sites/fleet.ts'
import { policiesOf, type SessionPlan } from './plan.ts'

type Hash = (text: string) => string

/** The settings of a session that a bundle records, so that the next plan can compare them. */
export function describeSession(session: SessionPlan, hash: Hash): ManifestSession {
  const imports = session.channels.map((channel) => channel.import)
  const exports = session.channels.map((channel) => channel.export)
  return {
    localAs: session.localAs,
    description: session.description,
    role: session.role,
    multihop: session.multihop,
    bfd: session.bfd && { ...session.bfd, hops: session.kind === 'ibgp' ? session.bfd.hops : null },
    timers: { ...session.timers },
    validated: session.validated,
    takes: session.taken,
    importLimit: sum(imports.map(({ limit }) => limit)),
    exportLimit: sum(exports.map(({ limit }) => limit)),
    importRules: describeRules(imports, hash),
    exportRules: describeRules(exports, hash),
    relaxed: [...new Set(policiesOf(session).flatMap(({ relaxed }) => relaxed.map(({ id }) => id)))].sort(),
  }
}

export function describeRpki(rpki: Rpki | null): ManifestRpki | null {
  if (rpki === null) return null
  const { caches, refreshS, retryS, expireS, atExpiry, lastGood } = rpki
  return {
    caches: caches.map(formatCache),
    refreshS,
    retryS,
    expireS,
    atExpiry,
    lastGood: formatCache(lastGood),
  }
}

function formatCache({ host, port }: RtrCache): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** One hash for all rules of an id, as of two families or of several services. */
function describeRules(policies: readonly Policy[], hash: Hash): Record<string, string> {
  const hashRule = ruleHashes(hash)
  const hashes: Record<string, string> = {}
  for (const rule of policies.flatMap(({ rules }) => rules)) {
    const earlier = hashes[rule.id]
    const own = hashRule(rule)
    hashes[rule.id] = earlier === undefined ? own : hash(`${earlier} ${own}`).slice(0, 12)
  }
  return hashes
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

/** A cache: most rules are the same in thousands of sessions. */
const ruleHashes = once((hash: Hash) =>
  once(({ match, action }: Rule) => hash(JSON.stringify([match, action])).slice(0, 12)),
)
