import type { Clock, Timer } from '../../../clock/clock.ts'
import type { WireguardClient } from '../../wireguard/client.ts'
import { Deadline } from '../../wireguard/deadline.ts'
import type { Endpoint } from '../../wireguard/endpoint-socket.ts'
import { type Asked, type AskOptions, type ExchangeOutcome, failure } from '../../wireguard/exchange.ts'
import type { IpRoute } from '../../wireguard/inner/ip.ts'
import type { DiagnosisShare } from '../diagnosis-watch.ts'
import { judge } from '../judge.ts'
import type { ProbeResult } from '../result.ts'
import type { CloseCycles } from './close-cycles.ts'
import type { ClosePace } from './patience.ts'

export type AskedClient = Pick<WireguardClient, 'handshake' | 'ping' | 'sessionAgeMs'>

/** A bad probe of a cycle that goes on. `lateMs`: how late this process's timers were. */
export type OnRound = (result: ProbeResult, lateMs: number) => void

interface CloseCycleOptions {
  readonly client: AskedClient
  readonly clock: Clock
  readonly endpoints: readonly Endpoint[]
  /** Where echoes go, through each endpoint; none: only the handshake is checked. */
  readonly routes: readonly IpRoute[]
  /** The endpoint of a handshake, and whether this cycle needs one. */
  readonly handshake: { readonly endpoint: Endpoint; readonly isNeeded: boolean }
  readonly pace: ClosePace
  /** Bad probes in a row that make an endpoint dead. */
  readonly fall: number
  readonly timeoutMs: number
  readonly diagnosis: DiagnosisShare | null
  /** Those of the node. */
  readonly running: CloseCycles
  readonly onRound: OnRound
  readonly onAnswer: (check: 'handshake' | 'ping', ms: number) => void
}

interface Question {
  readonly check: 'handshake' | 'ping'
  readonly endpoint: Endpoint
  /** Whether the cycle is good only with its answer. */
  readonly isNeeded: boolean
  asked: Asked | null
  askedAtMs: number
  answerMs: number | null
}

/** Samples of the event loop per round. */
const samplesPerRound = 6

/**
 * One cycle, which asks again and again as soon as an answer is missed, until each question has its answer, or `fall`
 * rounds have passed in silence. Each round of silence is a bad probe.
 *
 * - The echoes are repeated in the newest session, and a handshake is initiated, because the session may be the cause.
 * - An endpoint that answers some questions and not others is not silent: the cycle ends at its timeout, and others begin
 *   meanwhile, as without suspicion.
 * - A round in which this process was late proves nothing, and ends the cycle.
 */
export class CloseCycle {
  readonly #options: CloseCycleOptions
  readonly #deadline: Deadline
  readonly #beganAtMs: number
  readonly #questions: Question[] = []
  readonly #result: Promise<ProbeResult>
  #resolve: ((result: ProbeResult) => void) | null = null
  #timer: Timer | null = null
  #immediate: NodeJS.Immediate | null = null
  #hasBegunEchoes = false
  #answeredAtMs = Number.NEGATIVE_INFINITY
  #isClose = false
  #rounds = 0

