import type { DaemonKind } from '../../manifest/daemon-kinds.ts'
import type { Family } from '../../net/prefix.ts'
import type { Place } from '../../syntax/config-text.ts'

/** What is not taken over. `text` is shortened, and never contains a password. */
export interface Left extends Place {
  readonly text: string
  readonly reason: string
}

/** A BGP session as the configuration has it; `null`: the configuration does not say. */
export interface FoundSession {
  readonly place: Place
  /** As the configuration calls it: a protocol of BIRD, an address or an interface of FRR. */
  readonly name: string
  readonly asn: number | 'internal' | null
  readonly address: string | null
  readonly interface: string | null
  readonly localAddress: string | null
  readonly localAs: number | null
  readonly vrf: string | null
  readonly multihop: number | null
  /** `{}`: with the daemon's own timers. */
  readonly bfd: { readonly intervalMs?: number; readonly multiplier?: number } | null
  readonly gtsm: boolean
  readonly hasPassword: boolean
  readonly description: string | null
  readonly timers: { readonly holdMs?: number; readonly keepaliveMs?: number }
  /** Routes of both families over one session. */
  readonly families: readonly Family[]
  readonly extendedNextHop: boolean
  readonly limit: number | null
  /** `filtered`: by filters that are not read. */
  readonly import: 'nothing' | 'everything' | 'filtered'
}

export interface FoundRouter {
  readonly daemon: DaemonKind
  readonly asn: number | null
  readonly routerId: string | null
  readonly sessions: readonly FoundSession[]
  readonly left: readonly Left[]
}

/** BIRD and FRR can also warn, block or restart. */
export const limitAction =
  'the limit is taken over, and not its action: with Anyward the session stops, until an operator enables it'

/** Of a list that is all left over, so many entries are shown. */
export const mostLeft = 1000

const longestText = 120

/** One line, shortened, without control characters. */
export function shorten(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they must not reach a terminal
  const line = text.replace(/[\0-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]+/g, ' ').trim()
  return line.length > longestText ? `${line.slice(0, longestText - 1)}…` : line
}

/** The number that most of them have; of several, the first. */
export function mostCommon(numbers: readonly number[]): number | null {
  const counts = new Map<number, number>()
  for (const number of numbers) counts.set(number, (counts.get(number) ?? 0) + 1)
  let best: number | null = null
  for (const [number, times] of counts) if (best === null || times > counts.get(best)!) best = number
  return best
}

/** By file, in the order of the files, then by line. */
export function inOrder(left: readonly Left[]): Left[] {
  const files = new Map<string, number>()
  for (const { file } of left) if (!files.has(file)) files.set(file, files.size)
  return left.toSorted((a, b) => files.get(a.file)! - files.get(b.file)! || a.line - b.line)
}
