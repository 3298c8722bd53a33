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
  /** The newest; an initiation's number is that of its session. */
  #session = { number: 0, atMs: null }
  /** The session of the last answered echo. */
  #proven = 0
  /** Those that the server knows: `next` was not used yet. WireGuard paper, section 5.4.5. */
  #known = { previous: null, current: null, next: null }
  #initiations = 0
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
    const { atMs } = this.#session
    return atMs === null ? null : this.#clock.now() - atMs
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
    const create = () => {
      exchange.packets += 1
      this.#initiations += 1
      return { isAccepted: false, number: exchange.packets, session: this.#initiations }
    }
    let cookies = 0
    const initiate = (withCookie, packet) => {
      this.#nextInitiationAtMs = Math.max(this.#nextInitiationAtMs, clock.now() + initiationSpacingMs)
      const hasCookie = withCookie && clock.now() - this.#cookieAtMs < 1500
      const sentAtMs = clock.now()
      const answer = this.#world.answer(sentAtMs, true, hasCookie, packet.isAccepted)
      if (answer === null) return
      if (!answer.isCookie) {
        packet.isAccepted = true
        this.#known = { ...this.#known, previous: null, next: packet.session }
      }
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
        if (packet.session > this.#session.number)
          this.#session = { number: packet.session, atMs: clock.now() }
        exchange.answer(packet.number, sentAtMs, clock.now())
      })
    }
    const first = create()
    initiate(true, first)
    onAsked?.(exchange)
    const stop = this.#repeat(exchange, everyMs ?? deadline.remainingMs / 3, (isOdd) => {
      if (clock.now() < this.#nextInitiationAtMs) return
      if (this.#repeatsSame) return initiate(isOdd, first)
      initiate(isOdd, create())
    })
    const outcome = await exchange.outcome
    stop()
    return outcome
  }

  async ping(_endpoint, _route, deadline, { everyMs = deadline.remainingMs / 4, onAsked } = {}) {
    const { Exchange, failure } = this.#parts
    if (this.#session.atMs === null) return failure('no-session', 'has no session')
    const exchange = new Exchange(this.#line, deadline, this.#clock)
    const sendIn = (session) => {
      exchange.packets += 1
      const number = exchange.packets
      const sentAtMs = this.#clock.now()
      const answer = this.#world.answer(sentAtMs, false)
      if (answer === null || !this.#use(session) || answer.atMs === null) return
      this.#clock.arrive(answer.atMs, () => {
        this.#proven = Math.max(this.#proven, session)
        exchange.answer(number, sentAtMs, this.#clock.now())
      })
    }
    const send = () => {
      const isRepeated = exchange.packets > 0
      const { number: newest } = this.#session
      sendIn(newest)
      // Before suspicion it was not.
      if (isRepeated && this.#proven > 0 && this.#proven < newest && !this.#repeatsSame) sendIn(this.#proven)
    }
    send()
    onAsked?.(exchange)
    const stop = this.#repeat(exchange, everyMs, send)
    const outcome = await exchange.outcome
    stop()
    return outcome
  }

  /** Whether the server knows the session, which it uses from now on. */
  #use(session) {
    const { previous, current, next } = this.#known
    if (session === next) this.#known = { previous: current, current: next, next: null }
    return [previous, current, next].includes(session)
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
