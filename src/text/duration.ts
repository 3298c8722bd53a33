export const durationPattern = /^(0|[1-9]\d{0,8})(ms|s|m|h)$/
const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const

/** Milliseconds, or `null` where the text is not a whole number and a unit. */
export function parseDuration(text: string): number | null {
  const match = durationPattern.exec(text)
  return match === null ? null : Number(match[1]) * unitMs[match[2] as keyof typeof unitMs]
}

/** In the largest unit that says it exactly: 5400000 is `90m`. */
export function formatDuration(ms: number): string {
  for (const unit of ['h', 'm', 's'] as const) {
    if (ms > 0 && ms % unitMs[unit] === 0) return `${ms / unitMs[unit]}${unit}`
  }
  return `${ms}ms`
}
