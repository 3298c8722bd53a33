import type { Line } from './lines.ts'
import { readNumber } from './neighbor.ts'

/** The BFD profiles, which may stand behind the neighbors that use them. */
export function readProfiles(
  lines: Iterable<Line>,
): ReadonlyMap<string, { intervalMs?: number; multiplier?: number }> {
  const profiles = new Map<string, { intervalMs?: number; multiplier?: number }>()
  let inBfd = false
  let profile: { intervalMs?: number; multiplier?: number } | null = null
  for (const { words, isIndented } of lines) {
    if (!isIndented && words[0] !== 'exit') {
      inBfd = words.length === 1 && words[0] === 'bfd'
      profile = null
    }
    if (!inBfd) continue
    if (words[0] === 'profile' && words[1] !== undefined) {
      profile = {}
      profiles.set(words[1], profile)
    } else if (words[0] === 'peer') profile = null
    if (profile === null) continue
    const number = readNumber(words[1])
    if (number === null) continue
    if (words[0] === 'detect-multiplier') profile.multiplier = number
    if (words[0] === 'receive-interval' || words[0] === 'transmit-interval') {
      profile.intervalMs = Math.max(profile.intervalMs ?? 0, number)
    }
  }
  return profiles
}
