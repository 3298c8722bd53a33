import { exponential, Periods, periods, randomOf } from './random.mjs'

const never = new Periods([])

/**
 * A WireGuard server and the way to it. `disturb` describes what is wrong with them; all times in milliseconds, all shares
 * from 0 to 1.
 *
 * - `loss`: of each packet in each direction, independently
 * - `initiations`: the same, of initiations alone
 * - `fromMs`: no packet is lost before that time
 * - `bursts: { share, packets }`: the same share, in bursts of so many packets on average (Gilbert-Elliott: each packet may
 *   change the state of the channel, and a bad one loses every packet)
 * - `outages: { share, ms }`: the same, but the state changes with time
 * - `lagMs`: each answer takes so much longer
 * - `spikes: { share, ms }`: that share of the answers takes up to so much longer
 * - `stalls: { everyMs, ms }`: the server alone answers nothing for some time, and then everything
 * - `starved: { everyMs, ms }`: this process is not scheduled for some time; the server, on the same machine, a different
 *   time that begins about then
 * - `floods: { everyMs, ms }`: the server asks for cookies, drops what its queue has no room for, and answers nothing for
 *   a while
 */
export class World {
  #random
  #disturb
  #stalls
  #outages = never
  #floods = never
  #pauses = never
  #isBadChannel = false
  #acceptedAtMs = Number.NEGATIVE_INFINITY
  /** The prober's, for its clock. */
  ownStalls = []
  deadFromMs = Number.POSITIVE_INFINITY
  packets = 0
  /** Between two initiations without a cookie. */
  closestInitiationsMs = Number.POSITIVE_INFINITY
  #initiatedAtMs = Number.NEGATIVE_INFINITY

  constructor(disturb, seed, untilMs) {
    const random = randomOf(seed)
    this.#random = random
    this.#disturb = disturb
    let stalls = []
    if (disturb.stalls) stalls = periods(random, untilMs, disturb.stalls.everyMs, disturb.stalls.ms)
    if (disturb.starved) {
      this.ownStalls = periods(random, untilMs, disturb.starved.everyMs, disturb.starved.ms)
      stalls = merge(
        this.ownStalls.map(([begin, end]) => {
          const beginMs = begin + (random() - 0.5) * 40
          return [beginMs, beginMs + (end - begin) * (0.5 + 1.5 * random())]
        }),
      )
    }
    this.#stalls = new Periods(stalls)
    if (disturb.outages) {
      const { share, ms } = disturb.outages
      this.#outages = new Periods(periods(random, untilMs, (ms * (1 - share)) / share, ms))
    }
    if (disturb.floods) {
      const floods = periods(random, untilMs, disturb.floods.everyMs, disturb.floods.ms)
      this.#floods = new Periods(floods)
      this.#pauses = new Periods(
        floods.flatMap(([begin, end]) => {
          // Not before the flood has filled the queue.
          const from = begin + 500 + random() * 2000
          return from < end ? [[from, from + Math.min(3100, exponential(random, 800))]] : []
        }),
      )
    }
  }

  /**
   * What a packet that is sent at `nowMs` leads to: `null`, or the time of the answer and whether it is a cookie.
   * @param isInitiation or else an echo
   * @param hasCookie whether the initiation has a valid mac2
   * @param isReplay whether the server has accepted the same initiation before
   */
  answer(nowMs, isInitiation, hasCookie = false, isReplay = false) {
    this.packets += 1
    if (isInitiation) {
      if (!hasCookie) {
        this.closestInitiationsMs = Math.min(this.closestInitiationsMs, nowMs - this.#initiatedAtMs)
      }
      this.#initiatedAtMs = nowMs
    }
    const random = this.#random
    if (nowMs >= this.deadFromMs || this.#loses(nowMs)) return null
    const { spikes, lagMs = 0, initiations = 0 } = this.#disturb
    if (isInitiation && random() < initiations) return null
    let atMs = nowMs + 0.1 + exponential(random, isInitiation ? 1.5 : 0.4)
    if (this.#pauses.find(atMs) !== null) return null
    const isFlooded = this.#floods.find(atMs) !== null
    if (isFlooded) {
      if (isInitiation && !hasCookie)
        return this.#loses(atMs) || random() < 0.1 ? null : { atMs, isCookie: true }
      if (random() < 0.35) return null
      atMs += 50 * random()
    }
    atMs = this.#stalls.find(atMs)?.[1] ?? atMs
    if (isInitiation) {
      // wireguard-go and the kernel: what arrives within 20 ms of the last one is dropped.
      if (isReplay || atMs - this.#acceptedAtMs < 20) return null
      this.#acceptedAtMs = atMs
    }
    atMs += lagMs
    if (spikes !== undefined && random() < spikes.share) atMs += random() * spikes.ms
    return this.#loses(atMs) ? { atMs: null, isCookie: false } : { atMs, isCookie: false }
  }

  #loses(atMs) {
    const { loss = 0, bursts, fromMs = 0 } = this.#disturb
    if (atMs < fromMs) return false
    const random = this.#random
    if (this.#outages.find(atMs) !== null) return true
    if (bursts !== undefined) {
      const end = 1 / bursts.packets
      const begin = (end * bursts.share) / (1 - bursts.share)
      if (random() < (this.#isBadChannel ? end : begin)) this.#isBadChannel = !this.#isBadChannel
      return this.#isBadChannel
    }
    return random() < loss
  }
}

/** Ascending, and none overlaps another. */
function merge(all) {
  const merged = []
  for (const [begin, end] of [...all].sort(([a], [b]) => a - b)) {
    const last = merged.at(-1)
    if (last !== undefined && begin <= last[1]) last[1] = Math.max(last[1], end)
    else merged.push([begin, end])
  }
  return merged
}
