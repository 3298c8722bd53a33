/** Numbers from 0 to 1 that a seed repeats (mulberry32). */
export function randomOf(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

export function exponential(random, mean) {
  return -mean * Math.log(1 - random())
}

/** Periods [begin, end] in milliseconds, until `untilMs`: `everyMs` and `lastsMs` are means of exponential distributions. */
export function periods(random, untilMs, everyMs, lastsMs) {
  const all = []
  let atMs = exponential(random, everyMs)
  while (atMs < untilMs) {
    const endMs = atMs + exponential(random, lastsMs)
    all.push([atMs, endMs])
    atMs = endMs + exponential(random, everyMs)
  }
  return all
}

/** Finds the period that contains a time, for times that rarely go back. */
export class Periods {
  #periods
  #at = 0

  constructor(all) {
    this.#periods = all
  }

  find(atMs) {
    while (this.#at > 0 && this.#periods[this.#at - 1][1] > atMs) this.#at -= 1
    while (this.#at < this.#periods.length && this.#periods[this.#at][1] <= atMs) this.#at += 1
    const period = this.#periods[this.#at]
    return period !== undefined && period[0] <= atMs ? period : null
  }
}
