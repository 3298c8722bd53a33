import { type SideCheck, sideChecks } from '../../manifest/words.ts'
import {
  anyText,
  type Infer,
  nullable,
  number,
  optional,
  readShape,
  record,
  whole,
  word,
} from '../../text/shape.ts'
import { type HealthRules, initialHealth } from './health.ts'
import { isOff } from './hold-down.ts'
import { wellSide } from './side.ts'
import type { HealthState, SideState } from './state.ts'

/** Up to 300 years. */
const duration = number(0, 10_000_000_000_000)

const sideProblem = optional(record({ cause: anyText(), detail: anyText() }))

/**
 * The part of an endpoint's health that outlives the controller: status, flaps and the running hold-down. Probe results
 * are not kept: they must be repeated. All times are durations, except `savedAt`.
 */
const healthRecord = record({
  format: word(1),
  /** Wall clock, milliseconds since 1970. */
  savedAt: duration,
  status: word('unknown', 'healthy', 'impaired', 'unhealthy'),
  flaps: whole(0, 1_000_000),
  /** Time since the status last improved; null if it got worse since. */
  calmForMs: nullable(duration),
  /** How long the present run of good probes has lasted. */
  goodForMs: nullable(duration),
  /** The problems that the side checks had found. */
  sides: record({ egress: sideProblem, command: sideProblem, peers: sideProblem, conntrack: sideProblem }),
})

type HealthRecord = Infer<typeof healthRecord>

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
  saved: unknown,
  now: number,
  wall: number,
  rules: HealthRules,
): HealthState | null {
  const read = readShape(healthRecord, saved)
  if (!read.ok) return null
  const { status, calmForMs, goodForMs, savedAt, sides } = read.value
  const flaps = isOff(rules.holdDown) ? 0 : read.value.flaps
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
