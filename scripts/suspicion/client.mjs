const initiationSpacingMs = 30

/**
 * The WireGuard client of a probe, without its cryptography: the packets and answers of a `World`. `repeatsSame`: an
 * initiation that is repeated is the same packet, as it was before suspicion.
 */
export class SimulatedClient {
  publicKey = Buffer.alloc(32)
  #parts
  #world
  #clock
  #line = { socket: null, server: { loadedAtMs: Number.NEGATIVE_INFINITY }, cookie: null, lateReplyMs: null }
  #sessionAtMs = null
  #nextInitiationAtMs = 0
  #cookieAtMs = Number.NEGATIVE_INFINITY
  #repeatsSame

  /** @param parts `Exchange`, `failure` and `hasTimeForAnother` of src/node/wireguard/exchange.ts */
  constructor(parts, world, clock, repeatsSame) {
    this.#parts = parts
    this.#world = world
    this.#clock = clock
    this.#repeatsSame = repeatsSame
  }

  get sessionAgeMs() {
    return this.#sessionAtMs === null ? null : this.#clock.now() - this.#sessionAtMs
  }

  async handshake(_endpoint, deadline, { everyMs, onAsked } = {}) {
    const { Exchange, failure } = this.#parts
    const clock = this.#clock
    const slotMs = Math.max(clock.now(), this.#nextInitiationAtMs)
    if (slotMs - clock.now() >= deadline.remainingMs) return failure('starved', 'too many handshakes wait')
    this.#nextInitiationAtMs = slotMs + initiationSpacingMs
    if (slotMs > clock.now()) await clock.sleep(slotMs - clock.now())
    if (deadline.isOver) return failure('starved', 'too many handshakes wait')
    const exchange = new Exchange(this.#line, deadline, clock)
    const first = { isAccepted: false }
    let cookies = 0
    const initiate = (withCookie, packet) => {
      this.#nextInitiationAtMs = Math.max(this.#nextInitiationAtMs, clock.now() + initiationSpacingMs)
      const hasCookie = withCookie && clock.now() - this.#cookieAtMs < 1500
      const sentAtMs = clock.now()
      const answer = this.#world.answer(sentAtMs, true, hasCookie, packet.isAccepted)
      if (answer === null) return
      if (!answer.isCookie) packet.isAccepted = true
      if (answer.atMs === null) return
      clock.arrive(answer.atMs, () => {
        if (answer.isCookie) {
          this.#cookieAtMs = clock.now()
          this.#line.server.loadedAtMs = clock.now()
          exchange.seen.cookie = true
          if (exchange.isSettled || cookies >= 2) return
          cookies += 1
          initiate(true, packet)
          return
        }
        if (!exchange.isSettled) this.#sessionAtMs = clock.now()
        exchange.answer(packet.number, sentAtMs, clock.now())
      })
    }
    exchange.packets = 1
    first.number = 1
    initiate(true, first)
    onAsked?.(exchange)
    const stop = this.#repeat(exchange, everyMs ?? deadline.remainingMs / 3, (isOdd) => {
      if (clock.now() < this.#nextInitiationAtMs) return
      if (this.#repeatsSame) return initiate(isOdd, first)
      exchange.packets += 1
      initiate(isOdd, { isAccepted: false, number: exchange.packets })
    })
    const outcome = await exchange.outcome
    stop()
    return outcome
  }

  async ping(_endpoint, _route, deadline, { everyMs = deadline.remainingMs / 4, onAsked } = {}) {
    const { Exchange, failure } = this.#parts
    if (this.#sessionAtMs === null) return failure('no-session', 'has no session')
    const exchange = new Exchange(this.#line, deadline, this.#clock)
    const send = () => {
      exchange.packets += 1
      const number = exchange.packets
      const sentAtMs = this.#clock.now()
      const answer = this.#world.answer(sentAtMs, false)
      if (answer === null || answer.atMs === null) return
      this.#clock.arrive(answer.atMs, () => exchange.answer(number, sentAtMs, this.#clock.now()))
    }
    send()
    onAsked?.(exchange)
    const stop = this.#repeat(exchange, everyMs, send)
    const outcome = await exchange.outcome
    stop()
    return outcome
  }

  exchange() {
    throw new Error('not simulated')
  }

  tell() {}

  async close() {}

  #repeat(exchange, everyMs, send) {
    let timer = null
    let isOdd = true
    const wait = () => {
      const hasTime = this.#parts.hasTimeForAnother(exchange.deadline, everyMs)
      timer = hasTime ? this.#clock.after(everyMs, again) : null
    }
    const again = () => {
      if (exchange.isSettled) return
      send(isOdd)
      isOdd = !isOdd
      wait()
    }
    wait()
    return () => timer?.cancel()
  }
}
