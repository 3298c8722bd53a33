import { type Parsed, parseAddress, parsePrefix } from '../net/prefix.ts'
import { parseDuration } from '../text/duration.ts'
import { hasControl, number, pattern, type Shape, text, type Wrong, whole } from '../text/shape.ts'
import { readSchedule } from './cron.ts'

declare const checked: unique symbol
/** A text that was checked when it was read. Its type proves the check and distinguishes it from other texts. */
type Checked<What extends string> = string & { readonly [checked]?: What }

/**
 * The name of a site, a node, a service or a neighbor: used as a symbol in BIRD and FRR, in file names, as a
 * metric label.
 */
export type Name = Checked<'name'>
/** BIRD's name for a session. */
export type BirdSymbol = Checked<'symbol'>
/** Canonical, without host bits. */
export type PrefixText = Checked<'prefix'>
/** Canonical. */
export type AddressText = Checked<'address'>
export type AbsolutePath = Checked<'path'>
export type InterfaceName = Checked<'interface'>

export const namePattern = /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/
const longestName = 32
export const interfacePattern = /^[A-Za-z][A-Za-z0-9_.-]*$/
const longestInterface = 15
/** Canonical base64 of 32 bytes. */
export const publicKeyPattern = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/

export const name = pattern<Name>(
  namePattern,
  `is not a name: at most ${longestName} of a-z, 0-9 and single dashes`,
  longestName,
)
/** BIRD also has names in quotes, such as 'transit-a'. */
export const birdProtocolPattern = /^[A-Za-z0-9_.:-]{1,64}$/
export const birdProtocol = pattern<BirdSymbol>(birdProtocolPattern, 'is not the name of a BIRD protocol')
export const interfaceName = pattern<InterfaceName>(
  interfacePattern,
  'is not an interface name',
  longestInterface,
)
export const publicKey = pattern(publicKeyPattern, 'is not a WireGuard public key', 44)
/** The start of a SHA-256 in hex, or all of it. */
export const hash = pattern(/^[0-9a-f]{1,64}$/, 'is not a SHA-256 in hex', 64)
/** Of a rule of the route policy. */
export const ruleId = pattern(/^[a-z0-9]+(?:-[a-z0-9]+)*$/, 'is not the id of a rule', 64)
export const version = pattern(/^\d{1,3}(?:\.\d{1,3}){0,2}$/, 'is not a version', 11)
export const fileName = pattern(/^\w[\w.-]*$/, 'is not the name of a file in the bundle', 255)

export const prefix = canonical<PrefixText>(parsePrefix, 49)
export const address = canonical<AddressText>(parseAddress, 45)

function canonical<T extends string>(
  parse: (text: string) => Parsed<{ toString(): string }>,
  most: number,
): Shape<T> {
  return text<T>((raw) => {
    const parsed = parse(raw)
    return parsed.ok ? (parsed.value.toString() as T) : parsed
  }, most)
}

/** A path is used in system calls, argv and lines of configuration. */
export const absolutePath = text<AbsolutePath>((raw) => {
  if (hasControl(raw)) return { problem: 'has control characters' }
  return raw.startsWith('/') ? (raw as AbsolutePath) : { problem: 'is not an absolute path' }
}, 4095)

/** `host:port`, the host an address or a host name; IPv6 in brackets. */
export const hostAndPort = text((raw): string | Wrong => {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(raw)
  const host = match?.[1] ?? match?.[2] ?? ''
  const parsed = parseAddress(host)
  const isHost = match?.[1] === undefined ? isHostName(host) || (parsed.ok && !host.includes(':')) : parsed.ok
  return match !== null && isHost && Number(match[3]) <= 65_535
    ? raw
    : { problem: 'is not an address and a port, such as 127.0.0.1:9586 or [::1]:9586' }
}, 300)

export function isHostName(host: string): boolean {
  return (
    host.length <= 253 &&
    !/^[\d.]+$/.test(host) &&
    host.split('.').every((label) => /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(label))
  )
}

/** Five fields of crontab(5). */
export const schedule = text((raw) => {
  const read = readSchedule(raw)
  return read.ok ? read.value : { problem: 'is not a schedule of five fields' }
}, 128)

/** A name of the IANA time zone database. */
export const timezone = text((raw) => (isTimezone(raw) ? raw : { problem: 'is not a time zone' }), 64)

export function isTimezone(zone: string): boolean {
  if (!/^[A-Za-z][A-Za-z0-9_+/-]{1,63}$/.test(zone)) return false
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}

export const hostName = text((raw) => (isHostName(raw) ? raw : { problem: 'is not a host name' }), 253)
export const asn = whole(1, 4_294_967_294)
export const port = whole(1, 65_535)
export const share = number(0, 1)
/** Milliseconds since 1970, up to the year 2286: a working clock is within this range. */
export const instant = number(0, 10_000_000_000_000)

/** In milliseconds; the bounds are written as in the YAML. */
export function durationMs([least, most]: readonly [string, string]): Shape<number> {
  return whole(msOf(least), msOf(most))
}

export function seconds([least, most]: readonly [string, string]): Shape<number> {
  return whole(msOf(least) / 1000, msOf(most) / 1000)
}

function msOf(duration: string): number {
  const ms = parseDuration(duration)
  if (ms === null) throw new TypeError(`${duration} is not a duration`)
  return ms
}
