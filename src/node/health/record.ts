import * as z from 'zod'
import { type SideCheck, sideChecks } from '../../manifest/words.ts'
import { type HealthRules, initialHealth } from './health.ts'
import { isOff } from './hold-down.ts'
import { wellSide } from './side.ts'
import type { HealthState, SideState } from './state.ts'

/** Up to 300 years. */
const durationSchema = z.number().min(0).max(10_000_000_000_000)

/**
 * The part of an endpoint's health that outlives the controller: status, flaps and the running hold-down. Probe results
 * are not kept: they must be repeated. All times are durations, except `savedAt`.
 */
const healthRecordSchema = z.strictObject({
  format: z.literal(1),
  /** Wall clock, milliseconds since 1970. */
  savedAt: durationSchema,
  status: z.enum(['unknown', 'healthy', 'impaired', 'unhealthy']),
  flaps: z.int().min(0).max(1_000_000),
  /** Time since the status last improved; null if it got worse since. */
  calmForMs: durationSchema.nullable(),
  /** How long the present run of good probes has lasted. */
  goodForMs: durationSchema.nullable(),
  /** The problems that the side checks had found. */
  sides: z.partialRecord(z.enum(sideChecks), z.strictObject({ cause: z.string(), detail: z.string() })),
})

type HealthRecord = z.infer<typeof healthRecordSchema>

/** The record to save at each change of the status, and at the end. `wall`: wall clock in milliseconds. */
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
 * The initial health after a restart: unknown, with the saved flaps and hold-down. `null` if the record is damaged or of
 * another format. The wall clock is used only for the time since the save, limited to `holdDown.maxMs`: a clock that
 * jumps removes at most half of the flaps, and adds none.
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
    // The check may have been removed from the configuration since.
    if (problem && rules[check] !== null) {
      bad[check] = { ...wellSide, problem: { check, ...problem }, badSince: now }
    }
  }
  return {
    ...state,
    before: status,
    flaps: { count: flaps, calmSince: calmForMs === null ? null : now - calmForMs - awayMs },
    // The time without a controller does not count as good.
    goodSince: goodForMs === null ? null : now - goodForMs,
    sides: bad,
    wellSince: Object.keys(bad).length > 0 ? null : status === 'impaired' ? now : now - maxMs,
  }
}
