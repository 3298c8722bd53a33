import { bounds } from '../../../manifest/bounds.ts'
import { durationPattern, parseDuration } from '../../../text/duration.ts'
import { quote } from '../../../text/wording.ts'
import { describeValue, field, type Reading, readBy } from '../fields.ts'

/** A whole number with its unit, in milliseconds. `least` and `most` are written the same way. */
export function durationField(
  [least, most]: readonly [string, string],
  why: string | null = null,
  stepMs = 1,
) {
  const leastMs = parseDuration(least) ?? 0
  const mostMs = parseDuration(most) ?? Number.POSITIVE_INFINITY
  const shape = {
    title: `duration, ${least} to ${most}`,
    type: 'string',
    pattern: durationPattern.source,
  } as const
  return field(least, shape, (raw): Reading<number> => {
    if (typeof raw === 'number' && raw >= 0) {
      return {
        ok: false,
        message: `${raw} has no unit`,
        hint: stepMs === 1 ? `write ${raw}ms or ${raw}s` : `write ${raw}s`,
      }
    }
    if (typeof raw !== 'string') {
      return {
        ok: false,
        message: `expected a duration, got ${describeValue(raw)}`,
        hint: 'write one such as 200ms or 30s',
      }
    }
    const ms = parseDuration(raw)
    if (ms === null) {
      return {
        ok: false,
        message: `${quote(raw)} is not a duration`,
        hint: 'write a whole number and its unit: 200ms, 30s, 5m, 1h',
      }
    }
    if (ms < leastMs) return { ok: false, message: `${quote(raw)} is shorter than ${least}`, hint: why }
    if (ms > mostMs) return { ok: false, message: `${quote(raw)} is longer than ${most}`, hint: null }
    if (ms % stepMs !== 0) {
      return {
        ok: false,
        message: `${quote(raw)} is not in whole seconds`,
        hint: `write ${Math.ceil(ms / 1000)}s`,
      }
    }
    return { ok: true, value: ms }
  })
}

/** Milliseconds, or `null` for `keep`. */
export const deadManField = (() => {
  const duration = durationField(bounds.safety.deadMan, 'a restart of the controller takes about as long')
  return field(
    '5s',
    { title: 'duration, 1s to 1h, or keep', type: 'string', pattern: `^keep$|${durationPattern.source}` },
    (raw): Reading<number | null> => {
      if (raw === 'keep') return { ok: true, value: null }
      return readBy(duration, raw, 'write one such as 5s, or keep')
    },
  )
})()

/** As `durationField`, for daemons that count in seconds. */
export function secondsField(range: readonly [string, string], why: string | null = null) {
  return durationField(range, why, 1000)
}
