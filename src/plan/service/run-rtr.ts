import { systemClock } from '../../clock/clock.ts'
import type { Listener } from '../../control/listener.ts'
import { createLog, type Log } from '../../telemetry/log.ts'
import { renderMetrics } from '../../telemetry/render-metrics.ts'
import { createRtrMetrics } from '../../telemetry/rtr-metrics.ts'
import { OperationError } from '../../text/operation-error.ts'
import { formatCount } from '../rpki/assess.ts'
import { createRtrServer, type RtrServer } from '../rtr/server.ts'
import type { RtrEvent } from '../rtr/session.ts'
import type { RtrCache, VrpSource } from '../sites/fleet.ts'
import { serveViews } from './serve-views.ts'
import { VrpFeed } from './vrp-feed.ts'

/**
 * The server runs beside the router, so frequent refreshes are cheap. The expiry is the longest that RFC 8210, section
 * 6, allows: bgpd obeys these timers whatever its own configuration says, and the VRPs must outlive a failed server.
 */
const timers = { refreshS: 300, retryS: 30, expireS: 172_800 }

export interface RtrOptions {
  readonly source: VrpSource
  readonly listen: RtrCache
  /** Keeps the last good VRPs there over a restart; `null` keeps none. */
  readonly stateDir: string | null
  readonly pollMs: number
  /** `ADDRESS:PORT` of the HTTP server; `null`: none. */
  readonly metricsListen: string | null
}

/** Serves VRPs to routers (RFC 8210) until SIGTERM or SIGINT. Throws OperationError if it cannot listen. */
export async function runRtr({ source, listen, stateDir, pollMs, metricsListen }: RtrOptions): Promise<void> {
  const { host, port } = listen
  const { log, end } = await createLog({ program: 'rtr' })
  const server = createRtrServer({
    vrps: null,
    ...timers,
    onEvent: (router, event) => logEvent(log, router, event),
  })
  const feed = new VrpFeed({ source, stateDir, server, log, clock: systemClock })
  // Before routers can ask: after No Data Available they wait a whole retry interval.
  await feed.poll()
  const address = await server.listen(host, port).catch((cause: NodeJS.ErrnoException) => {
    throw new OperationError(`cannot listen on ${host}, port ${port} (${cause.code})`, {
      hint: 'check whether another RTR server runs there, or use another address with --listen ADDRESS:PORT',
      cause,
    })
  })
  const views = metricsListen === null ? null : await serveRtrViews(metricsListen, feed, server, log)
  log.info({ event: 'listen', ...address }, `serving routers at ${address.host}, port ${address.port}`)
  let timer = systemClock.after(pollMs, pollAgain)
  function pollAgain() {
    void feed.poll().finally(() => {
      timer = systemClock.after(pollMs, pollAgain)
    })
  }
  const signal = await new Promise<string>((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, resolve)
  })
  timer.cancel()
  void views?.close()
  log.warn({ event: 'stop', signal }, `stopping on ${signal}`)
  await end()
}

function serveRtrViews(where: string, feed: VrpFeed, server: RtrServer, log: Log): Promise<Listener> {
  const metrics = createRtrMetrics()
  return serveViews(where, {
    isWorking: () => feed.served !== null,
    status: () => ({ ...feed.served, serial: server.serial, routers: server.connections }),
    metrics() {
      const { served } = feed
      if (served === null) for (const gauge of [metrics.vrps, metrics.vrpsGenerated]) gauge.remove()
      else {
        metrics.vrps.set(served.vrps)
        metrics.vrpsGenerated.set(served.generatedMs / 1000)
      }
      metrics.serial.set(server.serial)
      metrics.routers.set(server.connections)
      return renderMetrics(metrics.registry)
    },
    option: '--metrics',
    log,
  })
}

function logEvent(log: Log, router: string, event: RtrEvent): void {
  const facts = { event: 'router', router, ...event, type: event.type }
  switch (event.type) {
    case 'served':
      log.info(facts, `${router} has serial ${event.serial}: ${event.what}, ${formatCount(event.rows)} rows`)
      break
    case 'error':
      log.warn(
        facts,
        `${event.by === 'us' ? `error of ${router}` : `error of this cache, reported by ${router}`}: ${event.text}`,
      )
      break
    case 'refused':
      log.warn(facts, `${router} refused: connection limit reached`)
      break
    case 'stalled':
      log.warn(facts, `${router} disconnected: it has read nothing for too long`)
      break
    default:
      log.info(facts, `${router}: ${event.type}`)
  }
}
