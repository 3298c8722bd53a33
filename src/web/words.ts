/** `12 s`, `4 min`, `3 h 20 min`, `2 d 3 h`. */
export function lasting(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return joined(hours, 'h', minutes % 60, 'min')
  return joined(Math.floor(hours / 24), 'd', hours % 24, 'h')
}

function joined(whole: number, unit: string, rest: number, unitOfRest: string): string {
  return rest === 0 ? `${whole} ${unit}` : `${whole} ${unit} ${rest} ${unitOfRest}`
}

/** `03:12:04`, with the day before it if that is another one. */
export function timeOf(iso: string, nowIso: string): string {
  const time = iso.slice(11, 19)
  return iso.slice(0, 10) === nowIso.slice(0, 10) ? time : `${iso.slice(0, 10)} ${time}`
}

/** Two significant digits at least: `0.42 ms`, `3.1 ms`, `120 ms`, `1.2 s`. */
export function milliseconds(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`
  return `${ms >= 10 ? Math.round(ms) : ms >= 1 ? ms.toFixed(1) : ms.toFixed(2)} ms`
}

/** `a`, `a and b`, `a, b and c`. */
export function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`
}
