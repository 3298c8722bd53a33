import { type Family, familyOf } from '../../../src/net/prefix.ts'

export const ourAsn = 60000
/** Of one session. */
export const localAsn = 60001
export const cachePort = 3323

/**
 * The prefixes that this fleet originates: not in the ranges reserved for documentation, so that all of those stay
 * hostile.
 */
export const own = {
  ipv4: {
    covering: '99.99.0.0/24',
    host: '99.99.0.1/32',
    other: '99.98.0.0/22',
    third: '99.97.0.0/24',
    always: '99.96.0.0/24',
  },
  ipv6: {
    covering: '2999:99::/48',
    host: '2999:99::1/128',
    other: '2999:98::/44',
    third: '2999:97::/48',
    always: '2999:96::/48',
  },
} as const

/** Announced by the daemon itself, in any state of the services: a prefix, and a host route. */
export const alwaysAnnounced = [own.ipv4.always, own.ipv6.always, '99.95.0.9/32', '2999:95::9/128'] as const

/** Bogons that this fleet accepts: one whole range, and a part of another. */
export const allowedBogons = ['198.51.100.0/24', '10.20.0.0/16', '3fff::/20', '2001:db8:20::/44'] as const

/** Of the neighbors' side and no session's. */
export const otherAddresses = { ipv4: '10.77.2.1', ipv6: 'fd77::2:1' } as const

export function isOfFamily(family: Family): (text: string) => boolean {
  return (text) => familyOf(text) === family
}

/** Other networks, so that FRR has the lists of a rule in several parts. */
export function networksIn(family: Family, first: number): readonly string[] {
  return Array.from({ length: 110 }, (_, index) =>
    family === 'ipv4' ? `${first}.${index}.0.0/24` : `29${first}:${index}::/48`,
  )
}
