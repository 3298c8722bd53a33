import { describeArrival } from '../describe-outcome.ts'
import type { Fault, Scenario, ScenarioEvent, ScenarioResult, Stage } from '../scenario.ts'
import type { Arrival, ClientWatch } from './client-watch.ts'
import { clientLimitMs, judgeClient } from './judge.ts'

interface Surroundings {
  /** `null`: the client is not measured. */
  readonly watch: ClientWatch | null
  readonly onEvent: ((event: ScenarioEvent) => void) | undefined
  readonly signal: AbortSignal
}

/** What happens to the client in the course of a scenario. */
export class ClientPart {
  readonly #scenario: Scenario
  readonly #limitMs: number | null
  readonly #surroundings: Surroundings
  readonly #struckAtEpochMs: number
  readonly #arrivals: Arrival[] = []
  readonly #detail: string[] = []
  readonly #problems: string[] = []

  constructor(stage: Stage, scenario: Scenario, struckAtEpochMs: number, surroundings: Surroundings) {
    this.#scenario = scenario
    this.#limitMs = clientLimitMs(scenario, stage)
    this.#surroundings = surroundings
    this.#struckAtEpochMs = struckAtEpochMs
  }

  /** After the fault, when packets of the client reach another site. */
  async leave(fault: Fault): Promise<void> {
    if (this.#scenario.clientReturns === 'with-repair') return
    await this.#follow('elsewhere', this.#struckAtEpochMs)
    const away = await fault.whileAway?.(this.#surroundings.signal)
    if (away === undefined) return
    if (away.problem !== null) this.#problems.push(away.problem)
    this.#detail.push(away.problem ?? away.detail)
  }

  /** After the repair, since when its packets reach its own site again. */
  async comeBack(repairedAtEpochMs: number): Promise<void> {
    const { clientReturns } = this.#scenario
    if (clientReturns === 'with-repair') await this.#follow('here', this.#struckAtEpochMs)
    if (clientReturns === 'there-and-back') await this.#follow('here', repairedAtEpochMs)
  }

  async result(): Promise<Pick<ScenarioResult, 'clientOutageMs' | 'packetsLost'> & Verdict> {
    const { watch } = this.#surroundings
    if (watch === null) return { clientOutageMs: null, packetsLost: null, problems: [], detail: [] }
    const isDark = this.#arrivals.some(({ kind }) => kind === 'dark')
    const outage = isDark ? null : await watch.outageSince(this.#struckAtEpochMs)
    const problems = [...this.#problems, ...judgeClient(watch.client.name, this.#arrivals, this.#limitMs)]
    return {
      clientOutageMs: isDark ? null : Math.round((outage?.durationMs ?? 0) * 10) / 10,
      packetsLost: isDark ? null : (outage?.packetsLost ?? 0),
      problems,
      detail: [...this.#detail, ...problems].filter(
        (part, at, all) => part !== '' && all.indexOf(part) === at,
      ),
    }
  }

  async #follow(where: 'elsewhere' | 'here', sinceMs: number): Promise<void> {
    const { watch, onEvent, signal } = this.#surroundings
    if (watch === null) return
    const arrival = await watch.until(where, sinceMs, signal)
    this.#arrivals.push(arrival)
    const way = where === 'elsewhere' ? 'at another site' : 'back at its own'
    this.#detail.push(describeArrival(watch.client.name, way, arrival))
    if (arrival.kind !== 'back') return
    const { durationMs: outageMs = 0, packetsLost = 0 } = arrival.outage ?? {}
    onEvent?.({ kind: 'client-back', client: watch.client.name, where, outageMs, packetsLost })
  }
}

interface Verdict {
  /** Why the scenario has failed. */
  readonly problems: readonly string[]
  readonly detail: readonly string[]
}
