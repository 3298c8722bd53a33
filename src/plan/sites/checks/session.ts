import type { PlacedNeighbor } from '../drafts.ts'
import { error, type Finding } from '../finding.ts'

/** Checks how a session is set up, beside its addresses. */
export function checkSession(at: PlacedNeighbor): Finding[] {
  return checkTimers(at)
}

function checkTimers({ file, path, neighbor }: PlacedNeighbor): Finding[] {
  const { hold, keepalive } = neighbor.timers ?? {}
  if (hold === undefined || keepalive === undefined || keepalive <= hold / 3) return []
  const most = Math.floor(hold / 3000)
  return [
    error(
      file,
      [...path, 'timers', 'keepalive'],
      `${keepalive / 1000}s is longer than a third of the hold time, ${hold / 1000}s: two lost keepalives would end the session (RFC 4271, section 4.4)`,
      `write at most ${most}s, or leave it out`,
    ),
  ]
}
