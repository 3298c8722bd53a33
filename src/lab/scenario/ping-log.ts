/** One reply in a log of `ping -D`. */
export interface PingReply {
  /** Since the epoch. */
  readonly atMs: number
  readonly sequence: number
}

export interface Outage {
  /** From the last answer before to the first one after. */
  readonly durationMs: number
  readonly packetsLost: number
}

/** The answers in a log of `ping -D`, in the order in which they came. */
export function parsePingLog(text: string): PingReply[] {
  const replies: PingReply[] = []
  // A log that is still being written may end within a line.
  for (const line of text.slice(0, text.lastIndexOf('\n') + 1).split('\n')) {
    const found = /^\[(\d+\.\d+)\] \d+ bytes from .*icmp_seq=(\d+) .*time=/.exec(line)
    if (found) replies.push({ atMs: Number(found[1]) * 1000, sequence: Number(found[2]) })
  }
  return replies
}

/** The longest stretch with lost packets that ended after `sinceMs` (since the epoch). */
export function findOutage(replies: readonly PingReply[], sinceMs: number): Outage | null {
  let longest: Outage | null = null
  for (let at = 1; at < replies.length; at++) {
    const before = replies[at - 1]!
    const after = replies[at]!
    // ping counts in 16 bits.
    const packetsLost = ((after.sequence - before.sequence + 65_536) % 65_536) - 1
    const durationMs = after.atMs - before.atMs
    if (after.atMs < sinceMs || packetsLost < 1 || packetsLost > 65_000) continue
    if (longest === null || durationMs > longest.durationMs) longest = { durationMs, packetsLost }
  }
  return longest
}
