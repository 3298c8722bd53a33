/**
 * A clock whose time passes only with its events, for a process that may be stalled: what falls into a stall happens at its
 * end, timers before packets, as in Node.
 */
export class VirtualClock {
  #nowMs = 0
  #number = 0
  /** A binary heap by time and order. */
  #events = []
  #stalls = []

  now = () => this.#nowMs
  wall = () => 1_700_000_000_000 + this.#nowMs

  /** @param stalls of this process, [begin, end] in milliseconds, ascending */
  constructor(stalls = []) {
    this.#stalls = [...stalls]
  }

  after(delayMs, work) {
    const event = this.#push(this.#nowMs + Math.max(0, delayMs), 0, work)
    const timer = {
      cancel: () => {
        event.work = null
      },
      unref: () => timer,
    }
    return timer
  }

  sleep(delayMs) {
    return new Promise((resolve) => this.after(delayMs, resolve))
  }

  /** A packet that arrives. */
  arrive(atMs, work) {
    this.#push(atMs, 1, work)
  }

  /** Until `untilMs`, or until `isOver` says so. */
  async run(untilMs, isOver = () => false) {
    while (this.#events.length > 0 && !isOver()) {
      const atMs = this.#endOfStall(this.#events[0].atMs)
      if (atMs > untilMs) break
      this.#nowMs = Math.max(this.#nowMs, atMs)
      const due = []
      while (this.#events.length > 0 && this.#events[0].atMs <= this.#nowMs) due.push(this.#pop())
      // The heap has sorted each kind.
      for (const kind of [0, 1]) for (const event of due) if (event.kind === kind) event.work?.()
      await new Promise((resolve) => setImmediate(resolve))
    }
    if (!isOver()) this.#nowMs = Math.max(this.#nowMs, untilMs)
  }

  #endOfStall(atMs) {
    while (this.#stalls.length > 0 && this.#stalls[0][1] <= atMs) this.#stalls.shift()
    const [stall] = this.#stalls
    return stall !== undefined && stall[0] <= atMs ? stall[1] : atMs
  }

  #push(atMs, kind, work) {
    this.#number += 1
    const event = { atMs, number: this.#number, kind, work }
    const heap = this.#events
    let at = heap.length
    heap.push(event)
    while (at > 0) {
      const above = (at - 1) >> 1
      if (!isBefore(event, heap[above])) break
      heap[at] = heap[above]
      at = above
    }
    heap[at] = event
    return event
  }

  #pop() {
    const heap = this.#events
    const first = heap[0]
    const last = heap.pop()
    if (heap.length === 0) return first
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      if (below >= heap.length) break
      if (below + 1 < heap.length && isBefore(heap[below + 1], heap[below])) below += 1
      if (!isBefore(heap[below], last)) break
      heap[at] = heap[below]
      at = below
    }
    heap[at] = last
    return first
  }
}

function isBefore(a, b) {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.number < b.number)
}
