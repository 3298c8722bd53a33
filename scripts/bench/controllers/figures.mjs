/**
 * Summarizes the times of several rounds (ms; `null`: not detected within the limit). A round without a detection counts
 * as the slowest, so the median may be `null`.
 */
export function summarize(rounds) {
  const sorted = rounds.map((ms) => ms ?? Number.POSITIVE_INFINITY).sort((a, b) => a - b)
  const noticed = sorted.filter(Number.isFinite)
  return {
    rounds: rounds.map((ms) => (ms === null ? null : tenths(ms))),
    noticed: noticed.length,
    minMs: finite(sorted[0]),
    medianMs: finite(medianOf(sorted)),
    maxMs: finite(sorted.at(-1)),
  }
}

/** `290 (221-305)`, or the number of rounds with a detection. */
export function describeTimes({ rounds, noticed, minMs, medianMs, maxMs }, patienceMs) {
  if (noticed === 0) return `not in ${patienceMs / 1000} s`
  if (noticed < rounds.length) return `${noticed} of ${rounds.length}, first ${short(minMs)}`
  return `${short(medianMs)} (${short(minMs)}-${short(maxMs)})`
}

/** Pads the columns; all but the first are aligned to the right. */
export function alignTable(rows) {
  const widths = rows[0].map((_, at) => Math.max(...rows.map((row) => row[at].length)))
  return rows.map((row) =>
    row
      .map((cell, at) => (at === 0 ? cell.padEnd(widths[at]) : cell.padStart(widths[at])))
      .join('  ')
      .trimEnd(),
  )
}

export function tenths(value) {
  return Math.round(value * 10) / 10
}

function short(ms) {
  return String(ms < 100 ? tenths(ms) : Math.round(ms))
}

function medianOf(sorted) {
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

function finite(ms) {
  return Number.isFinite(ms) ? tenths(ms) : null
}
