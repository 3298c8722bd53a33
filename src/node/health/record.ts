import * as z from 'zod'
import { type SideCheck, sideChecks } from '../../manifest/words.ts'
import { type HealthRules, initialHealth } from './health.ts'
import { isOff } from './hold-down.ts'
import { wellSide } from './side.ts'
import type { HealthState, SideState } from './state.ts'

/** Up to 300 years. */
const durationSchema = z.number().min(0).max(10_000_000_000_000)

/**
 * What of an endpoint's health outlives the controller: how it was, its flaps, and a hold-down that runs. No probe
 * counts: the endpoint must prove itself again. All times are durations, but for the one stamp.
 */
const healthRecordSchema = z.strictObject({
  format: z.literal(1),
  /** Wall clock, milliseconds since 1970. */
  savedAt: durationSchema,
  status: z.enum(['unknown', 'healthy', 'impaired', 'unhealthy']),
  flaps: z.int().min(0).max(1_000_000),
  /** Since things last got better; null where they got worse since. */
  calmForMs: durationSchema.nullable(),
  /** How long the present run of good probes has lasted. */
  goodForMs: durationSchema.nullable(),
  /** What the side checks had found wrong. */
  sides: z.partialRecord(z.enum(sideChecks), z.strictObject({ cause: z.string(), detail: z.string() })),
})

type HealthRecord = z.infer<typeof healthRecordSchema>

/** To be kept whenever the status changes, and at the end. `wall` is the wall clock in milliseconds. */
export function saveHealth(state: HealthState, now: number, wall: number): HealthRecord {
  const { calmSince, count } = state.flaps
  const sides: HealthRecord['sides'] = {}
  for (const check of sideChecks) {
    const problem = state.sides[check]?.problem
    if (problem) sides[check] = { cause: problem.cause, detail: problem.detail }
  }
  return {
    format: 1,
    savedAt: wall,
    status: state.status === 'unknown' ? state.before : state.status,
    flaps: count,
    calmForMs: calmSince === null ? null : Math.max(0, now - calmSince),
    goodForMs: state.goodSince === null ? null : Math.max(0, now - state.goodSince),
    sides,
  }
}

/**
 * The health to begin with after a restart: unknown, with the flaps and the hold-down of before. `null` where the
 * record is damaged or of another format. The wall clock only tells how long ago it was saved, and that counts for
 * `holdDown.maxMs` at most: a clock that jumped forgives no more than half of the flaps, and adds none (failure 14).
 */
export function restoreHealth(
  record: unknown,
  now: number,
  wall: number,
  rules: HealthRules,
): HealthState | null {
  const parsed = healthRecordSchema.safeParse(record)
  if (!parsed.success) return null
  const { status, calmForMs, goodForMs, savedAt, sides } = parsed.data
  const flaps = isOff(rules.holdDown) ? 0 : parsed.data.flaps
  const { maxMs } = rules.holdDown
  const awayMs = Math.min(Math.max(0, wall - savedAt), maxMs)
  const state = initialHealth(now)
  const bad: { [check in SideCheck]?: SideState } = {}
  for (const check of sideChecks) {
    const problem = sides[check]
    // The engineer may have taken the check out meanwhile.
    if (problem && rules[check] !== null) {
      bad[check] = { ...wellSide, problem: { check, ...problem }, troubleSince: now }
    }
  }
  return {
    ...state,
    before: status,
    flaps: { count: flaps, calmSince: calmForMs === null ? null : now - calmForMs - awayMs },
    // Only what was seen good counts, not the time when nobody looked.
    goodSince: goodForMs === null ? null : now - goodForMs,
    sides: bad,
    wellSince: Object.keys(bad).length > 0 ? null : status === 'impaired' ? now : now - maxMs,
  }
}