  constructor(options: CloseCycleOptions) {
    const { clock, pace, fall, timeoutMs } = options
    this.#options = options
    this.#beganAtMs = clock.now()
    const longestMs = Math.max(timeoutMs, fall * pace.roundMs + pace.repeatMs)
    this.#deadline = new Deadline(longestMs, clock, pace.roundMs / samplesPerRound)
    this.#result = new Promise((resolve) => {
      this.#resolve = resolve
    })
  }

  /** Whether it asks by itself, so that no other cycle has to. */
  get isClose(): boolean {
    return this.#isClose
  }

  /** What it has asked, for those who want to know later what was lost. */
  get asked(): readonly Asked[] {
    return this.#questions.flatMap(({ asked, isNeeded }) => (asked === null || !isNeeded ? [] : [asked]))
  }

  /** How long this process was not scheduled meanwhile. */
  get stalledMs(): number {
    return this.#deadline.stalledMs - (this.#options.diagnosis?.blockedMs() ?? 0)
  }

  async run(): Promise<ProbeResult> {
    const { handshake, pace, clock } = this.#options
    if (handshake.isNeeded) this.#shake(true)
    else this.#echoAll()
    this.#timer = clock.after(pace.repeatMs, () => this.#suspect())
    const result = await this.#result
    this.#timer?.cancel()
    if (this.#immediate !== null) clearImmediate(this.#immediate)
    // No question that is left is asked again.
    this.#deadline.end()
    return result
  }

  /** The first answer is missed. */
  #suspect(): void {
    const { client, running } = this.#options
    if (!running.begin()) return
    this.#isClose = true
    if (!this.#hasBegunEchoes && client.sessionAgeMs !== null) this.#echoAll()
    this.#renewSession()
    this.#awaitRound()
  }

  /**
   * Unless an answer to an echo has proven the session. That of an answered handshake may be gone too: the server has
   * accepted a later initiation, and its answer was lost.
   */
  #renewSession(): void {
    const hasSession = this.#questions.some(({ check, answerMs }) => check === 'ping' && answerMs !== null)
    const isShaking = this.#questions.some(
      ({ check, answerMs }) => check === 'handshake' && answerMs === null,
    )
    if (!hasSession && !isShaking) this.#shake(false)
  }

  #awaitRound(): void {
    const { clock, pace } = this.#options
    const dueAtMs = this.#beganAtMs + (this.#rounds + 1) * pace.roundMs
    this.#timer = clock.after(dueAtMs - clock.now(), () => {
      // After a stall, timers run before sockets are read.
      this.#immediate = setImmediate(() => this.#endRound(clock.now(), dueAtMs))
    })
  }

  #endRound(nowMs: number, dueAtMs: number): void {
    const { pace, fall, onRound, diagnosis } = this.#options
    const { stalledMs } = this
    const silent = this.#findSilent()
    if (silent === null) {
      this.#renewSession()
      this.#endCloseness()
      return
    }
    this.#rounds += 1
    const silenceMs = nowMs - this.#beganAtMs
    const outcome =
      stalledMs > (this.#rounds * pace.roundMs) / 3
        ? failure(
            'starved',
            `could not be probed: this process was not scheduled for ${Math.round(stalledMs)} ms`,
          )
        : silent.asked.judgeSilence(nowMs, silenceMs)
    const result = judge(silent.check, silent.endpoint, outcome, diagnosis)
    if (result.outcome === 'inconclusive' || this.#rounds >= fall) {
      this.#finish(result)
      return
    }
    onRound(result, Math.max(0, nowMs - dueAtMs))
    this.#renewSession()
    this.#awaitRound()
  }

  /** `null`: none, or the endpoint has answered another one since. */
  #findSilent(): (Question & { asked: Asked }) | null {
    const open = this.#questions.filter(
      (question): question is Question & { asked: Asked } =>
        question.answerMs === null && question.asked !== null,
    )
    if (open.some(({ isNeeded, askedAtMs }) => isNeeded && askedAtMs < this.#answeredAtMs)) return null
    return open.find(({ check }) => check === 'handshake') ?? open[0] ?? null
  }

  #shake(isNeeded: boolean): void {
    const { client, handshake, pace } = this.#options
    this.#ask('handshake', handshake.endpoint, isNeeded, (options) =>
      client.handshake(handshake.endpoint, this.#deadline, { ...options, everyMs: pace.repeatMs }),
    )
  }

  /** Each endpoint on each route at once, which wakes both sides less often. */
  #echoAll(): void {
    const { client, endpoints, routes, pace } = this.#options
    this.#hasBegunEchoes = routes.length > 0
    for (const endpoint of endpoints) {
      for (const route of routes) {
        this.#ask('ping', endpoint, true, (options) =>
          client.ping(endpoint, route, this.#deadline, { ...options, everyMs: pace.repeatMs }),
        )
      }
    }
  }

  #ask(
    check: Question['check'],
    endpoint: Endpoint,
    isNeeded: boolean,
    ask: (options: AskOptions) => Promise<ExchangeOutcome>,
  ): void {
    const question: Question = { check, endpoint, isNeeded, asked: null, askedAtMs: 0, answerMs: null }
    this.#questions.push(question)
    const onAsked = (asked: Asked) => {
      question.asked = asked
      question.askedAtMs = this.#options.clock.now()
    }
    void ask({ onAsked }).then((outcome) => this.#take(question, outcome))
  }

  #take(question: Question, outcome: ExchangeOutcome): void {
    if (outcome.ok) {
      question.answerMs = outcome.ms
      this.#answeredAtMs = this.#options.clock.now()
      this.#options.onAnswer(question.check, outcome.ms)
    }
    if (this.#resolve === null) return
    if (!outcome.ok) {
      const { check, endpoint, isNeeded } = question
      if (isNeeded) this.#finish(judge(check, endpoint, outcome, this.#options.diagnosis))
      return
    }
    if (question.check === 'handshake' && !this.#hasBegunEchoes) this.#echoAll()
    if (this.#questions.some(({ isNeeded, answerMs }) => isNeeded && answerMs === null)) return
    this.#finish({
      outcome: 'good',
      handshakeMs: this.#slowest('handshake'),
      pingMs: this.#slowest('ping'),
    })
  }

  #slowest(check: Question['check']): number | null {
    const times = this.#questions.flatMap((question) =>
      question.check === check && question.answerMs !== null ? [question.answerMs] : [],
    )
    return times.length === 0 ? null : Math.max(...times)
  }

  #finish(result: ProbeResult): void {
    this.#endCloseness()
    this.#resolve?.(result)
    this.#resolve = null
  }

  #endCloseness(): void {
    if (this.#isClose) this.#options.running.end()
    this.#isClose = false
  }
}
