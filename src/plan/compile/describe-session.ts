import type { ManifestRpki, ManifestSession } from '../../manifest/manifest.ts'
import { once } from '../policy/once.ts'
import type { Policy, Rule } from '../policy/policy.ts'
import type { Rpki, RtrCache } from '../sites/fleet.ts'
import type { SessionPlan } from './plan.ts'

type Hash = (text: string) => string

/** The settings of a session that a bundle records, so that the next plan can compare them. */
export function describeSession(session: SessionPlan, hash: Hash): ManifestSession {
  return {
    description: session.description,
    role: session.role,
    multihop: session.multihop,
    bfd: session.bfd === null ? null : { ...session.bfd },
    timers: { ...session.timers },
    validated: session.validated,
    takes: session.taken,
    importLimit: session.import.limit,
    exportLimit: session.export.limit,
    importRules: describeRules(session.import, hash),
    exportRules: describeRules(session.export, hash),
    relaxed: [...session.import.relaxed, ...session.export.relaxed].map(({ id }) => id).sort(),
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

function describeRules({ rules }: Policy, hash: Hash): Record<string, string> {
  const hashRule = ruleHashes(hash)
  return Object.fromEntries(rules.map((rule) => [rule.id, hashRule(rule)]))
}

/** A cache: most rules are the same in thousands of sessions. */
const ruleHashes = once((hash: Hash) =>
  once(({ match, action }: Rule) => hash(JSON.stringify([match, action])).slice(0, 12)),
)
