import { type Infer, list, number, readShape, record } from '../../../text/shape.ts'
import { AnswerTimes } from './answer-times.ts'

/** How closely a silent endpoint is asked, in milliseconds. */
export interface ClosePace {
  /** An answer that takes longer is missed. From one packet to the next. */
  readonly repeatMs: number
  /** Silence for so long is one bad probe. */
  readonly roundMs: number
}

export interface PatienceRules {
  readonly intervalMs: number
  readonly timeoutMs: number
  /** Bad probes in a row that make an endpoint dead. */
  readonly fall: number
}

/**
 * From one packet to the next: WireGuard answers initiations from 30 ms on, and timers are early by up to a millisecond. A
 * node's own WireGuard answers in one or two.
 */
export const leastRepeatMs = 31
/** No endpoint is dead before this time without an answer. */
export const leastSilenceMs = 186
/** How long a silence is remembered that the endpoint has ended by itself: one that stalls once an hour will again. */
const memoryMs = 3_600_000
/** With so many of a bad probe or more, it is asked as without suspicion. */
const silencesAllowed = 2
/** Far above the number that matters. */
const silencesKept = 32

/** Far above any timeout; milliseconds. */
const duration = number(0, 1_000_000_000)
const savedSilences = list(record({ agoMs: duration, ms: duration }), silencesKept)
export type SavedSilences = Infer<typeof savedSilences>

interface Silence {
  readonly atMs: number
  readonly ms: number
}

/**
 * What a probe has learned from an endpoint's answers, and how closely it may therefore ask when one is missed. An endpoint
 * that has been silent before, and has ended that by itself, gets as long for each bad probe; and one that stalls
 * again and again is asked as without suspicion. Times are the caller's monotonic milliseconds.
 */
export class Patience {
  readonly #rules: PatienceRules
  readonly #answers = { handshake: new AnswerTimes(), ping: new AnswerTimes() }
  #silences: Silence[] = []

  constructor(rules: PatienceRules) {
    this.#rules = rules
  }

  takeAnswer(check: 'handshake' | 'ping', ms: number): void {
    this.#answers[check].take(ms)
  }

  /** A silence that the endpoint has ended by itself. */
  takeSilence(ms: number, nowMs: number): void {
    if (ms < leastRepeatMs) return
    this.#silences.push({ atMs: nowMs, ms })
    if (this.#silences.length <= silencesKept) return
    // Each lost packet is a short silence, and must not push out the longer ones.
    const shortest = this.#silences.reduce((least, one) => (one.ms < least.ms ? one : least))
    this.#silences.splice(this.#silences.indexOf(shortest), 1)
  }

  /** Those that matter, for the next controller. */
  save(nowMs: number): SavedSilences {
    this.#forgetBefore(nowMs - memoryMs)
    return this.#silences
      .filter(({ ms }) => ms >= 2 * leastRepeatMs)
      .map(({ atMs, ms }) => ({ agoMs: Math.round(nowMs - atMs), ms: Math.round(ms) }))
  }

  /**
   * @param saved from a file, unchecked; an invalid value means none
   * @param awayMs wall-clock time since the save; negative values, after a clock jump, count as 0
   */
  restore(saved: unknown, awayMs: number, nowMs: number): void {
    const read = readShape(savedSilences, saved)
    if (!read.ok) return
    const beforeMs = nowMs - Math.max(0, awayMs)
    this.#silences = read.value.map(({ agoMs, ms }) => ({ atMs: beforeMs - agoMs, ms }))
  }

  /** What an answer takes on average; 0: not learned yet. */
  get usualMs(): number {
    return Math.max(...Object.values(this.#answers).map(({ usualMs }) => usualMs ?? 0))
  }

  /** From one packet to the next; `null`: not learned yet. */
  get repeatMs(): number | null {
    const limits = Object.values(this.#answers).flatMap(({ limitMs }) => limitMs ?? [])
    return limits.length === 0 ? null : Math.max(leastRepeatMs, ...limits)
  }

  /** `null`: a missed answer is waited for as without suspicion, which would be no slower, or is safer. */
  paceAt(nowMs: number): ClosePace | null {
    const { intervalMs, timeoutMs, fall } = this.#rules
    const { repeatMs } = this
    if (repeatMs === null) return null
    this.#forgetBefore(nowMs - memoryMs)
    const silences = this.#silences.map(({ ms }) => ms)
    const shortestMs = Math.max(2 * repeatMs, leastSilenceMs / fall)
    if (silences.filter((ms) => ms >= shortestMs).length >= silencesAllowed) return null
    const roundMs = Math.max(shortestMs, ...silences)
    const isFaster = fall * roundMs < (fall - 1) * intervalMs + timeoutMs
    return roundMs <= timeoutMs && isFaster ? { repeatMs, roundMs } : null
  }

  #forgetBefore(atMs: number): void {
    while (this.#silences[0] !== undefined && this.#silences[0].atMs < atMs) this.#silences.shift()
  }
}
