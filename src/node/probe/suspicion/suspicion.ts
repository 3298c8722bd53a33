import type { Asked } from '../../wireguard/exchange.ts'
import { type ClosePace, Patience, type PatienceRules, type SavedSilences } from './patience.ts'

/** A good cycle that had to repeat a question. */
interface Unsettled {
  readonly asked: readonly Asked[]
  /** By then the answer to a first packet was lost, and not only late. */
  readonly dueAtMs: number
}

/** Far above the number of cycles within a timeout. */
const unsettledKept = 64

/** How long this machine or the server counts as busy after one of them was. */
export const busyMs = 10_000

/** After the first answer this process still compiles its code, and the node starts: what is late then is not the endpoint. */
const settleMs = 5_000

/** What the cycles of one endpoint have shown so far. Times are the caller's monotonic milliseconds. */
export class Suspicion {
  readonly #rules: PatienceRules
  readonly #patience: Patience
  readonly #unsettled: Unsettled[] = []
  /** When the first of the present bad probes in a row began. */
  #silentSinceMs: number | null = null
  #badInRow = 0
  #goodAtMs = Number.NEGATIVE_INFINITY
  #settledAtMs: number | null = null
  /** When this process was last late, so that an endpoint on this machine may have been too, and when the server was last loaded. */
  #lateAtMs = Number.NEGATIVE_INFINITY
  #loadedAtMs = Number.NEGATIVE_INFINITY

  constructor(rules: PatienceRules) {
    this.#rules = rules
    this.#patience = new Patience(rules)
  }

  get repeatMs(): number | null {
    return this.#patience.repeatMs
  }

  get usualMs(): number {
    return this.#patience.usualMs
  }

  paceAt(nowMs: number): ClosePace | null {
    const isBusy = nowMs < Math.max(this.#lateAtMs, this.#loadedAtMs) + busyMs
    return isBusy ? null : this.#patience.paceAt(nowMs)
  }

  save(nowMs: number): SavedSilences {
    return this.#patience.save(nowMs)
  }

  restore(saved: unknown, awayMs: number, nowMs: number): void {
    this.#patience.restore(saved, awayMs, nowMs)
  }

  takeAnswer(check: 'handshake' | 'ping', ms: number): void {
    this.#patience.takeAnswer(check, ms)
  }

  /** @param beganAtMs when its cycle began */
  takeBad(beganAtMs: number): void {
    // A later cycle was good meanwhile: this one says how it was before.
    if (beganAtMs < this.#goodAtMs) return
    this.#silentSinceMs ??= beganAtMs
    this.#badInRow += 1
  }

  takeInconclusive(cause: 'under-load' | 'starved' | 'closed', nowMs: number): void {
    if (cause === 'starved') this.#lateAtMs = nowMs
    if (cause === 'under-load') this.#loadedAtMs = nowMs
  }

  /** @param stalledMs how long this process was not scheduled meanwhile */
  takeGood(asked: readonly Asked[], beganAtMs: number, nowMs: number, stalledMs: number): void {
    const { fall, intervalMs, timeoutMs } = this.#rules
    const sinceMs = Math.max(Math.min(this.#silentSinceMs ?? beganAtMs, beganAtMs), this.#goodAtMs)
    const silenceMs = nowMs - sinceMs
    // A dead endpoint that was repaired has not ended its silence by itself. What would have been no death without suspicion
    // was a pause, although it was taken for one.
    const isPause = this.#badInRow < fall || silenceMs < (fall - 1) * intervalMs + timeoutMs
    this.#settledAtMs ??= nowMs + settleMs
    if (stalledMs > silenceMs / 3) this.#lateAtMs = nowMs
    else if (isPause && nowMs >= this.#settledAtMs) this.#patience.takeSilence(silenceMs, nowMs)
    this.#silentSinceMs = null
    this.#badInRow = 0
    this.#goodAtMs = nowMs
    if (asked.some(({ wasLoaded }) => wasLoaded)) this.#loadedAtMs = nowMs
    if (this.#unsettled.length < unsettledKept && asked.some(({ packets }) => packets > 1)) {
      this.#unsettled.push({ asked, dueAtMs: beganAtMs + timeoutMs })
    }
  }

  /**
   * Whether a first packet of an earlier good cycle, or its answer, was lost. Each such cycle is reported once. What is lost
   * while the server is loaded, or in a cycle since whose beginning this process was late, is no loss on the way. A loaded server
   * answers initiations with cookies, which shows only in the cycles with a handshake.
   */
  findLoss(nowMs: number): boolean {
    for (;;) {
      const [oldest] = this.#unsettled
      if (oldest === undefined || oldest.dueAtMs > nowMs) return false
      this.#unsettled.shift()
      const isLost = oldest.asked.some(({ isFirstAnswered }) => !isFirstAnswered)
      const wasLate = this.#lateAtMs >= oldest.dueAtMs - this.#rules.timeoutMs
      if (isLost && !wasLate && nowMs >= this.#loadedAtMs + busyMs) return true
    }
  }
}
