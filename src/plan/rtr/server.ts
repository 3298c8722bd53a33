import { randomInt } from 'node:crypto'
import { type AddressInfo, createServer } from 'node:net'
import { type Clock, systemClock, type Timer } from '../../clock/clock.ts'
import type { VrpSet } from '../rpki/vrp-set.ts'
import { History } from './history.ts'
import type { RtrTimers } from './pdu.ts'
import { type RtrEvent, Session } from './session.ts'

export interface RtrServerOptions extends RtrTimers {
  /** `null`: none yet; routers receive No Data Available. */
  readonly vrps: VrpSet | null
  /** Minimum interval of Serial Notify PDUs; a minute, by RFC 8210, section 5.2. */
  readonly notifyIntervalMs?: number
  readonly maxConnections?: number
  /** A router that reads nothing for this time is disconnected. */
  readonly stallMs?: number
  /** A client that sends no query for this time after the connection is disconnected. */
  readonly firstQueryMs?: number
  readonly onEvent?: (router: string, event: RtrEvent) => void
  readonly clock?: Clock
}

export interface RtrServer {
  /** Resolves when routers can connect. Rejects with the system's error. Port 0: any free one. */
  listen(host: string, port: number): Promise<{ readonly host: string; readonly port: number }>
  /** `false`: the set is served already, and no Serial Notify is sent. */
  update(vrps: VrpSet): boolean
  readonly serial: number
  readonly connections: number
  /** Ends all sessions at once. */
  close(): Promise<void>
}

/** A cache for routers: RTR version 1 (RFC 8210), and version 0 (RFC 6810) for routers that use it. */
export function createRtrServer(options: RtrServerOptions): RtrServer {
  const { notifyIntervalMs = 60_000, maxConnections = 128, stallMs = 60_000, firstQueryMs = 10_000 } = options
  const { refreshS, retryS, expireS, onEvent = () => {}, clock = systemClock } = options
  const history = new History()
  if (options.vrps !== null) history.update(options.vrps)
  const sessionIds = [randomInt(0x10000), randomInt(0x10000)] as const
  const sessions = new Set<Session>()
  let notifiedAtMs = Number.NEGATIVE_INFINITY
  let notifyTimer: Timer | null = null

  const server = createServer((socket) => {
    const router = `${socket.remoteAddress}:${socket.remotePort}`
    if (sessions.size >= maxConnections) {
      // A router sends a query as soon as it has connected. A silent connection makes room for it.
      const silent = [...sessions].find(({ hasAsked }) => !hasAsked)
      if (silent === undefined) {
        onEvent(router, { type: 'refused' })
        socket.on('error', () => {}).destroy()
        return
      }
      sessions.delete(silent)
      silent.endSilent()
    }
    const session = new Session({
      socket,
      history,
      timers: { refreshS, retryS, expireS },
      sessionIds,
      stallMs,
      firstQueryMs,
      clock,
      onEvent: (event) => onEvent(router, event),
    })
    sessions.add(session)
    socket.on('close', () => sessions.delete(session))
    onEvent(router, { type: 'connected' })
  })

  const notify = () => {
    notifyTimer = null
    notifiedAtMs = clock.now()
    for (const session of sessions) session.notify()
  }

  return {
    listen: (host, port) =>
      new Promise((resolve, reject) => {
        server.once('error', reject)
        server.listen(port, host, () => {
          server.off('error', reject)
          // Out of file descriptors: connected routers stay connected.
          server.on('error', () => {})
          const address = server.address() as AddressInfo
          resolve({ host: address.address, port: address.port })
        })
      }),
    update(vrps) {
      const before = history.vrps
      history.update(vrps)
      if (history.vrps === before) return false
      const waitMs = notifiedAtMs + notifyIntervalMs - clock.now()
      if (waitMs <= 0) notify()
      else notifyTimer ??= clock.after(waitMs, notify)
      return true
    },
    get serial() {
      return history.serial
    },
    get connections() {
      return sessions.size
    },
    async close() {
      notifyTimer?.cancel()
      notifyTimer = null
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const session of sessions) session.destroy()
      await closed
    },
  }
}
