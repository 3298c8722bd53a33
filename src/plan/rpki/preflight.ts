import type { Prefix } from '../../net/prefix.ts'
import type { ValidationState } from './validation.ts'
import type { Vrp, VrpSet } from './vrp-set.ts'

/** A prefix that leaves our AS. */
export interface OwnAnnouncement {
  readonly prefix: Prefix
  readonly origin: number
  /** The nodes that announce it. */
  readonly nodes: readonly string[]
}

interface PreflightFinding {
  readonly severity: 'error' | 'warning'
  readonly message: string
  readonly hint: string
}

export interface PreflightRow extends OwnAnnouncement {
  readonly state: ValidationState
  /** Every VRP that covers the prefix, shorter before longer. */
  readonly vrps: readonly Vrp[]
  readonly findings: readonly PreflightFinding[]
}

/** The validation state of our announcements (RFC 6811), with findings and hints. */
export function preflight(announcements: readonly OwnAnnouncement[], vrps: VrpSet): readonly PreflightRow[] {
  return announcements.map((announcement) => {
    const { prefix, origin } = announcement
    const state = vrps.validate(prefix, origin)
    const covering = vrps.covering(prefix)
    const findings =
      state === 'valid'
        ? looseFindings(announcement, covering, announcements)
        : [stateFinding(announcement, state, covering)]
    return { ...announcement, state, vrps: covering, findings }
  })
}

function stateFinding(
  { prefix, origin }: OwnAnnouncement,
  state: Exclude<ValidationState, 'valid'>,
  covering: readonly Vrp[],
): PreflightFinding {
  const hint = `create a ROA: ${formatRoa(prefix, origin)}`
  const ours = covering.filter((vrp) => vrp.asn === origin)
  switch (state) {
    case 'not-found':
      return {
        severity: 'warning',
        message: `no VRP covers ${prefix}: networks accept it from any origin`,
        hint,
      }
    case 'invalid-length':
      return {
        severity: 'error',
        message: `${prefix} is longer than the maxLength of ${list(ours)}, and networks that validate drop it`,
        hint,
      }
    case 'invalid-as': {
      const permitsNone = covering.every((vrp) => vrp.asn === 0)
      const why = permitsNone ? 'permits no origin (AS 0)' : `is not for AS${origin}`
      return {
        severity: 'error',
        message: `${list(covering)} ${why}, and networks that validate drop ${prefix}`,
        hint: permitsNone ? `${hint}, if the holder of the prefix agrees` : hint,
      }
    }
  }
}

/** A VRP also validates forged announcements of more-specifics that the fleet does not announce (RFC 9319, section 4). */
function looseFindings(
  { prefix, origin }: OwnAnnouncement,
  covering: readonly Vrp[],
  announcements: readonly OwnAnnouncement[],
): readonly PreflightFinding[] {
  return covering
    .filter((vrp) => vrp.asn === origin && vrp.maxLength >= prefix.length)
    .flatMap((vrp) => {
      const announced = announcements.filter(
        (other) =>
          other.origin === origin &&
          vrp.prefix.contains(other.prefix) &&
          other.prefix.length <= vrp.maxLength,
      )
      const allowed = 2 ** (vrp.maxLength - vrp.prefix.length + 1) - 1
      if (announced.length >= allowed) return []
      const roas = announced.map((other) => formatRoa(other.prefix, origin))
      return [
        {
          severity: 'warning' as const,
          message: `${formatVrp(vrp)} allows more than the fleet announces: a forged announcement with AS${origin} as the origin is valid there (RFC 9319)`,
          hint: `unless other routers announce these prefixes, replace the ROA by: ${roas.join('; ')}`,
        },
      ]
    })
}

function formatVrp({ prefix, maxLength, asn }: Vrp): string {
  return `the VRP ${formatRoa(prefix, asn, maxLength)}`
}

/** As a registry's form asks for it: `AS64500, 192.0.2.0/24, maxLength 24`. */
function formatRoa(prefix: Prefix, asn: number, maxLength = prefix.length): string {
  return `AS${asn}, ${prefix}, maxLength ${maxLength}`
}

const mostListed = 3

function list(vrps: readonly Vrp[]): string {
  const shown = vrps.slice(0, mostListed).map(formatVrp).join(' or ')
  return vrps.length > mostListed ? `${shown} or ${vrps.length - mostListed} others` : shown
}
